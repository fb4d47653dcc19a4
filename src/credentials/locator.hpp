#pragma once
/// @file
/// Finding the credential that a request is to be answered with.

#include <krb5.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "credentials/ccache_collector.hpp"
#include "credentials/credential_query.hpp"
#include "credentials/examination.hpp"
#include "credentials/gss_proxy.hpp"
#include "credentials/keytab_source.hpp"
#include "nsutil/result.hpp"
#include "rules/expand.hpp"
#include "trace/trace.hpp"

namespace nsupcall {

/// A ticket for the service, ready to make a token of, or a token that somebody else made.
struct LocatedTicket {
    Creds ticket;  ///< null where `token` is there, and where an examination did not ask for it
    std::optional<GssToken> token;
    std::string client;           ///< "name@REALM"
    std::string server;           ///< "cifs/host@REALM"
    nsutil::SecretBytes tickets;  ///< made with a keytab, to be kept for the next request; empty for none
    std::int64_t tickets_expire = 0;
};

/// Goes through the sources in the order of the settings. Caches are gathered until one is found that is for
/// whom the request names; then the best is used (see CcacheCollector::ranked()). Keytabs and gssproxy come
/// into play when no cache served.
class Locator {
  public:
    /// @param context       a libkrb5 context of the namespace
    /// @param before_a_wait called before the KDC is asked, with the trace as it stands
    /// @param examination   null: find a ticket; else only walk through, see there
    Locator(krb5_context context, const CredentialQuery& query, Trace& trace,
            std::function<void(const Trace&)> before_a_wait, const Examination* examination = nullptr);

    /// @errors the errno of what stood in the way most: EKEYREJECTED, EHOSTUNREACH, EKEYEXPIRED, EACCES,
    ///         EINVAL, else ENOKEY
    [[nodiscard]] nsutil::Result<LocatedTicket> find();

    /// Looks at the caches of all sources and leaves what is in them in the trace, the one that would be used
    /// first of all. Asks no KDC and no daemon, and makes nothing of keytabs.
    void look_around();

  private:
    using Served = std::optional<LocatedTicket>;

    [[nodiscard]] Served search();
    [[nodiscard]] Served last_resort(Source source);
    void gather(Source source);
    void gather_environment();
    void gather_patterns();
    void gather_files(const char* source, const std::vector<std::string>& paths);
    [[nodiscard]] Served from_keytabs();
    [[nodiscard]] Served from_keytab(const KeytabPlan& plan);
    [[nodiscard]] Served look_at_keytab(const KeytabPlan& plan, const std::string& shown_name);
    [[nodiscard]] std::vector<KeytabPlan> keytab_plans();
    [[nodiscard]] Served from_kept_tickets(const KeytabPlan& plan);
    void keep_tickets(const KeytabPlan& plan, Served& served);
    [[nodiscard]] Served from_gssproxy();
    [[nodiscard]] Served try_found();
    [[nodiscard]] nsutil::Result<LocatedTicket> use(FoundCcache& found);
    [[nodiscard]] nsutil::Result<Creds> ask(const ExaminedCcache& cache, const std::string& name,
                                            krb5_flags options);
    /// The names that the service may have for a client of this realm, in the order in which they are tried.
    [[nodiscard]] std::vector<std::string> names_for(std::string_view realm) const;
    [[nodiscard]] std::string print_service(const std::string& name) const;
    [[nodiscard]] bool asks_kdc() const {
        return examination_ == nullptr || (examination_->with_ticket && !decided_);
    }
    [[nodiscard]] nsutil::Result<Creds> ask_for_any(const ExaminedCcache& cache);
    void announce_wait() const;
    void finish_trace();
    [[nodiscard]] std::unexpected<nsutil::Error> nothing_served() const;

    krb5_context context_;
    const CredentialQuery& query_;
    Trace& trace_;
    std::function<void(const Trace&)> before_a_wait_;
    const Examination* examination_;
    bool decided_ = false;  ///< an examination goes on behind the candidate that serves
    Variables variables_;
    std::vector<std::string> services_;  ///< of the rule; empty: the host's own names
    CcacheCollector collector_;
    krb5_ccache used_ = nullptr;  ///< the cache that served, which collector_ owns
};

/// Values for %{...} in a rule's patterns, but for %{realm}. Those that come from the mount are not trusted.
[[nodiscard]] Variables pattern_variables(const CredentialQuery& query);

}  // namespace nsupcall
