#include "container/podman.hpp"

#include <cstdlib>

#include "support/process.hpp"

namespace nsupcall::test {
namespace {

std::string environment_of_run(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

std::string base64(const std::string& bytes) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t kGroup = 3;
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += kGroup) {
        std::uint32_t group = 0;
        const std::size_t count = std::min(kGroup, bytes.size() - at);
        for (std::size_t i = 0; i < kGroup; ++i)
            group = group << 8U | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i <= kGroup; ++i)
            text += i <= count ? kDigits[group >> (18U - 6U * i) & 63U] : '=';
    }
    return text;
}

Podman::Podman(bool rootless)
    : rootless_(rootless),
      scratch_(environment_of_run("NSUPCALL_CONTAINER_SCRATCH")),
      folder_(scratch_ + (rootless ? "/rootless" : "/rootful")) {}

nsutil::Result<std::string> Podman::run(const std::vector<std::string>& arguments) const {
    if (scratch_.empty()) return nsutil::fail(EINVAL, "to be started by tests/container/run");
    Command command;
    if (rootless_) command.argv = {"setpriv", "--reuid=5990", "--regid=5990", "--clear-groups"};
    command.argv.insert(command.argv.end(),
                        {"podman", "--root=" + folder_ + "/root", "--runroot=" + folder_ + "/run",
                         "--tmpdir=" + folder_ + "/tmp"});
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {"CONTAINERS_CONF=" + environment_of_run("CONTAINERS_CONF"),
                           "HOME=" + scratch_ + "/home", "XDG_RUNTIME_DIR=" + folder_, "LC_ALL=C"};
    command.limit = std::chrono::seconds(120);
    return run_checked(command);
}

nsutil::Result<void> Podman::import_base() const {
    auto done = run({"import", "--change", "CMD=/bin/sh", "--change",
                     "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                     environment_of_run("NSUPCALL_CONTAINER_BASE"), kImage});
    if (!done) return nsutil::propagate(done, "base image");
    return {};
}

nsutil::Result<void> Podman::put(const std::string& container, const std::string& path,
                                 const std::string& content) const {
    auto done =
        run({"exec", container, "sh", "-c", "umask 077; echo " + base64(content) + " | base64 -d > " + path});
    if (!done) return nsutil::propagate(done, path);
    return {};
}

nsutil::Result<pid_t> Podman::process_of(const std::string& container) const {
    auto text = run({"inspect", "--format", "{{.State.Pid}}", container});
    if (!text) return nsutil::propagate(text);
    const pid_t pid = std::atoi(text->c_str());
    if (pid <= 0) return nsutil::fail(ESRCH, container + " does not run");
    return pid;
}

nsutil::Result<std::string> Podman::id_of(const std::string& container) const {
    auto text = run({"inspect", "--format", "{{.Id}}", container});
    if (!text) return nsutil::propagate(text);
    return first_line(*text);
}

void Podman::remove_all() const {
    // Their processes are `sleep`, which as the first of a pid namespace ignores the polite signal.
    (void)run({"pod", "rm", "--force", "--all", "--time=0"});
    (void)run({"rm", "--force", "--all", "--time=0"});
    (void)run({"secret", "rm", "--all"});
    (void)run({"volume", "prune", "--force"});
}

}  // namespace nsupcall::test
