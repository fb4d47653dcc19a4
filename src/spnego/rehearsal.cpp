#include "spnego/rehearsal.hpp"

#include <profile.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <string>
#include <string_view>

#include "credentials/locator.hpp"
#include "nsutil/unique_fd.hpp"
#include "spnego/ap_req.hpp"
#include "spnego/der.hpp"
#include "spnego/neg_token_init.hpp"

namespace nsupcall {
namespace {

constexpr std::string_view kRealm = "REHEARSAL", kUser = "nobody", kService = "cifs",
                           kHost = "rehearsal.invalid";
constexpr const char* kProfile =
    "[libdefaults]\n\tdefault_realm = REHEARSAL\n\tdns_lookup_kdc = false\n\tdns_lookup_realm = false\n"
    "\trdns = false\n[realms]\n\tREHEARSAL = {\n\t\tkdc = rehearsal.invalid\n\t}\n"
    "[domain_realm]\n\trehearsal.invalid = REHEARSAL\n";
constexpr std::size_t kKeyBytes = 32, kCipherBytes = 256;
constexpr std::uint16_t kEnctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96;

/// RFC 4120, 5.3: a ticket as far as a client looks into it. What is encrypted is for the service alone.
std::string made_up_ticket() {
    using der::context;
    using der::element;
    constexpr std::uint8_t kTicketVersion = 5, kInteger = 0x02, kGeneralString = 0x1b, kApplication1 = 0x61;
    const auto number = [&](std::uint8_t value) {
        const std::array<std::byte, 1> content = {std::byte{value}};
        return element(kInteger, {content});
    };
    const auto text = [&](std::string_view value) {
        return element(kGeneralString, {std::as_bytes(std::span(value))});
    };
    const auto names = element(der::kSequence, {text(kService), text(kHost)});
    const auto principal = element(
        der::kSequence, {element(context(0), {number(KRB5_NT_SRV_HST)}), element(context(1), {names})});
    const std::array<std::byte, kCipherBytes> nothing = {};
    const auto cipher =
        element(der::kSequence, {element(context(0), {number(kEnctype)}),
                                 element(context(2), {element(der::kOctetString, {nothing})})});
    const auto ticket =
        element(kApplication1,
                {element(der::kSequence,
                         {element(context(0), {number(kTicketVersion)}), element(context(1), {text(kRealm)}),
                          element(context(2), {principal}), element(context(3), {cipher})})});
    return {reinterpret_cast<const char*>(ticket.data()), ticket.size()};
}

/// A FILE ccache of version 4: big-endian numbers, texts behind their 32-bit length.
class CcacheWriter {
  public:
    template <class Number>
    void number(Number value) {
        for (std::size_t at = sizeof value; at-- > 0;) out_ += static_cast<char>(value >> (8 * at));
    }
    void text(std::string_view value) {
        number(static_cast<std::uint32_t>(value.size()));
        out_ += value;
    }
    void principal(std::uint32_t type, std::initializer_list<std::string_view> names) {
        number(type);
        number(static_cast<std::uint32_t>(names.size()));
        text(kRealm);
        for (const auto name : names) text(name);
    }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

std::string made_up_ccache() {
    constexpr std::uint16_t kVersion = 0x0504;
    constexpr std::uint32_t kLife = 3600;
    const auto now = static_cast<std::uint32_t>(std::time(nullptr));
    CcacheWriter writer;
    writer.number(kVersion);
    writer.number(std::uint16_t{0});  // no header fields
    writer.principal(KRB5_NT_PRINCIPAL, {kUser});
    writer.principal(KRB5_NT_PRINCIPAL, {kUser});
    writer.principal(KRB5_NT_SRV_HST, {kService, kHost});
    writer.number(kEnctype);
    writer.text(std::string(kKeyBytes, '\1'));
    for (const std::uint32_t time : {now, now, now + kLife, now + kLife}) writer.number(time);
    writer.number(std::uint8_t{0});   // no user-to-user key
    writer.number(std::uint32_t{0});  // flags
    writer.number(std::uint32_t{0});  // addresses
    writer.number(std::uint32_t{0});  // authorisation data
    writer.text(made_up_ticket());
    writer.text({});
    return writer.take();
}

/// A file in memory, by the name that it has for libraries; empty where it cannot be made.
std::string name_of_text(const nsutil::UniqueFd& fd, std::string_view text) {
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return {};
    return "/proc/self/fd/" + std::to_string(fd.get());
}

Krb5Context open_context() {
    const nsutil::UniqueFd fd(::memfd_create("rehearsal", MFD_CLOEXEC));
    const auto path = name_of_text(fd, kProfile);
    profile_t profile = nullptr;
    if (path.empty() || profile_init_path(path.c_str(), &profile) != 0) return nullptr;
    krb5_context context = nullptr;
    const auto error = krb5_init_context_profile(profile, KRB5_INIT_CONTEXT_SECURE, &context);
    profile_release(profile);
    return Krb5Context(error == 0 ? context : nullptr);
}

}  // namespace

bool rehearse_token() {
    const auto context = open_context();
    const nsutil::UniqueFd fd(::memfd_create("rehearsal", MFD_CLOEXEC));
    const auto path = name_of_text(fd, made_up_ccache());
    if (context == nullptr || path.empty()) return false;
    CredentialQuery query;
    query.host = kHost;
    query.environment.ccache = "FILE:" + path;
    // No other: those look around in the file system.
    query.settings.sources = {Source::environment};
    Trace trace;
    Locator locator(context.get(), query, trace, {});
    const auto located = locator.find();
    if (!located || located->ticket == nullptr) return false;
    const auto ap_req = make_ap_req(context.get(), *located->ticket);
    return ap_req && !wrap_in_neg_token_init(ap_req->message, Security::krb5).empty();
}

}  // namespace nsupcall
