#include "engine/listening_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "nsutil/proc_text.hpp"
#include "session/private_folder.hpp"

namespace nsupcall::engine {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::Result;
using nsutil::UniqueFd;

constexpr int kBacklog = 128;

bool is_handed_over() {
    const char* pid = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    if (pid == nullptr || count == nullptr) return false;
    const auto number = nsutil::parse_number<std::uint32_t>(pid);
    return number && static_cast<pid_t>(*number) == ::getpid() && std::strcmp(count, "1") == 0;
}

Result<UniqueFd> take_over() {
    UniqueFd fd(kInheritedFd);
    int type = 0;
    int listening = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || type != SOCK_SEQPACKET ||
        listening == 0)
        return fail(EPROTO, "descriptor 3 is no listening socket of type seqpacket");
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0 ||
        ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0)
        return fail_errno("the socket that was handed over");
    return fd;
}

bool somebody_answers(const sockaddr_un& address) {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

Result<UniqueFd> make(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (!path.starts_with('/') || path.size() >= sizeof address.sun_path)
        return fail(EINVAL, "no path for a socket: " + path);
    std::memcpy(address.sun_path, path.data(), path.size());
    if (auto folder = PrivateFolder::open_or_make(path.substr(0, path.rfind('/'))); !folder)
        return nsutil::propagate(folder, "folder of " + path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno("socket");
    if (somebody_answers(address)) return fail(EADDRINUSE, "an engine answers at " + path);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path);
    const auto mask = ::umask(0177);
    const bool bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int error = errno;
    (void)::umask(mask);
    if (!bound) return fail(error, "bind " + path + ": " + ::strerror(error));
    if (::listen(fd.get(), kBacklog) != 0) return fail_errno("listen");
    return fd;
}

}  // namespace

Result<UniqueFd> open_listening_socket(const std::string& path) {
    auto fd = is_handed_over() ? take_over() : make(path);
    if (!fd) return fd;
    // Inherited by every accepted socket (Linux net/unix/af_unix.c, unix_sock_inherit_flags).
    const int yes = 1;
    if (::setsockopt(fd->get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0)
        return fail_errno("SO_PASSCRED");
    return fd;
}

int begin_anew(int listen_fd, char* const* argv, const std::string& argument) {
    std::vector<std::string> words = {argv[0], argument};
    const auto name = argument.substr(0, argument.find('=') + 1);
    for (int at = 1; argv[at] != nullptr; ++at)
        if (!std::string_view(argv[at]).starts_with(name)) words.emplace_back(argv[at]);
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    // dup3 with equal numbers fails, and clears nothing.
    if (listen_fd != kInheritedFd && ::dup3(listen_fd, kInheritedFd, O_CLOEXEC) < 0) return errno;
    if (::fcntl(kInheritedFd, F_SETFD, 0) != 0) return errno;
    std::string pid = "LISTEN_PID=" + std::to_string(::getpid());
    std::string count = "LISTEN_FDS=1";
    char* const environment[] = {pid.data(), count.data(), nullptr};
    (void)::execve("/proc/self/exe", pointers.data(), environment);
    const int error = errno;
    (void)::fcntl(kInheritedFd, F_SETFD, FD_CLOEXEC);
    return error;
}

}  // namespace nsupcall::engine
