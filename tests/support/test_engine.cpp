#include "support/test_engine.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>

namespace nsupcall::test {

using nsutil::Result;

bool tests_run_with_engine() {
    const char* wanted = std::getenv("NSUPCALL_TEST_ENGINE");
    return wanted != nullptr && std::string_view(wanted) == "1";
}

std::filesystem::path front_path() {
    return NSUPCALL_FRONT_PATH;
}

Result<TestEngine> TestEngine::start(const std::vector<std::string>& options, std::filesystem::path folder,
                                     std::vector<std::string> environment) {
    auto own = TempDir::create();
    if (!own) return std::unexpected(own.error());
    if (folder.empty()) folder = own->path();
    const auto log = (own->path() / "log").string();
    const auto socket = folder / "engine/socket";
    Command command{.argv = {NSUPCALL_ENGINE_PATH}, .environment = std::move(environment), .log_file = log};
    command.argv.insert(command.argv.end(), options.begin(), options.end());
    command.argv.push_back("--socket=" + socket.string());
    auto daemon = Daemon::start(command);
    if (!daemon) return std::unexpected(daemon.error());
    TestEngine engine(std::move(*own), std::move(folder), std::move(*daemon));
    constexpr int kTries = 500;
    for (int at = 0; at < kTries && engine.daemon_.alive(); ++at) {
        std::error_code failed;
        if (std::filesystem::is_socket(socket, failed) && !engine.servants().empty()) return engine;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return nsutil::fail(ESRCH, "the engine does not start: " + read_file(log).value_or(""));
}

std::vector<pid_t> children_of(pid_t pid) {
    std::istringstream text(read_file(fmt::format("/proc/{0}/task/{0}/children", pid)).value_or(""));
    std::vector<pid_t> children;
    for (pid_t child = 0; text >> child;) children.push_back(child);
    return children;
}

bool is_sealed(pid_t pid) {
    const auto status = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
    return status.find("NoNewPrivs:\t1\n") != std::string::npos &&
           status.find("Seccomp:\t2\n") != std::string::npos;
}

std::vector<pid_t> TestEngine::children(const std::string& name) const {
    auto found = children();
    std::erase_if(found, [&](pid_t child) {
        return read_file(fmt::format("/proc/{}/comm", child)).value_or("") != name + "\n";
    });
    return found;
}

std::string TestEngine::layout() const {
    const auto maps = read_file(fmt::format("/proc/{}/maps", pid())).value_or("");
    return maps.substr(0, maps.find(' '));
}

Result<std::string> engine_for(const std::filesystem::path& program) {
    if (!tests_run_with_engine() || program != NSUPCALL_SERVED_HELPER_PATH) return std::string();
    static std::optional<TestEngine> engine;
    if (!engine) {
        auto started = TestEngine::start({"--idle=2"});
        if (!started) return std::unexpected(started.error());
        engine.emplace(std::move(*started));
    }
    return engine->socket();
}

}  // namespace nsupcall::test
