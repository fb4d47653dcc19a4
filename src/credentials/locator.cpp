#include "credentials/locator.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "credentials/service_name.hpp"
#include "credentials/well_known_places.hpp"

namespace nsupcall {
namespace {

using nsutil::Error;
using nsutil::Result;

/// The errno that a candidate's verdict stands for, in rising order of how much it explains.
constexpr std::array<std::pair<Verdict, int>, 7> kCodes = {{{Verdict::absent, ENOKEY},
                                                            {Verdict::malformed, EINVAL},
                                                            {Verdict::unreadable, EACCES},
                                                            {Verdict::not_owned, EACCES},
                                                            {Verdict::expired, EKEYEXPIRED},
                                                            {Verdict::kdc_unreachable, EHOSTUNREACH},
                                                            {Verdict::kdc_refused, EKEYREJECTED}}};

/// With %{realm}: that of user=, else the namespace's default. Empty where no pattern needs any.
Variables all_variables(krb5_context context, const CredentialQuery& query) {
    const auto& settings = query.settings;
    if (settings.ccaches.empty() && settings.services.empty() && settings.principal.empty()) return {};
    auto variables = pattern_variables(query);
    const auto at = query.user.find('@');
    variables.emplace_back("realm",
                           at == std::string::npos ? default_realm(context) : query.user.substr(at + 1));
    return variables;
}

/// The rule's names of the service. Lower case, but where they have a realm, whose case is the rule's.
std::vector<std::string> service_names(const CredentialQuery& query, const Variables& variables) {
    std::vector<std::string> names;
    for (const auto& pattern : query.settings.services)
        if (auto name = expand(pattern, variables))
            names.push_back(name->find('@') == std::string::npos ? lower_case(*name) : *name);
    return names;
}

}  // namespace

Variables pattern_variables(const CredentialQuery& query) {
    const auto backslash = query.user.rfind('\\');
    const auto user = backslash == std::string::npos ? query.user : query.user.substr(backslash + 1);
    const auto uid = std::to_string(query.inside_uid);
    return {{"uid", uid},
            {"euid", uid},
            {"host_uid", std::to_string(query.host_uid)},
            {"username", user.substr(0, user.find('@'))},
            {"host", query.host},
            {"label", query.host.substr(0, query.host.find('.'))},
            {"address", query.address},
            {"container", query.container}};
}

Locator::Locator(krb5_context context, const CredentialQuery& query, Trace& trace,
                 std::function<void(const Trace&)> before_a_wait, const Examination* examination)
    : context_(context),
      query_(query),
      trace_(trace),
      before_a_wait_(std::move(before_a_wait)),
      examination_(examination),
      variables_(all_variables(context, query)),
      services_(service_names(query, variables_)),
      collector_(context, query, services_.empty() ? std::vector{query.host} : services_) {
    if (examination != nullptr) collector_.look_at_all();
}

void Locator::announce_wait() const {
    if (!before_a_wait_) return;
    Trace so_far;
    for (const auto& candidate : collector_.candidates()) so_far.add(candidate);
    before_a_wait_(so_far);
}

void Locator::gather_environment() {
    const auto& environment = query_.environment;
    if (environment.ccache)
        collector_.gather("KRB5CCNAME", CcacheName::split(*environment.ccache));
    else if (!environment.note.empty())
        collector_.note({"KRB5CCNAME", {}, Verdict::not_considered, {}, 0, environment.note});
}

void Locator::gather_files(const char* source, const std::vector<std::string>& paths) {
    for (const auto& path : paths) collector_.gather(source, {"FILE", path});
}

void Locator::gather_patterns() {
    const std::string source = "ccache of rule " + query_.settings.rule;
    for (const auto& pattern : query_.settings.ccaches) {
        auto expanded = expand(pattern, variables_);
        if (!expanded) {
            collector_.note({source, pattern, Verdict::not_considered, {}, 0, expanded.error().what});
            continue;
        }
        const auto name = CcacheName::split(*expanded);
        const auto slash = name.residual.rfind('/');
        const bool glob = name.type == "FILE" && slash != std::string::npos &&
                          name.residual.find_first_of("*?[", slash) != std::string::npos;
        if (!glob) {
            collector_.gather(source, name);
            continue;
        }
        const auto files = files_matching(name.residual.substr(0, slash), name.residual.substr(slash + 1));
        if (files.empty()) collector_.note({source, name.full(), Verdict::absent, {}, 0, "nothing matches"});
        gather_files(source.c_str(), files);
    }
}

void Locator::gather(Source source) {
    const std::string uid = std::to_string(query_.inside_uid);
    switch (source) {
        case Source::environment:
            return gather_environment();
        case Source::session:
            if (!query_.session_ccache.empty())
                collector_.gather("ccache of the session", CcacheName::split(query_.session_ccache));
            return;
        case Source::rule:
            return gather_patterns();
        case Source::fallback:
            if (const char* name = krb5_cc_default_name(context_))
                collector_.gather("default ccache", CcacheName::split(name));
            return;
        case Source::tmp:
            collector_.gather("/tmp", {"FILE", "/tmp/krb5cc_" + uid});
            return gather_files("/tmp", files_matching("/tmp", "krb5cc_" + uid + "_*"));
        case Source::run_user: {
            const std::string directory = "/run/user/" + uid;
            for (const auto& path : files_matching(directory, "krb5cc*")) {
                // A folder of that name is a collection.
                const auto objection = object_to({"DIR", path}, query_.inside_uid);
                collector_.gather("/run/user", {objection ? "FILE" : "DIR", path});
            }
            return;
        }
        case Source::csi:
            return gather_files("CSI driver", files_owned_in(kCsiDirectory, query_.inside_uid));
        case Source::host_ccache:
            for (const auto& [path, memory, problem, copy] : query_.host_ccaches) {
                krb5_ccache raw = nullptr;
                if (memory.empty() || krb5_cc_resolve(context_, memory.c_str(), &raw) != 0)
                    collector_.note({"ccache of the host", path, Verdict::failed, {}, 0, problem});
                else
                    collector_.examine("ccache of the host", path, adopt<Ccache>(context_, raw));
            }
            return;
        case Source::keytab:
        case Source::gssproxy:
            return;
    }
}

Locator::Served Locator::try_found() {
    auto& found = collector_.ranked();
    std::string unreachable_for;
    Served served;
    for (auto& one : found) {
        // The KDC will not answer for the next cache either, and what is left of the time is short; only a
        // ticket of the same user that is there already is worth a look.
        if (!unreachable_for.empty() &&
            (one.cache.service_ticket() == nullptr || one.cache.principal_name() != unreachable_for))
            continue;
        auto located = use(one);
        auto& candidate = collector_.candidates()[one.entry];
        if (located) {
            candidate.verdict = Verdict::used;
            used_ = one.cache.ccache();
            served = std::move(*located);
            break;
        }
        candidate.verdict = verdict_of(located.error().code);
        candidate.detail = located.error().what;
        if (located.error().code == EHOSTUNREACH) unreachable_for = one.cache.principal_name();
    }
    if (!served) found.clear();
    return served;
}

void Locator::finish_trace() {
    auto& candidates = collector_.candidates();
    // The one that was used is never among those that a long trace leaves out.
    const auto used = std::ranges::find(candidates, Verdict::used, &Candidate::verdict);
    const auto last = candidates.begin() +
                      static_cast<std::ptrdiff_t>(std::min(candidates.size(), Trace::kCandidatesMost) - 1);
    if (used != candidates.end() && used > last) std::iter_swap(used, last);
    for (auto& candidate : candidates) trace_.add(std::move(candidate));
}

std::unexpected<Error> Locator::nothing_served() const {
    int code = ENOKEY;
    std::string why = "no credentials found";
    std::size_t best = 0;
    for (const auto& candidate : collector_.candidates())
        for (std::size_t at = 0; at < kCodes.size(); ++at)
            if (candidate.verdict == kCodes[at].first && at > best) {
                best = at;
                code = kCodes[at].second;
                why = "credentials found, but none that serves: ";
                why += verdict_name(candidate.verdict);
                if (!candidate.detail.empty()) why += " (" + candidate.detail + ")";
            }
    return nsutil::fail(code, why);
}

Locator::Served Locator::search() {
    Served served;
    std::size_t order = 0;
    for (const auto source : query_.settings.sources) {
        collector_.begin_source(order++);
        const bool is_last_resort = source == Source::keytab || source == Source::gssproxy;
        // What the requester itself names comes first; only a cache for somebody else makes us look further.
        if (!served && (is_last_resort || collector_.settled())) served = try_found();
        decided_ = served.has_value();
        // What is only examined is looked at to its end.
        if (served && examination_ == nullptr) return served;
        if (!is_last_resort)
            gather(source);
        else if (auto last = last_resort(source); !served)
            served = std::move(last);
    }
    return served ? std::move(served) : try_found();
}

void Locator::look_around() {
    collector_.look_at_all();
    std::size_t order = 0;
    for (const auto source : query_.settings.sources) {
        collector_.begin_source(order++);
        gather(source);
    }
    auto& candidates = collector_.candidates();
    const auto& found = collector_.ranked();
    if (!found.empty()) {
        const auto best = candidates.begin() + static_cast<std::ptrdiff_t>(found.front().entry);
        std::rotate(candidates.begin(), best, best + 1);
    }
    for (auto& candidate : candidates) trace_.add(std::move(candidate));
}

Result<LocatedTicket> Locator::find() {
    auto served = search();
    auto nothing = served ? std::unexpected(Error{}) : nothing_served();
    if (!collector_.candidates().empty()) finish_trace();
    if (served) return std::move(*served);
    return nothing;
}

}  // namespace nsupcall
