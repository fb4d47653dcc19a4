#pragma once
/// @file
/// Asking the running kernel for a key, as cifs.ko does.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {

/// The fields of a cifs.spnego description, in the kernel's order.
/// @source  Linux fs/smb/client/cifs_spnego.c, cifs_get_spnego_key()
struct UpcallFields {
    std::string host;
    std::string address = "ip4=127.0.0.1";
    std::string sec = "krb5";
    std::uint32_t uid = 0;
    std::uint32_t creduid = 0;
    std::optional<std::string> user;
    pid_t pid = 0;
    std::optional<std::string> upcall_target = "app";

    [[nodiscard]] std::string description() const;
};

/// What request_key(2) brought.
struct KeyAnswer {
    int error = 0;        ///< errno of request_key(2); 0 where there is a key
    std::string payload;  ///< of the key
    std::chrono::milliseconds elapsed{};
    /// With an error: for how many more seconds the kernel remembers it. 60 where no helper rejected the key
    /// and the kernel did so itself; -1 where /proc/keys does not show the key.
    /// @source  Linux security/keys/request_key.c: key_negative_timeout
    int remembered_s = -1;

    /// "ENOKEY", or "a key of 1234 bytes"; for messages.
    [[nodiscard]] std::string text() const;
};

/// A request under way, made by a forked child with an anonymous session keyring of its own: the key goes
/// away with it, and no two requests share one.
class KeyRequest {
  public:
    [[nodiscard]] static nsutil::Result<KeyRequest> start(const std::string& description,
                                                          const std::string& key_type = "user",
                                                          const std::string& callout = "");
    /// The same for one that asks only once it can read a byte from `gate_fd`, and lives on when it has its
    /// answer: what begins and ends a process is not part of what is measured then.
    [[nodiscard]] static nsutil::Result<KeyRequest> start_held(const std::string& description, int gate_fd);
    KeyRequest(KeyRequest&& other) noexcept
        : child_(std::exchange(other.child_, -1)), answer_fd_(std::move(other.answer_fd_)) {}
    KeyRequest& operator=(KeyRequest&&) = delete;
    KeyRequest(const KeyRequest&) = delete;
    KeyRequest& operator=(const KeyRequest&) = delete;
    ~KeyRequest();

    /// Waits for the answer. ETIMEDOUT where the kernel still waits for the helper after `limit`.
    [[nodiscard]] nsutil::Result<KeyAnswer> finish(std::chrono::seconds limit = std::chrono::seconds(60));
    /// The same without waiting for the child's end.
    [[nodiscard]] nsutil::Result<KeyAnswer> receive(std::chrono::seconds limit = std::chrono::seconds(60));

  private:
    [[nodiscard]] static nsutil::Result<KeyRequest> fork_asker(const std::string& description,
                                                               const std::string& key_type,
                                                               const std::string& callout, int gate_fd);
    KeyRequest(pid_t child, nsutil::UniqueFd answer_fd) : child_(child), answer_fd_(std::move(answer_fd)) {}
    pid_t child_;
    nsutil::UniqueFd answer_fd_;
};

/// start() and finish() in one.
[[nodiscard]] nsutil::Result<KeyAnswer> ask_kernel(const std::string& description,
                                                   const std::string& key_type = "user");

}  // namespace nsupcall::test
