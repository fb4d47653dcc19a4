/// @file
/// The engine: answers upcalls for front ends that need not start a helper. See nsupcall-engine(8).

#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "engine/listening_socket.hpp"
#include "engine/message.hpp"
#include "engine/pool.hpp"
#include "engine/process_title.hpp"
#include "helpers/standard_descriptors.hpp"
#include "keys/key_service.hpp"
#include "nsutil/proc_text.hpp"
#include "trace/journal.hpp"
#include "trace/trace.hpp"

namespace {

using namespace nsupcall;
using namespace nsupcall::engine;

constexpr rlim_t kOpenFiles = 256;
constexpr const char* kProgram = "nsupcall-engine";
constexpr int kUsage = 64;

struct Options {
    std::string socket = kSocketPath;
    std::string config = kConfigPath;
    PoolLimits limits;
};

bool take_number(std::string_view word, std::string_view name, unsigned least, unsigned& value) {
    if (!word.starts_with(name)) return false;
    constexpr unsigned kMost = 1'000'000;
    const auto number = nsutil::parse_number<std::uint32_t>(word.substr(name.size()));
    if (!number || *number < least || *number > kMost) return false;
    value = *number;
    return true;
}

bool take_text(std::string_view word, std::string_view name, std::string& value) {
    if (!word.starts_with(name)) return false;
    value = word.substr(name.size());
    return true;
}

bool take(std::string_view word, Options& options) {
    return take_text(word, "--socket=", options.socket) || take_text(word, "--config=", options.config) ||
           take_number(word, "--idle=", 1, options.limits.idle) ||
           take_number(word, "--most=", 1, options.limits.most) ||
           take_number(word, "--layout=", 1, options.limits.layout) ||
           take_number(word, "--already=", 0, options.limits.already);
}

/// What every servant and worker is to start from: nothing of whoever started the engine.
void become_plain() {
    open_standard_descriptors();
    for (int number = 1; number < NSIG; ++number)
        if (number != SIGKILL && number != SIGSTOP) (void)std::signal(number, SIG_DFL);
    (void)std::signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    ::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    (void)::clearenv();
    // Or libkrb5's first date would make glibc read /etc/localtime.
    (void)::setenv("TZ", ":", 1);
    (void)::umask(077);
    const rlimit no_core = {0, 0};
    (void)::setrlimit(RLIMIT_CORE, &no_core);
    // Nothing here opens more than a few dozen; a kernel without close_range(2) has each number up to the
    // limit closed one by one.
    const rlimit few = {kOpenFiles, kOpenFiles};
    (void)::setrlimit(RLIMIT_NOFILE, &few);
    (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int complain(const std::string& what) {
    (void)std::fprintf(stderr, "%s: %s\n", kProgram, what.c_str());
    log_record(Severity::error, kProgram, escape(what), {});
    return 1;
}

int run(char** argv) {
    remember_command_line(argv);
    Options options;
    for (char** word = argv + 1; *word != nullptr; ++word)
        if (!take(*word, options)) {
            (void)std::fprintf(
                stderr,
                "Usage: engine [--socket=PATH] [--config=PATH] [--idle=N] [--most=N] [--layout=N]\n"
                "Answers cifs.upcall's requests; see nsupcall-engine(8).\n");
            return kUsage;
        }
    if (::getuid() != 0 || ::geteuid() != 0) return complain("needs root");
    // A layout that can be foretold would be the same for every worker of every engine.
    if (::personality(PER_LINUX) < 0 || ::chdir("/") != 0) return complain("cannot become plain");
    auto listening = open_listening_socket(options.socket);
    if (!listening) return complain(listening.error().text());
    become_plain();
    if (const int error = drop_key_access()) return complain("keys: " + nsutil::errno_name(error));
    auto pool = Pool::create(listening->get(), options.limits, options.socket + ".workers", options.config);
    if (!pool) return complain(pool.error().text());
    const auto end = pool->run();
    if (!end) return complain(end.error().text());
    if (*end == PoolEnd::stopped) return 0;
    const int error = begin_anew(listening->get(), argv, "--already=" + std::to_string(pool->children()));
    return complain("cannot begin anew: " + nsutil::errno_name(error));
}

}  // namespace

int main(int /*argc*/, char** argv) {
    try {
        return run(argv);
    } catch (const std::exception& failed) {
        return complain(failed.what());
    }
}
