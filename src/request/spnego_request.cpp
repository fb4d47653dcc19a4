#include "request/spnego_request.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

constexpr std::uint32_t kNoId = 0xffffffffU;

/// Walks over "name=value" fields parted by ';'.
class Fields {
  public:
    explicit Fields(std::string_view text) : rest_(text), more_(true) {}

    /// Takes the next field where it has this name.
    std::optional<std::string_view> take(std::string_view name) {
        if (!more_) return std::nullopt;
        const auto end = rest_.find(';');
        const auto field = rest_.substr(0, end);
        if (field.size() <= name.size() || !field.starts_with(name) || field[name.size()] != '=')
            return std::nullopt;
        more_ = end != std::string_view::npos;
        rest_ = more_ ? rest_.substr(end + 1) : std::string_view{};
        return field.substr(name.size() + 1);
    }

    [[nodiscard]] bool at_end() const { return !more_; }

  private:
    std::string_view rest_;
    bool more_;
};

/// "0x" and one to eight digits, as the kernel's 0x%x prints them: lower case, no leading zero.
std::optional<std::uint32_t> parse_hex(std::optional<std::string_view> value) {
    if (!value || !value->starts_with("0x")) return std::nullopt;
    const auto digits = value->substr(2);
    if (digits.empty() || digits.size() > 8 || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
    if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
    return nsutil::parse_number<std::uint32_t>(digits, 16);
}

bool is_host(std::string_view text) {
    if (text.empty() || text.size() > SpnegoRequest::kHostLimit) return false;
    // UNC server names may hold any letter; what would change the meaning of a principal or of a log
    // line is refused.
    return std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte == 0x7f || c == '/' || c == '\\' || c == '@' || c == '=' || c == ',';
    });
}

bool is_user(std::string_view text) {
    if (text.size() > SpnegoRequest::kUserLimit) return false;
    return std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < ' ' || byte == 0x7f;
    });
}

template <class Binary>
std::optional<std::string> normalise(int family, const std::string& text) {
    Binary binary = {};
    char printed[INET6_ADDRSTRLEN];
    if (::inet_pton(family, text.c_str(), &binary) != 1) return std::nullopt;
    if (::inet_ntop(family, &binary, printed, sizeof printed) == nullptr) return std::nullopt;
    return printed;
}

std::optional<std::string> parse_address(Fields& fields) {
    if (const auto ip4 = fields.take("ip4")) return normalise<in_addr>(AF_INET, std::string(*ip4));
    const auto ip6 = fields.take("ip6");
    if (!ip6) return std::nullopt;
    std::string text(*ip6);
    // Kernels that printed %pi6 left the colons out.
    constexpr std::size_t kDigits = 32, kGroup = 4;
    if (text.size() == kDigits && text.find(':') == std::string::npos)
        for (std::size_t at = kDigits - kGroup; at > 0; at -= kGroup) text.insert(at, 1, ':');
    return normalise<in6_addr>(AF_INET6, text);
}

}  // namespace

Result<SpnegoRequest> SpnegoRequest::parse(std::string_view description) {
    const auto bad = [](const char* field) {
        return fail(EINVAL, std::string("malformed request: ") + field + " is wrong, absent or out of place");
    };
    if (description.find('\0') != std::string_view::npos) return bad("a NUL byte");
    Fields fields(description);
    SpnegoRequest request;

    const auto version = fields.take("ver");
    if (!version || *version != "0x2") return bad("ver");
    const auto host = fields.take("host");
    if (!host || !is_host(*host)) return bad("host");
    request.host = *host;
    const auto address = parse_address(fields);
    if (!address) return bad("ip4 or ip6");
    request.address = *address;
    const auto security = fields.take("sec");
    if (security == "krb5")
        request.security = Security::krb5;
    else if (security == "mskrb5")
        request.security = Security::mskrb5;
    else if (security == "iakerb")
        request.security = Security::iakerb;
    else
        return bad("sec");
    const auto uid = parse_hex(fields.take("uid"));
    if (!uid) return bad("uid");
    request.uid = *uid;
    const auto creduid = parse_hex(fields.take("creduid"));
    if (!creduid || *creduid == kNoId) return bad("creduid");
    request.creduid = *creduid;
    if (const auto user = fields.take("user")) {
        if (!is_user(*user)) return bad("user");
        request.user = *user;
    }
    const auto tid = parse_hex(fields.take("pid"));
    if (!tid || *tid == 0 || *tid > 0x7fffffffU) return bad("pid");
    request.tid = static_cast<pid_t>(*tid);
    if (!fields.at_end()) {
        const auto target = fields.take("upcall_target");
        if (target == "app")
            request.target = UpcallTarget::app;
        else if (target == "mount")
            request.target = UpcallTarget::mount;
        else
            return bad("upcall_target");
    }
    if (!fields.at_end()) return bad("what follows the last field");
    return request;
}

}  // namespace nsupcall
