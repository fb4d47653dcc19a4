#include "support/key_request.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <keyutils.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "support/leftovers.hpp"

namespace nsupcall::test {
namespace {

using nsutil::Result;
using nsutil::UniqueFd;
using Clock = std::chrono::steady_clock;

struct AnswerHeader {
    std::int32_t error;
    std::int32_t remembered_s;
    std::int64_t elapsed_ms;
    std::uint64_t size;
};

void write_all(int fd, const void* data, std::size_t size) {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t n = ::write(fd, bytes, size);
        if (n <= 0) ::_exit(1);
        bytes += n;
        size -= static_cast<std::size_t>(n);
    }
}

/// The rest of the life of a negative key of the caller's, as /proc/keys prints it: "58s", "1m", "expd".
int remembered_seconds(const std::string& description) {
    // An earlier request's key may have the same description and not be collected yet.
    key_serial_t held[16] = {};
    const long bytes = ::keyctl_read(KEY_SPEC_SESSION_KEYRING, reinterpret_cast<char*>(held), sizeof held);
    if (bytes < static_cast<long>(sizeof held[0])) return -1;
    const std::string own_serial = fmt::format("{:08x}", static_cast<std::uint32_t>(held[0]));
    std::ifstream keys("/proc/keys");
    for (std::string line; std::getline(keys, line);) {
        std::istringstream words(line);
        std::string serial;
        std::string flags;
        std::string usage;
        std::string life;
        words >> serial >> flags >> usage >> life;
        if (serial != own_serial || flags.find('N') == std::string::npos) continue;
        if (!line.ends_with(" " + description)) return -1;
        if (life == "expd") return 0;
        const int number = std::atoi(life.c_str());
        return life.ends_with('s') ? number : number * 60;
    }
    return -1;
}

/// @param gate_fd  -1: asks at once
[[noreturn]] void ask(const std::string& type, const std::string& description, const std::string& callout,
                      int fd, int gate_fd) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    AnswerHeader header{};
    header.remembered_s = -1;
    void* payload = nullptr;
    if (::keyctl_join_session_keyring(nullptr) < 0) {
        header.error = errno;
    } else {
        char nothing = 0;
        if (gate_fd >= 0) (void)!::read(gate_fd, &nothing, 1);
        const auto begin = Clock::now();
        const key_serial_t key =
            ::request_key(type.c_str(), description.c_str(), callout.c_str(), KEY_SPEC_SESSION_KEYRING);
        const int saved = errno;
        header.elapsed_ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
        if (key < 0) {
            header.error = saved;
            header.remembered_s = remembered_seconds(description);
        } else {
            const int size = ::keyctl_read_alloc(key, &payload);
            if (size < 0) header.error = errno;
            header.size = size < 0 ? 0 : static_cast<std::uint64_t>(size);
        }
    }
    write_all(fd, &header, sizeof header);
    write_all(fd, payload, header.size);
    while (gate_fd >= 0) ::pause();
    ::_exit(0);
}

}  // namespace

std::string UpcallFields::description() const {
    std::string text =
        fmt::format("ver=0x2;host={};{};sec={};uid={:#x};creduid={:#x}", host, address, sec, uid, creduid);
    if (user) text += ";user=" + *user;
    text += fmt::format(";pid={:#x}", static_cast<std::uint32_t>(pid));
    if (upcall_target) text += ";upcall_target=" + *upcall_target;
    return text;
}

std::string KeyAnswer::text() const {
    return error != 0 ? nsutil::errno_name(error) : fmt::format("a key of {} bytes", payload.size());
}

Result<KeyRequest> KeyRequest::fork_asker(const std::string& description, const std::string& key_type,
                                          const std::string& callout, int gate_fd) {
    remember_description(description);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return nsutil::fail_errno("pipe");
    UniqueFd from(ends[0]);
    UniqueFd to(ends[1]);
    (void)::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) return nsutil::fail_errno("fork");
    if (child == 0) ask(key_type, description, callout, to.get(), gate_fd);
    return KeyRequest(child, std::move(from));
}

Result<KeyRequest> KeyRequest::start(const std::string& description, const std::string& key_type,
                                     const std::string& callout) {
    constexpr int kNoGate = -1;
    return fork_asker(description, key_type, callout, kNoGate);
}

Result<KeyRequest> KeyRequest::start_held(const std::string& description, int gate_fd) {
    return fork_asker(description, "user", "", gate_fd);
}

KeyRequest::~KeyRequest() {
    if (child_ <= 0) return;
    (void)::kill(child_, SIGKILL);
    // request_key(2) may wait without being killable: the child is left to its end then, and not waited for.
    for (int i = 0; i < 200; ++i) {
        int status = 0;
        if (::waitpid(child_, &status, WNOHANG) != 0) return;
        ::usleep(5000);
    }
}

Result<KeyAnswer> KeyRequest::finish(std::chrono::seconds limit) {
    auto answer = receive(limit);
    // One that still waits is for the destructor.
    if (!answer && answer.error().code == ETIMEDOUT) return answer;
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return answer;
}

Result<KeyAnswer> KeyRequest::receive(std::chrono::seconds limit) {
    std::string text;
    AnswerHeader header{};
    const auto is_whole = [&] {
        if (text.size() < sizeof header) return false;
        std::memcpy(&header, text.data(), sizeof header);
        return text.size() >= sizeof header + header.size;
    };
    const auto end = Clock::now() + limit;
    char buffer[8192];
    while (!is_whole()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd waiting{answer_fd_.get(), POLLIN, 0};
        const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return nsutil::fail(ETIMEDOUT, "the kernel still waits for the helper");
        const ssize_t n = ::read(answer_fd_.get(), buffer, sizeof buffer);
        if (n <= 0) break;
        text.append(buffer, static_cast<std::size_t>(n));
    }
    if (text.size() < sizeof header) return nsutil::fail(EIO, "the requesting child died");
    KeyAnswer answer;
    answer.error = header.error;
    answer.elapsed = std::chrono::milliseconds(header.elapsed_ms);
    answer.remembered_s = header.error != 0 ? header.remembered_s : -1;
    answer.payload = text.substr(sizeof header);
    if (answer.payload.size() != header.size) return nsutil::fail(EIO, "the payload was cut short");
    return answer;
}

Result<KeyAnswer> ask_kernel(const std::string& description, const std::string& key_type) {
    auto request = KeyRequest::start(description, key_type);
    if (!request) return std::unexpected(request.error());
    return request->finish();
}

}  // namespace nsupcall::test
