#include "privsep/worker_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::Result;
using nsutil::UniqueFd;

constexpr int kBacklog = 128;

std::optional<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return std::nullopt;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

}  // namespace

Result<WorkerSocket> WorkerSocket::create(const std::string& path) {
    const auto address = address_of(path);
    if (!address) return fail(ENAMETOOLONG, path);
    UniqueFd listening(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!listening) return fail_errno("socket");
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path);
    const auto mask = ::umask(0177);
    const bool bound =
        ::bind(listening.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0;
    const int error = errno;
    (void)::umask(mask);
    if (!bound) return fail(error, "bind " + path);
    UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    const int open_error = errno;
    (void)::unlink(path.c_str());
    if (!file) return fail(open_error, "open " + path);
    if (::listen(listening.get(), kBacklog) != 0) return fail_errno("listen");
    return WorkerSocket(std::move(listening), std::move(file));
}

void WorkerSocket::dismiss() const {
    (void)::shutdown(listening_.get(), SHUT_RDWR);
}

Result<UniqueFd> WorkerSocket::connect() const {
    const auto address = address_of("/proc/self/fd/" + std::to_string(file_.get()));
    UniqueFd channel(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!channel) return fail_errno("socket");
    if (::connect(channel.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return fail_errno("connect to a worker");
    return channel;
}

}  // namespace nsupcall
