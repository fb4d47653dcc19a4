#include "admin/agent_snapshot.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstring>

#include "nsutil/deadline.hpp"

namespace nsupcall::admin {
namespace {

struct Head {
    std::uint64_t magic;
    std::array<std::uint64_t, 4> sizes;
};
constexpr std::uint64_t kMagic = 0x31746e6770756e73;  // "snupgnt1"

template <class Self>
auto parts_of(Self& snapshot) {
    return std::array{&snapshot.metrics, &snapshot.page, &snapshot.status, &snapshot.objections};
}

}  // namespace

nsutil::Result<void> send_snapshot(int fd, const Snapshot& snapshot, int patience_ms) {
    Head head = {kMagic, {}};
    std::string bytes(sizeof head, '\0');
    std::size_t at = 0;
    for (const auto* part : parts_of(snapshot)) {
        if (part->size() > Snapshot::kPartMost) return nsutil::fail(EFBIG, "snapshot");
        head.sizes[at++] = part->size();
        bytes += *part;
    }
    std::memcpy(bytes.data(), &head, sizeof head);
    const auto deadline = nsutil::Deadline::after(std::chrono::milliseconds(patience_ms));
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (wrote > 0) {
            done += static_cast<std::size_t>(wrote);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) return nsutil::fail_errno("write to the server");
        if (deadline.passed()) return nsutil::fail(ETIMEDOUT, "the server reads no snapshot");
        pollfd waiting = {fd, POLLOUT, 0};
        (void)::poll(&waiting, 1, deadline.remaining_ms());
    }
    return {};
}

bool SnapshotReader::read(int fd) {
    std::array<char, 64 * 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read(2) fills it
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0) return false;
        pending_.append(buffer.data(), static_cast<std::size_t>(got));
        if (!cut()) return false;
    }
}

bool SnapshotReader::cut() {
    for (;;) {
        Head head = {};
        if (pending_.size() < sizeof head) return true;
        std::memcpy(&head, pending_.data(), sizeof head);
        if (head.magic != kMagic) return false;
        std::size_t whole = sizeof head;
        for (const auto size : head.sizes) {
            if (size > Snapshot::kPartMost) return false;
            whole += size;
        }
        if (pending_.size() < whole) return true;
        Snapshot snapshot;
        std::size_t at = sizeof head, part = 0;
        for (auto* text : parts_of(snapshot)) {
            *text = pending_.substr(at, head.sizes[part]);
            at += head.sizes[part++];
        }
        ready_ = std::move(snapshot);
        pending_.erase(0, whole);
    }
}

}  // namespace nsupcall::admin
