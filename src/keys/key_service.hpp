#pragma once
/// @file
/// The kernel keyring, as a request-key helper uses it. The only file that calls keyctl(2).

#include <keyutils.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "nsutil/result.hpp"

namespace nsupcall {

using KeySerial = key_serial_t;

/// Seconds for which a rejected key keeps its errno: short, so that a kinit helps at once.
///
/// The kernel counts in whole seconds of the clock and looks at the key once more when the helper has exited:
/// one second could be over by then, and the errno with it. So it is half a second at least, one and a half
/// at most.
/// @param nanoseconds  of the clock's current second
/// @source  Linux security/keys/request_key.c, call_sbin_request_key(): key_validate()
[[nodiscard]] constexpr unsigned reject_seconds(long nanoseconds) {
    constexpr long kHalfSecond = 500'000'000;
    return nanoseconds < kHalfSecond ? 1 : 2;
}

/// A key that waits to be instantiated by this process.
class KeyUnderConstruction {
  public:
    /// @param serial  as request-key's `%k` gives it
    explicit KeyUnderConstruction(KeySerial serial) : serial_(serial) {}

    [[nodiscard]] KeySerial serial() const noexcept { return serial_; }

    /// Makes sure of the authority over the key (request-key holds it already when it runs a helper).
    /// @errors those of keyctl_assume_authority(3), e.g. ENOKEY: nobody waits for this key
    [[nodiscard]] nsutil::Result<void> assume_authority() const;

    /// @return "type;uid;gid;perm;description"
    [[nodiscard]] nsutil::Result<std::string> describe() const;

    /// Answers. @errors ENOKEY nobody waits any more; EKEYREVOKED; EDQUOT; EINVAL refused by the key's type
    [[nodiscard]] nsutil::Result<void> instantiate(std::span<const std::byte> payload) const;

    /// Sets how long the answer lives. To be called before instantiate(), which ends the authority.
    /// @errors those of keyctl_set_timeout(3)
    [[nodiscard]] nsutil::Result<void> set_timeout(unsigned seconds) const;

    /// What the asker handed to request_key(2) beside the description.
    /// @param limit  bytes; a longer text is cut
    [[nodiscard]] nsutil::Result<std::string> callout(std::size_t limit) const;

    /// Answers with a failure that lasts for reject_seconds().
    /// @param code  an errno, 1 to 4094; async-signal-safe
    [[nodiscard]] nsutil::Result<void> reject(int code) const;

    /// reject() for signal handlers: one system call, nothing else.
    static void reject_from_signal_handler(KeySerial serial, int code) noexcept;

  private:
    KeySerial serial_;
};

/// Describes any key that this process may see. @errors those of keyctl_describe(3)
[[nodiscard]] nsutil::Result<std::string> describe_key(KeySerial serial);

/// Gives up every key this process can reach: a new anonymous session keyring, and no authority over
/// a key under construction. System calls only. @return 0 or an errno
[[nodiscard]] int drop_key_access();

}  // namespace nsupcall
