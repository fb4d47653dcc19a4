#pragma once
/// @file
/// How one request is to be answered: what rules decide, with the defaults that hold without any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nsupcall {

/// Where a credential can come from. The order of kDefaultSources is the order in which they are asked.
enum class Source : std::uint8_t {
    environment,  ///< KRB5CCNAME of the requester
    session,      ///< the ccache that served the same session before (kernel threads that reconnect)
    rule,         ///< the rule's `ccache` patterns
    fallback,     ///< the namespace's default ccache and its whole collection ("default")
    tmp,          ///< /tmp/krb5cc_<uid>, /tmp/krb5cc_<uid>_*
    run_user,     ///< /run/user/<uid>/krb5cc*
    csi,          ///< /var/lib/kubelet/kerberos: the folder of csi-driver-smb
    host_ccache,  ///< the rule's `host_ccache` patterns
    keytab,       ///< keytabs: the rule's, -K, the requester's, the namespace's
    gssproxy,     ///< a gssproxy daemon whose socket the namespace shows
};
inline constexpr std::uint8_t kSourceKinds = 10;
inline constexpr Source kDefaultSources[] = {
    Source::environment, Source::session, Source::rule,        Source::fallback, Source::tmp,
    Source::run_user,    Source::csi,     Source::host_ccache, Source::keytab,   Source::gssproxy};

/// The word for a source in configuration files: "environment", "default", "run-user", ...
[[nodiscard]] std::string_view source_name(Source source);

/// Where an id or a SID can come from, in the order of the kinds that src/idmap knows.
inline constexpr std::string_view kIdSourceNames[] = {
    "map", "unix", "winbind", "sssd", "well-known", "builtin", "container-map", "container-winbind"};

/// Whose namespaces answer a request; as_asked leaves it to the mount (upcall_target) and the requester.
enum class TargetChoice : std::uint8_t { as_asked, requester, host, mounter };

/// In which network namespace KDCs are asked.
enum class NetworkChoice : std::uint8_t { requester, host };

/// When a gssproxy daemon is asked; on_request: where the requester's environment has GSS_USE_PROXY=yes.
enum class GssProxyChoice : std::uint8_t { never, on_request, always };

/// Settings of one request. Nothing in the defaults gives a requester what is not its own.
struct Settings {
    std::uint32_t deadline_s = 0;  ///< 0: the helper's own
    std::vector<Source> sources{std::begin(kDefaultSources), std::end(kDefaultSources)};
    std::vector<std::string> ccaches;       ///< patterns of names inside the namespace
    std::vector<std::string> host_ccaches;  ///< patterns of FILE names on the host; root's files only
    std::vector<std::string> services;      ///< patterns that replace cifs/<host>
    std::string keytab;                     ///< of the host; empty for none
    std::string principal;                  ///< pattern: whom a keytab is used for
    bool keytab_first_entry = false;        ///< ... else the keytab's first entry
    bool ticket_cache = false;   ///< tickets by keytab are kept under /run/nsupcall for the next time
    bool environment = true;     ///< look at the requester's environment
    bool host_fallback = false;  ///< a container without credentials is served with the host's
    bool deny = false;
    TargetChoice target = TargetChoice::as_asked;
    NetworkChoice network = NetworkChoice::requester;
    GssProxyChoice gssproxy = GssProxyChoice::never;
    // Where a rule says nothing, the command line's options hold.
    std::vector<std::string> idmap_sources;  ///< words of kIdSourceNames; empty: not said
    std::string idmap_file;                  ///< map file of the host; empty: not said
    std::string idmap_container_file;        ///< map file as the requester sees it; empty: not said
    std::optional<bool> logon;               ///< logon keys are answered; nothing: not said
    std::vector<std::string> logon_files;    ///< patterns of credentials files; empty: not said
    bool distrusted = false;  ///< the configuration is broken: options that give more do not hold
    std::string rule;         ///< name of the rule that matched; empty where none did

    [[nodiscard]] bool allows(Source source) const {
        for (const auto one : sources)
            if (one == source) return true;
        return false;
    }
};

}  // namespace nsupcall
