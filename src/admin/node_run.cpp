#include "admin/node_run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <span>

#include "nsutil/bounded_read.hpp"
#include "nsutil/child.hpp"
#include "nsutil/namespaces.hpp"

namespace nsupcall::admin {
namespace {

// Only the errno of what kept it from starting comes back: a program that starts closes the channel.
int start(int channel_fd, int root_fd, int null_fd, char* const* arguments) {
    char* const environment[] = {nullptr};
    int error = nsutil::change_root(root_fd);
    if (error == 0) {
        (void)::dup2(null_fd, STDIN_FILENO);
        (void)::dup2(null_fd, STDOUT_FILENO);
        (void)::dup2(null_fd, STDERR_FILENO);
        (void)::execve(arguments[0], arguments, environment);
        error = errno;
    }
    return nsutil::send_message(channel_fd, std::as_bytes(std::span(&error, 1)));
}

std::string meaning(int error) {
    switch (error) {
        case EACCES:
            return "may not be run: the file system is mounted noexec, or a security module forbids it";
        case ENOENT:
            return "or its loader is not there";
        case ENOEXEC:
            return "is not for this processor";
        default:
            return "could not be started: " + nsutil::errno_name(error);
    }
}

}  // namespace

nsutil::Result<int> run_on_node(const NodeRoot& node, const std::vector<std::string>& argv,
                                const nsutil::Deadline& deadline) {
    auto null = nsutil::open_at(AT_FDCWD, "/dev/null", O_RDWR);
    if (!null) return nsutil::propagate(null);
    auto root = node.open_at("/", O_RDONLY | O_DIRECTORY);
    if (!root) return nsutil::propagate(root);
    std::vector<char*> arguments;
    arguments.reserve(argv.size() + 1);
    for (const auto& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    auto child = nsutil::Child::spawn(
        [&](int channel_fd) { return start(channel_fd, root->get(), null->get(), arguments.data()); });
    if (!child) return nsutil::propagate(child);
    std::array<std::byte, sizeof(int)> answer = {};
    const auto got = child->receive(answer, deadline);
    int error = 0;
    if (got && *got == sizeof error) std::memcpy(&error, answer.data(), sizeof error);
    auto status = child->wait(deadline);
    if (!status) return nsutil::propagate(status, argv.front());
    if (error != 0) return nsutil::fail(error, argv.front() + " " + meaning(error));
    return *status;
}

}  // namespace nsupcall::admin
