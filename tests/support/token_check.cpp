#include "support/token_check.hpp"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "support/neg_token.hpp"

namespace nsupcall::test {
namespace {

using nsutil::Result;

std::string gss_text(OM_uint32 major, OM_uint32 minor) {
    std::string text;
    for (const auto& [code, type] : {std::pair{major, GSS_C_GSS_CODE}, std::pair{minor, GSS_C_MECH_CODE}}) {
        OM_uint32 ignored = 0;
        OM_uint32 more = 0;
        gss_buffer_desc message = GSS_C_EMPTY_BUFFER;
        (void)::gss_display_status(&ignored, code, type, GSS_C_NO_OID, &more, &message);
        text += (text.empty() ? "" : "; ") + std::string(static_cast<char*>(message.value), message.length);
        (void)::gss_release_buffer(&ignored, &message);
    }
    return text;
}

struct GssBuffer : gss_buffer_desc {
    GssBuffer() : gss_buffer_desc{0, nullptr} {}
    GssBuffer(const GssBuffer&) = delete;
    GssBuffer& operator=(const GssBuffer&) = delete;
    ~GssBuffer() {
        OM_uint32 minor = 0;
        (void)::gss_release_buffer(&minor, this);
    }
    [[nodiscard]] std::string text() const { return {static_cast<const char*>(value), length}; }
};

/// The acceptor's GSS objects, freed together.
struct Acceptor {
    gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_name_t client = GSS_C_NO_NAME;
    gss_name_t service = GSS_C_NO_NAME;

    Acceptor() = default;
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;
    ~Acceptor() {
        OM_uint32 minor = 0;
        (void)::gss_release_name(&minor, &client);
        (void)::gss_release_name(&minor, &service);
        (void)::gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
        (void)::gss_release_cred(&minor, &credential);
    }
};

Result<std::string> name_text(gss_name_t name) {
    GssBuffer text;
    OM_uint32 minor = 0;
    const OM_uint32 major = ::gss_display_name(&minor, name, &text, nullptr);
    if (GSS_ERROR(major)) return nsutil::fail(EBADMSG, "gss_display_name: " + gss_text(major, minor));
    return text.text();
}

/// Fills in client, service, flags and the session key that GSS sees.
Result<void> accept_by_gss(const std::string& blob, const std::string& keytab, AcceptedToken& accepted) {
    Acceptor gss;
    OM_uint32 minor = 0;
    gss_key_value_element_desc elements[] = {{"keytab", keytab.c_str()}, {"rcache", "none:"}};
    const gss_key_value_set_desc store{2, elements};
    OM_uint32 major = ::gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET,
                                              GSS_C_ACCEPT, &store, &gss.credential, nullptr, nullptr);
    if (GSS_ERROR(major)) return nsutil::fail(EACCES, "gss_acquire_cred_from: " + gss_text(major, minor));
    gss_buffer_desc input{blob.size(), const_cast<char*>(blob.data())};
    GssBuffer reply;
    major = ::gss_accept_sec_context(&minor, &gss.context, gss.credential, &input, GSS_C_NO_CHANNEL_BINDINGS,
                                     &gss.client, nullptr, &reply, &accepted.gss_flags, nullptr, nullptr);
    if (GSS_ERROR(major)) return nsutil::fail(EACCES, "gss_accept_sec_context: " + gss_text(major, minor));
    if (major != GSS_S_COMPLETE) return nsutil::fail(EBADMSG, "the acceptor wants a second token");
    major = ::gss_inquire_context(&minor, gss.context, nullptr, &gss.service, nullptr, nullptr, nullptr,
                                  nullptr, nullptr);
    if (GSS_ERROR(major)) return nsutil::fail(EBADMSG, "gss_inquire_context: " + gss_text(major, minor));
    auto client = name_text(gss.client);
    if (!client) return std::unexpected(client.error());
    accepted.client = std::move(*client);
    auto service = name_text(gss.service);
    if (!service) return std::unexpected(service.error());
    accepted.service = std::move(*service);
    gss_buffer_set_t keys = GSS_C_NO_BUFFER_SET;
    major = ::gss_inquire_sec_context_by_oid(&minor, gss.context, GSS_C_INQ_SSPI_SESSION_KEY, &keys);
    if (GSS_ERROR(major) || keys == nullptr || keys->count == 0) {
        return nsutil::fail(EBADMSG, "session key of the context: " + gss_text(major, minor));
    }
    accepted.session_key.assign(static_cast<const char*>(keys->elements[0].value), keys->elements[0].length);
    (void)::gss_release_buffer_set(&minor, &keys);
    return {};
}

/// The initiator's subkey, from the AP-REQ itself.
Result<std::string> subkey_by_krb5(const std::string& mech_token, const std::string& keytab_name) {
    // GSS framing of the krb5 mechanism: [APPLICATION 0] length, OID, then the token id 01 00 and the AP-REQ.
    const auto at = mech_token.find(std::string_view("\x01\x00\x6e", 3));
    if (at == std::string::npos || at > 32) return nsutil::fail(EBADMSG, "no AP-REQ in the mechToken");
    krb5_context raw = nullptr;
    if (::krb5_init_context(&raw) != 0) return nsutil::fail(EIO, "krb5_init_context");
    const std::unique_ptr<_krb5_context, decltype(&::krb5_free_context)> context(raw, &::krb5_free_context);
    krb5_keytab keytab = nullptr;
    krb5_auth_context auth = nullptr;
    krb5_keyblock* subkey = nullptr;
    krb5_data request{};
    request.length = static_cast<unsigned>(mech_token.size() - at - 2);
    request.data = const_cast<char*>(mech_token.data() + at + 2);
    krb5_error_code code = ::krb5_kt_resolve(raw, keytab_name.c_str(), &keytab);
    if (code == 0) code = ::krb5_rd_req(raw, &auth, &request, nullptr, keytab, nullptr, nullptr);
    if (code == 0) code = ::krb5_auth_con_getrecvsubkey(raw, auth, &subkey);
    std::string key;
    if (code == 0 && subkey != nullptr)
        key.assign(reinterpret_cast<const char*>(subkey->contents), subkey->length);
    std::string message;
    if (code != 0) {
        const char* text = ::krb5_get_error_message(raw, code);
        message = text;
        ::krb5_free_error_message(raw, text);
    }
    ::krb5_free_keyblock(raw, subkey);
    if (auth != nullptr) (void)::krb5_auth_con_free(raw, auth);
    if (keytab != nullptr) (void)::krb5_kt_close(raw, keytab);
    if (code != 0) return nsutil::fail(EACCES, "krb5_rd_req: " + message);
    if (key.empty()) return nsutil::fail(EBADMSG, "the AP-REQ has no subkey");
    return key;
}

}  // namespace

Result<SpnegoPayload> parse_payload(const std::string& bytes, std::size_t padding) {
    std::uint32_t words[4];
    if (bytes.size() < sizeof words) return nsutil::fail(EBADMSG, "payload shorter than its header");
    std::memcpy(words, bytes.data(), sizeof words);
    const std::size_t rest = bytes.size() - sizeof words;
    if (words[2] > rest || words[3] > rest - words[2] || rest - words[2] - words[3] > padding)
        return nsutil::fail(EBADMSG, "payload's lengths are wrong");
    return SpnegoPayload{words[0], words[1], bytes.substr(sizeof words, words[2]),
                         bytes.substr(sizeof words + words[2], words[3])};
}

Result<AcceptedToken> accept_token(const std::string& blob, const std::filesystem::path& keytab,
                                   const std::filesystem::path& krb5_conf) {
    (void)::setenv("KRB5_CONFIG", krb5_conf.c_str(), 1);
    // The same token is accepted twice here, which a replay cache is made to prevent.
    (void)::setenv("KRB5RCACHENAME", "none:", 1);
    auto token = parse_neg_token_init(blob);
    if (!token) return std::unexpected(token.error());
    AcceptedToken accepted;
    accepted.mech_types = std::move(token->mech_types);
    const std::string keytab_name = "FILE:" + keytab.string();
    if (auto done = accept_by_gss(blob, keytab_name, accepted); !done) return std::unexpected(done.error());
    auto subkey = subkey_by_krb5(token->mech_token, keytab_name);
    if (!subkey) return std::unexpected(subkey.error());
    if (*subkey != accepted.session_key) {
        return nsutil::fail(EBADMSG, "GSS and krb5 see different session keys");
    }
    return accepted;
}

}  // namespace nsupcall::test
