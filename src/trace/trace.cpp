#include "trace/trace.hpp"

#include <array>

namespace nsupcall {
namespace {

constexpr std::array<std::string_view, kVerdicts> kNames = {
    "used",      "absent",    "unreadable",  "not owned by the user", "expired",     "wrong principal",
    "no ticket", "malformed", "unsupported", "not considered",        "KDC refused", "KDC unreachable",
    "failed",    "good"};

/// Length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629), 0 for none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const auto tail = [&](std::size_t at) { return at < text.size() && (byte(at) & 0xc0U) == 0x80; };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) {
        // U+0080 to U+009F are control characters to a terminal.
        if (!tail(1) || (lead == 0xc2 && byte(1) < 0xa0)) return 0;
        return 2;
    }
    if ((lead & 0xf0U) == 0xe0) {
        if (!tail(1) || !tail(2)) return 0;
        if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;
        // U+200B to U+200F, U+2028 to U+202E and U+2066 to U+2069 reorder or hide what is shown.
        if (lead == 0xe2 && byte(1) == 0x80 &&
            ((byte(2) >= 0x8b && byte(2) <= 0x8f) || (byte(2) >= 0xa8 && byte(2) <= 0xae)))
            return 0;
        if (lead == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9) return 0;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (!tail(1) || !tail(2) || !tail(3)) return 0;
        if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;
        return 4;
    }
    return 0;
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
    const auto index = static_cast<std::size_t>(verdict);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string span_in_words(std::int64_t seconds) {
    constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400;
    if (seconds < 2 * kMinute) return std::to_string(seconds) + " s";
    if (seconds < 2 * kHour) return std::to_string(seconds / kMinute) + " min";
    if (seconds < 2 * kDay) return std::to_string(seconds / kHour) + " h";
    return std::to_string(seconds / kDay) + " days";
}

std::string escape(std::string_view text, std::size_t limit) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text[0]);
        const std::size_t length = utf8_length(text);
        const bool plain =
            length > 1 || (length == 1 && byte >= ' ' && byte != 0x7f && byte != '\\' && byte != '"');
        const std::size_t needed = plain ? length : 4;
        if (out.size() + needed > limit) return out + "...";
        if (plain) {
            out.append(text.substr(0, length));
            text.remove_prefix(length);
        } else {
            out.append({'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 15U]});
            text.remove_prefix(1);
        }
    }
    return out;
}

void Trace::add(Candidate candidate) {
    if (candidates_.size() < kCandidatesMost)
        candidates_.push_back(std::move(candidate));
    else
        ++dropped_;
}

std::string Trace::summary(std::int64_t now) const {
    std::string text;
    for (const auto& candidate : candidates_) {
        if (!text.empty()) text += ", ";
        text += candidate.source;
        if (!candidate.name.empty()) text += " " + escape(candidate.name);
        text += " (";
        text += verdict_name(candidate.verdict);
        if (candidate.verdict == Verdict::expired && candidate.expires > 0 && candidate.expires <= now)
            text += " " + span_in_words(now - candidate.expires) + " ago";
        if (!candidate.principal.empty()) text += ", " + escape(candidate.principal);
        if (!candidate.detail.empty()) text += ": " + escape(candidate.detail);
        text += ")";
    }
    if (dropped_ > 0) text += ", and " + std::to_string(dropped_) + " more";
    return text;
}

}  // namespace nsupcall
