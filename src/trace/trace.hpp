#pragma once
/// @file
/// What was tried for one upcall, and how each try ended.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nsupcall {

/// How one candidate ended. The numbers are part of the worker's reply: add at the end only.
enum class Verdict : std::uint8_t {
    used,             ///< the answer rests on it
    absent,           ///< there is no such thing
    unreadable,       ///< it is there, but the user may not read it
    not_owned,        ///< it belongs to somebody else
    expired,          ///< it was good once
    wrong_principal,  ///< good, but for somebody else than the request names
    no_ticket,        ///< readable, but holds no ticket that helps
    malformed,        ///< not what it says it is
    unsupported,      ///< a kind that cannot work here
    not_considered,   ///< ruled out before it was looked at
    kdc_refused,      ///< the KDC said no
    kdc_unreachable,  ///< the KDC did not answer
    failed,           ///< anything else; `detail` says what
    good,             ///< it would serve, but a better one was found
};
inline constexpr std::uint8_t kVerdicts = 14;

/// "used", "absent", ...
[[nodiscard]] std::string_view verdict_name(Verdict verdict);

/// One place where a credential might have been.
struct Candidate {
    std::string source;  ///< which rule named it, e.g. "KRB5CCNAME"
    std::string name;    ///< as seen inside the namespaces, e.g. "FILE:/tmp/krb5cc_0"
    Verdict verdict = Verdict::absent;
    std::string principal;     ///< empty where it was not learnt
    std::int64_t expires = 0;  ///< Unix time in seconds; 0 where it was not learnt
    std::string detail;        ///< why, in words; no secret
    friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// The candidates of one upcall in the order in which they were looked at. Bounded: what goes past the
/// limit is counted, not kept.
class Trace {
  public:
    static constexpr std::size_t kCandidatesMost = 64;

    void add(Candidate candidate);
    [[nodiscard]] const std::vector<Candidate>& candidates() const noexcept { return candidates_; }
    [[nodiscard]] std::uint32_t dropped() const noexcept { return dropped_; }
    void set_dropped(std::uint32_t count) { dropped_ = count; }

    /// "KRB5CCNAME FILE:/tmp/x (expired 3 h ago), ..." for a log line; everything escaped.
    /// @param now  Unix time in seconds
    [[nodiscard]] std::string summary(std::int64_t now) const;
    friend bool operator==(const Trace&, const Trace&) = default;

  private:
    std::vector<Candidate> candidates_;
    std::uint32_t dropped_ = 0;
};

/// "3 h", "12 min", "4 days": a span of seconds in words.
[[nodiscard]] std::string span_in_words(std::int64_t seconds);

/// Makes text from a container fit for a log or a terminal: control characters, quotes, backslashes
/// and bytes that are no UTF-8 become \xNN; past `limit` bytes it is cut, with "..." behind.
[[nodiscard]] std::string escape(std::string_view text, std::size_t limit = 256);

}  // namespace nsupcall
