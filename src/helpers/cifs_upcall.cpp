/// @file
/// cifs.upcall: run by request-key(8) to answer the kernel's CIFS client. See cifs.upcall(8).

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>

#include "helpers/last_word.hpp"
#include "helpers/options.hpp"
#include "helpers/standard_descriptors.hpp"
#include "helpers/upcall.hpp"
#include "nsutil/deadline.hpp"

namespace {

int run(int argc, char** argv, nsupcall::KeySerial& key) {
    auto deadline = nsutil::Deadline::after(nsupcall::kUsualDeadline);
    nsupcall::open_standard_descriptors();
    // Ignored signals are inherited: an ignored SIGCHLD would take the worker's status away.
    (void)std::signal(SIGCHLD, SIG_DFL);
    (void)std::signal(SIGPIPE, SIG_IGN);

    nsupcall::arm_last_word(key, deadline);
    const auto options = nsupcall::HelperOptions::parse(argc, argv, key);
    if (!options) return nsupcall::answer_usage_error(key, options.error());
    if (options->show_help) return std::fputs(nsupcall::helper_usage(), stdout) < 0 ? 1 : 0;
    if (options->show_version) return std::puts("nsupcall " NSUPCALL_VERSION) < 0 ? 1 : 0;
    if (options->deadline || options->began) {
        deadline = options->deadline_from(options->began.value_or(options->chronicle.started));
        nsupcall::arm_last_word(key, deadline);
    }
    return nsupcall::answer(*options, deadline);
}

}  // namespace

int main(int argc, char** argv) {
    static nsupcall::KeySerial key = 0;
    int status = 1;
    try {
        status = run(argc, argv, key);
    } catch (const std::bad_alloc&) {
        nsupcall::KeyUnderConstruction::reject_from_signal_handler(key, ENOMEM);
    } catch (...) {
        nsupcall::KeyUnderConstruction::reject_from_signal_handler(key, EKEYREJECTED);
    }
    // The kernel waits for this process to be gone: no destructors.
    (void)std::fflush(nullptr);
    ::_exit(status);
}
