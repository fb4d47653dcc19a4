#include "idmap/id_question.hpp"

#include <cstring>

#include "nsutil/proc_text.hpp"

namespace nsupcall {

using nsutil::fail;
using nsutil::propagate;

nsutil::Result<IdQuestion> IdQuestion::parse(std::string_view description) {
    IdQuestion question;
    const auto form = description.substr(0, 3);
    const auto rest = description.substr(form.size());
    if (form == "os:" || form == "oi:")
        question.kind = IdKind::user;
    else if (form == "gs:" || form == "gi:")
        question.kind = IdKind::group;
    else
        return fail(EINVAL, "malformed request: neither os:, gs:, oi: nor gi:");
    if (form[1] == 's') {
        auto sid = Sid::parse(rest);
        if (!sid) return propagate(sid, "malformed request");
        question.subject = *sid;
        return question;
    }
    const auto id = nsutil::parse_number<std::uint32_t>(rest);
    if (!id || *id == kNoId || (rest.size() > 1 && rest.starts_with('0')))
        return fail(EINVAL, "malformed request: what stands behind oi: or gi: is no id");
    question.subject = *id;
    return question;
}

std::string IdQuestion::text() const {
    return std::string(kind == IdKind::user ? "o" : "g") + (wants_id() ? "s:" : "i:") + text_of(subject);
}

nsutil::SecretBytes make_id_payload(const IdOrSid& answer) {
    if (const auto* sid = std::get_if<Sid>(&answer)) {
        const auto bytes = sid->bytes();
        return {bytes.begin(), bytes.end()};
    }
    nsutil::SecretBytes payload(sizeof(std::uint32_t));
    std::memcpy(payload.data(), &std::get<std::uint32_t>(answer), payload.size());
    return payload;
}

std::string text_of(const IdOrSid& id_or_sid) {
    if (const auto* sid = std::get_if<Sid>(&id_or_sid)) return sid->text();
    return std::to_string(std::get<std::uint32_t>(id_or_sid));
}

}  // namespace nsupcall
