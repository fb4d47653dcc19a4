#include "credentials/gss_proxy.hpp"

#include <dlfcn.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <span>

#include "credentials/krb5_handles.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

/// The functions of libgssapi_krb5 that are used, which is not linked: no other upcall needs it.
struct Gss {
    decltype(&::gss_indicate_mechs) indicate_mechs = nullptr;
    decltype(&::gss_release_oid_set) release_oid_set = nullptr;
    decltype(&::gss_import_name) import_name = nullptr;
    decltype(&::gss_init_sec_context) init_sec_context = nullptr;
    decltype(&::gss_inquire_context) inquire_context = nullptr;
    decltype(&::gss_inquire_sec_context_by_oid) inquire_by_oid = nullptr;
    decltype(&::gss_display_name) display_name = nullptr;
    decltype(&::gss_display_status) display_status = nullptr;
};
constexpr const char* kSocket = "/var/lib/gssproxy/default.sock";  // gssproxy's own default
Gss g_gss;
bool g_loaded = false;

// 1.2.840.113554.1.2.2; GSS_C_NT_HOSTBASED_SERVICE 1.2.840.113554.1.2.1.4; GSS_C_INQ_SSPI_SESSION_KEY
// 1.2.840.113554.1.2.2.5.5. Their bodies, without tag and length.
std::array<unsigned char, 9> g_krb5_bytes = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02};
std::array<unsigned char, 10> g_service_bytes = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04};
std::array<unsigned char, 11> g_key_bytes = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12,
                                             0x01, 0x02, 0x02, 0x05, 0x05};
gss_OID_desc g_krb5 = {g_krb5_bytes.size(), g_krb5_bytes.data()};
gss_OID_desc g_service = {g_service_bytes.size(), g_service_bytes.data()};
gss_OID_desc g_key = {g_key_bytes.size(), g_key_bytes.data()};

template <class Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
}

std::string status_text(OM_uint32 status, int type) {
    OM_uint32 minor = 0, more = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (GSS_ERROR(g_gss.display_status(&minor, status, type, &g_krb5, &more, &text))) return "unknown";
    std::string words(static_cast<const char*>(text.value), text.length);
    // The interposer counts the terminating NUL.
    while (words.ends_with('\0')) words.pop_back();
    return words;
}

std::unexpected<nsutil::Error> fail_gss(OM_uint32 major, OM_uint32 minor) {
    const auto routine = GSS_ROUTINE_ERROR(major);
    int code = key_errno_of(static_cast<krb5_error_code>(minor));
    if (routine == GSS_S_NO_CRED || routine == GSS_S_UNAVAILABLE) code = ENOKEY;
    if (routine == GSS_S_CREDENTIALS_EXPIRED) code = EKEYEXPIRED;
    // The daemon is not there, or it does not serve this user.
    if (minor == ECONNREFUSED || minor == ENOENT || minor == EACCES || minor == EIO) code = ENOKEY;
    return std::unexpected(nsutil::Error{
        code, nsutil::ErrorDomain::gss, minor,
        "gssproxy: " + status_text(major, GSS_C_GSS_CODE) + ": " + status_text(minor, GSS_C_MECH_CODE),
        std::source_location::current()});
}

std::string name_text(gss_name_t name) {
    OM_uint32 minor = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (name == GSS_C_NO_NAME || GSS_ERROR(g_gss.display_name(&minor, name, &text, nullptr))) return {};
    return {static_cast<const char*>(text.value), text.length};
}

/// The AP-REQ inside a krb5 mechanism token: [APPLICATION 0] { OID, 01 00, AP-REQ } (RFC 4121, 4.1).
Result<std::vector<std::byte>> unwrap(std::span<const std::byte> token) {
    const auto bad = [] { return fail(EKEYREJECTED, "gssproxy: it made no krb5 token"); };
    std::size_t at = 1;
    if (token.size() < 4 || token[0] != std::byte{0x60}) return bad();
    const auto length = std::to_integer<std::size_t>(token[at++]);
    if (length >= 0x80) at += length - 0x80;
    const std::size_t head = 2 + g_krb5_bytes.size();
    if (at + head + 2 >= token.size() || token[at] != std::byte{0x06} ||
        std::memcmp(&token[at + 2], g_krb5_bytes.data(), g_krb5_bytes.size()) != 0)
        return bad();
    at += head;
    if (token[at] != std::byte{0x01} || token[at + 1] != std::byte{0x00}) return bad();
    return std::vector<std::byte>(token.begin() + static_cast<std::ptrdiff_t>(at + 2), token.end());
}

Result<nsutil::SecretBytes> session_key(gss_ctx_id_t context) {
    OM_uint32 minor = 0;
    gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
    const auto major = g_gss.inquire_by_oid(&minor, context, &g_key, &set);
    if (GSS_ERROR(major)) return fail_gss(major, minor);
    if (set == nullptr || set->count == 0) return fail(EKEYREJECTED, "gssproxy: no session key");
    const auto* data = static_cast<const std::byte*>(set->elements[0].value);
    return nsutil::SecretBytes(data, data + set->elements[0].length);
}

}  // namespace

bool gssproxy_is_loaded() {
    return g_loaded;
}

Result<void> load_gssproxy() {
    if (g_loaded) return {};
    // Beside the libkrb5 that is in use: both come from one build.
    Dl_info info = {};
    if (::dladdr(reinterpret_cast<void*>(&krb5_init_context), &info) == 0 || info.dli_fname == nullptr)
        return fail(ENOKEY, "gssproxy: libkrb5 cannot be located");
    std::string path(info.dli_fname);
    path = path.substr(0, path.rfind('/') + 1) + "libgssapi_krb5.so.2";
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return fail(ENOKEY, "gssproxy: GSS-API is not installed on the host");
    const bool complete = find(library, "gss_indicate_mechs", g_gss.indicate_mechs) &&
                          find(library, "gss_release_oid_set", g_gss.release_oid_set) &&
                          find(library, "gss_import_name", g_gss.import_name) &&
                          find(library, "gss_init_sec_context", g_gss.init_sec_context) &&
                          find(library, "gss_inquire_context", g_gss.inquire_context) &&
                          find(library, "gss_inquire_sec_context_by_oid", g_gss.inquire_by_oid) &&
                          find(library, "gss_display_name", g_gss.display_name) &&
                          find(library, "gss_display_status", g_gss.display_status);
    if (!complete) return fail(ENOKEY, "gssproxy: GSS-API of the host lacks a function");

    // The interposer looks at this when it is loaded, which the first call does: the daemon only, never a
    // cache of the user's behind its back.
    (void)::setenv("GSS_USE_PROXY", "yes", 1);
    (void)::setenv("GSSPROXY_BEHAVIOR", "REMOTE_ONLY", 1);
    OM_uint32 minor = 0;
    gss_OID_set mechanisms = GSS_C_NO_OID_SET;
    const auto major = g_gss.indicate_mechs(&minor, &mechanisms);
    if (GSS_ERROR(major)) return fail(ENOKEY, "gssproxy: GSS-API of the host does not start");
    (void)g_gss.release_oid_set(&minor, &mechanisms);
    void* interposer = ::dlopen((path.substr(0, path.rfind('/') + 1) + "gssproxy/proxymech.so").c_str(),
                                RTLD_NOW | RTLD_NOLOAD);
    if (interposer == nullptr)
        return fail(ENOKEY, "gssproxy: its interposer is not installed, or not enabled, on the host");
    g_loaded = true;
    return {};
}

Result<GssToken> token_from_gssproxy(const std::string& service) {
    if (!g_loaded) return fail(ENOKEY, "gssproxy: not loaded");
    // The interposer's own error for this is a number of its own making.
    struct stat info = {};
    if (::stat(kSocket, &info) != 0 || !S_ISSOCK(info.st_mode))
        return fail(ENOKEY, std::string("gssproxy: no daemon shows its socket at ") + kSocket);
    OM_uint32 minor = 0;
    std::string text = service;
    gss_buffer_desc buffer = {text.size(), text.data()};
    gss_name_t target = GSS_C_NO_NAME;
    auto major = g_gss.import_name(&minor, &buffer, &g_service, &target);
    if (GSS_ERROR(major)) return fail_gss(major, minor);
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    major = g_gss.init_sec_context(
        &minor, GSS_C_NO_CREDENTIAL, &context, target, &g_krb5,
        GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG, 0,
        GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, nullptr, &token, nullptr, nullptr);
    if (GSS_ERROR(major)) return fail_gss(major, minor);
    GssToken made;
    const auto* bytes = static_cast<const std::byte*>(token.value);
    auto ap_req = unwrap({bytes, token.length});
    if (!ap_req) return nsutil::propagate(ap_req);
    made.ap_req = std::move(*ap_req);
    auto key = session_key(context);
    if (!key) return nsutil::propagate(key);
    made.session_key = std::move(*key);
    gss_name_t client = GSS_C_NO_NAME, server = GSS_C_NO_NAME;
    OM_uint32 lifetime = 0;
    if (!GSS_ERROR(g_gss.inquire_context(&minor, context, &client, &server, &lifetime, nullptr, nullptr,
                                         nullptr, nullptr))) {
        made.client = name_text(client);
        made.server = name_text(server);
        if (lifetime != GSS_C_INDEFINITE) made.expires = std::time(nullptr) + lifetime;
    }
    return made;
}

}  // namespace nsupcall
