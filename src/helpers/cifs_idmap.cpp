/// @file
/// cifs.idmap: run by request-key(8) to answer the kernel's questions for ids and SIDs. See cifs.idmap(8).

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>

#include "helpers/idmap_options.hpp"
#include "helpers/key_call.hpp"
#include "helpers/last_word.hpp"
#include "helpers/standard_descriptors.hpp"
#include "trace/journal.hpp"
#include "trace/trace.hpp"

namespace {

using nsupcall::KeySerial;
using nsutil::Deadline;

constexpr const char* kProgram = "cifs.idmap";
constexpr auto kDeadline = std::chrono::seconds(15);

nsutil::Result<nsupcall::IdQuestion> accept(const nsupcall::IdmapHelperOptions& options,
                                            const nsupcall::KeyUnderConstruction& key,
                                            nsupcall::KeyDescription& description) {
    auto text = key.describe();
    if (!text) return nsutil::propagate(text);
    auto parsed = nsupcall::KeyDescription::parse(*text);
    if (!parsed) return nsutil::propagate(parsed);
    description = std::move(*parsed);
    if (description.type != (options.test_type ? "user" : "cifs.idmap"))
        return nsutil::fail(EINVAL, "keys of type " + nsupcall::escape(description.type) + " are not served");
    return nsupcall::IdQuestion::parse(description.description);
}

int answer(const nsupcall::IdmapHelperOptions& options, const Deadline& deadline) {
    const nsupcall::KeyUnderConstruction key(options.key);
    nsupcall::KeyDescription description;
    nsupcall::CallResult result;
    const auto question = accept(options, key, description);
    if (!question) {
        result.fail(question.error().code, question.error().text());
    } else if (auto asker = find_asker(key, description, ".cifs_idmap", options.thread_keyring); !asker) {
        result.fail(asker.error().code == ENOENT ? ESRCH : asker.error().code, asker.error().text());
    } else {
        if (options.test_type && !options.test_origin) asker->made_by_kernel = true;
        result = call_idmap(*question, options.idmap, *asker, options.timeout_seconds, deadline);
    }
    return finish_call(key, result, {kProgram, "cifs.idmap", description.description, description.uid},
                       options.chronicle);
}

int run(int argc, char** argv, KeySerial& key) {
    auto deadline = Deadline::after(kDeadline);
    nsupcall::open_standard_descriptors();
    // Ignored signals are inherited: an ignored SIGCHLD would take the worker's status away.
    (void)std::signal(SIGCHLD, SIG_DFL);
    (void)std::signal(SIGPIPE, SIG_IGN);
    nsupcall::arm_last_word(key, deadline);
    const auto options = nsupcall::IdmapHelperOptions::parse(argc, argv, key);
    if (!options) {
        (void)std::fprintf(stderr, "%s: %s\n%s", kProgram, options.error().what.c_str(),
                           nsupcall::idmap_usage());
        if (key != 0) (void)nsupcall::KeyUnderConstruction(key).reject(EINVAL);
        log_record(nsupcall::Severity::error, kProgram,
                   "bad usage: " + nsupcall::escape(options.error().what), {});
        return nsupcall::kExitUsage;
    }
    if (options->show_help) return std::fputs(nsupcall::idmap_usage(), stdout) < 0 ? 1 : 0;
    if (options->show_version) return std::puts("nsupcall " NSUPCALL_VERSION) < 0 ? 1 : 0;
    if (options->deadline) {
        deadline = Deadline::after(*options->deadline);
        nsupcall::arm_last_word(key, deadline);
    }
    return answer(*options, deadline);
}

}  // namespace

int main(int argc, char** argv) {
    static KeySerial key = 0;
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
