#pragma once
/// @file
/// The ccaches of one upcall: looked at one after the other, each with a verdict.

#include <krb5.h>

#include <string>
#include <vector>

#include "credentials/ccache_guard.hpp"
#include "credentials/credential_query.hpp"
#include "credentials/examined_ccache.hpp"
#include "trace/trace.hpp"

namespace nsupcall {

/// A ccache that could serve.
struct FoundCcache {
    ExaminedCcache cache;
    std::size_t entry;  ///< index of its candidate
    std::size_t order;  ///< position of its source in the settings
    bool matches_user;
};

/// Collects candidates.
class CcacheCollector {
  public:
    static constexpr std::size_t kCachesMost = 256;  ///< of one collection

    /// @param hosts  the names that the service may have; a ticket for any of them counts
    CcacheCollector(krb5_context context, const CredentialQuery& query, std::vector<std::string> hosts)
        : context_(context), query_(query), hosts_(std::move(hosts)) {}

    /// What is gathered from here on belongs to the source at position `order` of the settings.
    void begin_source(std::size_t order) { order_ = order; }

    /// Also caches behind one that would be used in any case; for who wants to know of all.
    void look_at_all() { look_at_all_ = true; }

    /// Looks at the cache `name`, or at every cache of the collection that it names: of a DIR collection at
    /// the primary one alone where that has a ticket for the service, and for whom the request names.
    void gather(const std::string& source, const CcacheName& name);
    /// Looks at an open cache.
    void examine(const std::string& source, const std::string& full_name, Ccache ccache);
    /// Records a candidate that never was a cache.
    void note(Candidate candidate) { candidates_.push_back(std::move(candidate)); }

    /// What could serve, the best first: whose principal the request names; by source; with a service
    /// ticket; lasting longest.
    [[nodiscard]] std::vector<FoundCcache>& ranked();
    /// True where something was found that is for whom the request names, or for nobody in particular.
    [[nodiscard]] bool settled() const;
    [[nodiscard]] std::vector<Candidate>& candidates() { return candidates_; }
    [[nodiscard]] const std::vector<Candidate>& candidates() const { return candidates_; }

    /// The principal that user= names, without a domain; a bare name where it has no realm.
    [[nodiscard]] std::string wanted_user() const;
    [[nodiscard]] bool must_match_user() const { return query_.user.find('@') != std::string::npos; }

  private:
    void gather_collection(const std::string& source, const CcacheName& name);
    [[nodiscard]] bool decides(const CcacheName& collection, const std::string& full_name) const;
    [[nodiscard]] bool serves(const FoundCcache& found) const;
    [[nodiscard]] bool seen(const std::string& full_name) const;
    [[nodiscard]] bool matches_user(krb5_const_principal principal) const;
    [[nodiscard]] bool better(const FoundCcache& a, const FoundCcache& b) const;

    krb5_context context_;
    const CredentialQuery& query_;
    std::vector<std::string> hosts_;
    std::size_t order_ = 0;
    bool look_at_all_ = false;
    std::vector<Candidate> candidates_;
    std::vector<FoundCcache> found_;
};

/// The verdict that an errno of key_errno_of() stands for.
[[nodiscard]] Verdict verdict_of(int code);

}  // namespace nsupcall
