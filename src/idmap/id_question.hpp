#pragma once
/// @file
/// What a `cifs.idmap` key asks for.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "idmap/sid.hpp"
#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// Users and groups have ids of their own.
enum class IdKind : std::uint8_t { user, group };

/// Unix id or SID: the thing asked about, or the answer (the other one of the two).
using IdOrSid = std::variant<std::uint32_t, Sid>;

inline constexpr std::uint32_t kNoId = 0xffffffffU;  ///< (uid_t)-1 is no id

/// One description: "os:<SID>" or "gs:<SID>" wants the id of an owner or group, "oi:<id>" or "gi:<id>" the
/// SID of a user or group.
/// @source Linux fs/smb/client/cifsacl.c (sid_to_id, id_to_sid)
struct IdQuestion {
    IdKind kind = IdKind::user;
    IdOrSid subject = kNoId;

    [[nodiscard]] bool wants_id() const { return std::holds_alternative<Sid>(subject); }
    [[nodiscard]] const Sid& sid() const { return std::get<Sid>(subject); }
    [[nodiscard]] std::uint32_t id() const { return std::get<std::uint32_t>(subject); }

    /// Exactly one of the four forms, nothing before or behind it.
    /// @errors EINVAL
    [[nodiscard]] static nsutil::Result<IdQuestion> parse(std::string_view description);
    /// The description of this question.
    [[nodiscard]] std::string text() const;
};

/// The payload that the kernel reads: an id of 4 bytes in the machine's order, or a `struct cifs_sid` with
/// as many sub-authorities as it has.
[[nodiscard]] nsutil::SecretBytes make_id_payload(const IdOrSid& answer);

/// "1103" or "S-1-...".
[[nodiscard]] std::string text_of(const IdOrSid& id_or_sid);

}  // namespace nsupcall
