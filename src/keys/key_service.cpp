#include "keys/key_service.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "keys/keyring_reading.hpp"
#include "nsutil/bounded_read.hpp"
#include "request/auth_key_line.hpp"
#include "request/key_description.hpp"

namespace nsupcall {
namespace {

// Straight system calls: one of the few things that must work when nothing else does.
long keyctl_call(int operation, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0,
                 unsigned long d = 0) {
    return ::syscall(SYS_keyctl, operation, a, b, c, d);
}

unsigned long word(KeySerial serial) {
    return static_cast<unsigned long>(static_cast<long>(serial));
}
unsigned long word(const void* pointer) {
    return reinterpret_cast<unsigned long>(pointer);
}

/// For KEYCTL_REJECT, by the clock. Async-signal-safe.
unsigned long reject_seconds_now() {
    timespec now = {};
    (void)::clock_gettime(kRejectClock, &now);
    return reject_seconds(now.tv_nsec);
}

}  // namespace

nsutil::Result<std::string> describe_key(KeySerial serial) {
    std::array<char, KeyDescription::kTextLimit> text = {};
    const long length = keyctl_call(KEYCTL_DESCRIBE, word(serial), word(text.data()), text.size());
    if (length < 0) return nsutil::fail_errno("describe key " + std::to_string(serial));
    if (static_cast<std::size_t>(length) > text.size())
        return nsutil::fail(EINVAL, "key description too long");
    return std::string(text.data(), length > 0 ? static_cast<std::size_t>(length) - 1 : 0);  // less the NUL
}

nsutil::Result<KeySerial> find_keyring(KeySerial special) {
    const long serial = keyctl_call(KEYCTL_GET_KEYRING_ID, word(special), 0);
    if (serial < 0) return nsutil::fail_errno("find keyring " + std::to_string(special));
    return static_cast<KeySerial>(serial);
}

nsutil::Result<std::vector<KeySerial>> keyring_contents(KeySerial keyring, std::size_t most) {
    std::vector<KeySerial> keys(most);
    const long size =
        keyctl_call(KEYCTL_READ, word(keyring), word(keys.data()), keys.size() * sizeof(KeySerial));
    if (size < 0) return nsutil::fail_errno("read keyring " + std::to_string(keyring));
    // The size is that of all there is; what does not fit was not written.
    keys.resize(std::min(most, static_cast<std::size_t>(size) / sizeof(KeySerial)));
    return keys;
}

nsutil::Result<void> KeyUnderConstruction::assume_authority() const {
    if (keyctl_call(KEYCTL_ASSUME_AUTHORITY, word(serial())) < 0)
        return nsutil::fail_errno("no authority over key " + std::to_string(serial()));
    return {};
}

nsutil::Result<std::string> KeyUnderConstruction::describe() const {
    return describe_key(serial());
}

nsutil::Result<std::string> KeyUnderConstruction::visible_keys() const {
    return nsutil::read_file_at(AT_FDCWD, "/proc/keys", AuthKeyLine::kTextLimit);
}

void KeyUnderConstruction::use_deadline(const nsutil::Deadline& deadline) const {
    if (deadline_changed_) deadline_changed_(deadline);
}

nsutil::Result<void> KeyUnderConstruction::instantiate(std::span<const std::byte> payload) const {
    // No destination keyring: the kernel links the key where its requester wanted it.
    if (keyctl_call(KEYCTL_INSTANTIATE, word(serial()), word(payload.data()), payload.size(), 0) < 0)
        return nsutil::fail_errno("instantiate key " + std::to_string(serial()));
    return {};
}

nsutil::Result<void> KeyUnderConstruction::set_timeout(unsigned seconds) const {
    if (keyctl_call(KEYCTL_SET_TIMEOUT, word(serial()), seconds) < 0)
        return nsutil::fail_errno("set the timeout of key " + std::to_string(serial()));
    return {};
}

nsutil::Result<std::string> KeyUnderConstruction::callout(std::size_t limit) const {
    // The authorisation key's payload is the callout information.
    std::string text(limit, '\0');
    const long size =
        keyctl_call(KEYCTL_READ, word(KEY_SPEC_REQKEY_AUTH_KEY), word(text.data()), text.size());
    if (size < 0) return nsutil::fail_errno("read the callout information");
    text.resize(std::min(static_cast<std::size_t>(size), limit));
    return text;
}

nsutil::Result<void> KeyUnderConstruction::reject(int code) const {
    if (keyctl_call(KEYCTL_REJECT, word(serial()), reject_seconds_now(), static_cast<unsigned long>(code),
                    0) < 0)
        return nsutil::fail_errno("reject key " + std::to_string(serial()));
    return {};
}

void KeyUnderConstruction::reject_from_signal_handler(KeySerial serial, int code) noexcept {
    (void)keyctl_call(KEYCTL_REJECT, word(serial), reject_seconds_now(), static_cast<unsigned long>(code), 0);
}

int drop_key_access() {
    if (keyctl_call(KEYCTL_JOIN_SESSION_KEYRING, 0) < 0) return errno;
    return keyctl_call(KEYCTL_ASSUME_AUTHORITY, 0) < 0 ? errno : 0;
}

}  // namespace nsupcall
