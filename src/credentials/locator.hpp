#pragma once
/// @file
/// Finding the credential that a request is to be answered with.

#include <krb5.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "credentials/ccache_guard.hpp"
#include "credentials/examined_ccache.hpp"
#include "nsutil/result.hpp"
#include "trace/trace.hpp"

namespace nsupcall {

/// What the locator has to go by. Everything is as seen inside the namespaces.
struct CredentialQuery {
    std::string host;     ///< server name, lower case
    std::string address;  ///< textual address of the server, for trust_dns
    std::string user;  ///< username= of the mount: a bare name is a preference (mounts by root send "root"),
                       ///< one with a realm is a condition; empty for none
    std::uint32_t inside_uid = 0;
    std::optional<std::string> environment_ccache;  ///< KRB5CCNAME of the requester, where it counts
    std::string environment_note;                   ///< why KRB5CCNAME was not considered; empty where it was
    std::string host_keytab;  ///< a MEMORY keytab filled from a host's file; empty for none
    bool trust_dns = false;   ///< try the address' reverse name where the KDC does not know `host`
};

/// A ticket for the service, ready to make a token of.
struct LocatedTicket {
    Creds ticket;
    std::string client;  ///< "name@REALM"
    std::string server;  ///< "cifs/host@REALM"
};

/// Goes through the candidates in order: the requester's KRB5CCNAME, the namespace's default ccache, the
/// host's keytab. A cache is preferred whose principal the request names, then one that holds a service
/// ticket, then one with a TGT, then the one that lasts longest.
class Locator {
  public:
    static constexpr std::size_t kCachesMost = 256;  ///< of one collection

    /// @param context       a libkrb5 context of the namespace
    /// @param before_a_wait called before the KDC is asked, with the trace as it stands
    Locator(krb5_context context, const CredentialQuery& query, Trace& trace,
            std::function<void(const Trace&)> before_a_wait)
        : context_(context), query_(query), trace_(trace), before_a_wait_(std::move(before_a_wait)) {}

    /// @errors the errno of what stood in the way most: EKEYREJECTED, EHOSTUNREACH, EKEYEXPIRED, EACCES,
    ///         EINVAL, else ENOKEY
    [[nodiscard]] nsutil::Result<LocatedTicket> find();

  private:
    struct Found {
        ExaminedCcache cache;
        std::size_t entry;  ///< index of its candidate
    };
    void gather(const std::string& source, const CcacheName& name);
    void gather_collection(const std::string& source, const CcacheName& name);
    void examine(const std::string& source, const std::string& full_name, Ccache ccache);
    void gather_keytab();
    void announce_wait() const;
    [[nodiscard]] nsutil::Result<LocatedTicket> use(Found& found);
    [[nodiscard]] nsutil::Result<Creds> ask_kdc(const ExaminedCcache& cache, const std::string& host);
    [[nodiscard]] bool matches_user(krb5_const_principal principal) const;
    [[nodiscard]] bool must_match_user() const { return query_.user.find('@') != std::string::npos; }
    [[nodiscard]] bool better(const Found& a, const Found& b) const;
    [[nodiscard]] nsutil::Result<LocatedTicket> try_found();
    [[nodiscard]] std::unexpected<nsutil::Error> nothing_served() const;

    krb5_context context_;
    const CredentialQuery& query_;
    Trace& trace_;
    std::function<void(const Trace&)> before_a_wait_;
    std::vector<Candidate> candidates_;
    std::vector<Found> found_;
};

}  // namespace nsupcall
