#include "spnego/ap_req.hpp"

#include <array>
#include <cstring>
#include <memory>

#include "credentials/krb5_handles.hpp"

namespace nsupcall {
namespace {

constexpr krb5_cksumtype kGssChecksum = 0x8003;

// RFC 4121, 4.1.1: length 16 of the channel bindings (none: zeros), then the flags, all little-endian.
constexpr std::uint8_t kReplay = 4, kSequence = 8, kConfidentiality = 16, kIntegrity = 32;
constexpr std::array<char, 24> kChecksumBody = {
    16, 0, 0, 0, 0, 0, 0,
    0,  0, 0, 0, 0, 0, 0,
    0,  0, 0, 0, 0, 0, kReplay | kSequence | kConfidentiality | kIntegrity,
    0,  0, 0};

template <class Bytes>
void copy_bytes(Bytes& to, const void* data, std::size_t size) {
    to.resize(size);
    if (size > 0) std::memcpy(to.data(), data, size);
}

}  // namespace

nsutil::Result<ApReq> make_ap_req(krb5_context context, krb5_creds& ticket) {
    krb5_auth_context raw = nullptr;
    if (const auto error = krb5_auth_con_init(context, &raw))
        return fail_krb5(context, error, "authenticator");
    const Krb5Handle<krb5_auth_context, krb5_auth_con_free> auth(raw, {context});
    // The sequence number is part of every GSS-API authenticator; no replay cache is kept on this side.
    if (const auto error = krb5_auth_con_setflags(context, raw, KRB5_AUTH_CONTEXT_DO_SEQUENCE))
        return fail_krb5(context, error, "authenticator");
    if (const auto error = krb5_auth_con_set_req_cksumtype(context, raw, kGssChecksum))
        return fail_krb5(context, error, "authenticator");

    auto body = kChecksumBody;
    krb5_data checksum = {KV5M_DATA, static_cast<unsigned>(body.size()), body.data()};
    krb5_data message = {};
    if (const auto error =
            krb5_mk_req_extended(context, &raw, AP_OPTS_USE_SUBKEY, &checksum, &ticket, &message))
        return fail_krb5(context, error, "AP-REQ");
    ApReq made;
    copy_bytes(made.message, message.data, message.length);
    krb5_free_data_contents(context, &message);

    krb5_keyblock* key = nullptr;
    if (const auto error = krb5_auth_con_getsendsubkey(context, raw, &key))
        return fail_krb5(context, error, "sub-session key");
    if (key == nullptr) return nsutil::fail(EKEYREJECTED, "the authenticator has no sub-session key");
    copy_bytes(made.session_key, key->contents, key->length);
    krb5_free_keyblock(context, key);
    return made;
}

}  // namespace nsupcall
