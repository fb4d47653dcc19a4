#pragma once
/// @file
/// The kernel keyring, as a request-key helper uses it. The only file that calls keyctl(2).

#include <keyutils.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "keys/reject_seconds.hpp"
#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

using KeySerial = key_serial_t;

/// A key that waits for its answer, whoever holds the authority over it.
class PendingKey {
  public:
    /// @param serial  as request-key's `%k` gives it
    explicit PendingKey(KeySerial serial) : serial_(serial) {}
    virtual ~PendingKey() = default;
    PendingKey(const PendingKey&) = delete;
    PendingKey& operator=(const PendingKey&) = delete;

    [[nodiscard]] KeySerial serial() const noexcept { return serial_; }

    /// @return "type;uid;gid;perm;description"
    [[nodiscard]] virtual nsutil::Result<std::string> describe() const = 0;

    /// Answers. @errors ENOKEY nobody waits any more; EKEYREVOKED; EDQUOT; EINVAL refused by the key's type
    [[nodiscard]] virtual nsutil::Result<void> instantiate(std::span<const std::byte> payload) const = 0;

    /// Answers with a failure that lasts for reject_seconds().
    /// @param code  an errno, 1 to 4094
    [[nodiscard]] virtual nsutil::Result<void> reject(int code) const = 0;

    /// The same for a request that no kernel would make; the asker may have to wait for it.
    [[nodiscard]] virtual nsutil::Result<void> reject_forged(int code) const { return reject(code); }

    /// What /proc/keys shows to the holder of the authority: the key's own line, and the asker's.
    [[nodiscard]] virtual nsutil::Result<std::string> visible_keys() const = 0;

    /// A rule gives this request another deadline.
    virtual void use_deadline(const nsutil::Deadline& deadline) const = 0;

  private:
    KeySerial serial_;
};

/// A key over which this process holds the authority.
class KeyUnderConstruction final : public PendingKey {
  public:
    using DeadlineChanged = std::function<void(const nsutil::Deadline&)>;
    /// @param deadline_changed  called by use_deadline(); may be empty
    explicit KeyUnderConstruction(KeySerial serial, DeadlineChanged deadline_changed = {})
        : PendingKey(serial), deadline_changed_(std::move(deadline_changed)) {}

    /// Makes sure of the authority over the key (request-key holds it already when it runs a helper).
    /// @errors those of keyctl_assume_authority(3), e.g. ENOKEY: nobody waits for this key
    [[nodiscard]] nsutil::Result<void> assume_authority() const;

    [[nodiscard]] nsutil::Result<std::string> describe() const override;
    [[nodiscard]] nsutil::Result<void> instantiate(std::span<const std::byte> payload) const override;
    [[nodiscard]] nsutil::Result<void> reject(int code) const override;
    [[nodiscard]] nsutil::Result<std::string> visible_keys() const override;
    void use_deadline(const nsutil::Deadline& deadline) const override;

    /// Sets how long the answer lives. To be called before instantiate(), which ends the authority.
    /// @errors those of keyctl_set_timeout(3)
    [[nodiscard]] nsutil::Result<void> set_timeout(unsigned seconds) const;

    /// What the asker handed to request_key(2) beside the description.
    /// @param limit  bytes; a longer text is cut
    [[nodiscard]] nsutil::Result<std::string> callout(std::size_t limit) const;

    /// reject() for signal handlers: one system call, nothing else.
    static void reject_from_signal_handler(KeySerial serial, int code) noexcept;

  private:
    DeadlineChanged deadline_changed_;
};

/// Describes any key that this process may see. @errors those of keyctl_describe(3)
[[nodiscard]] nsutil::Result<std::string> describe_key(KeySerial serial);

/// Gives up every key this process can reach: a new anonymous session keyring, and no authority over
/// a key under construction. System calls only. @return 0 or an errno
[[nodiscard]] int drop_key_access();

}  // namespace nsupcall
