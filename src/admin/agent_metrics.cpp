#include "admin/agent_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "admin/metrics_text.hpp"

namespace nsupcall::admin {
namespace {

void put_upcalls(MetricsText& text, const UpcallCounters& counters) {
    text.family("nsupcall_upcalls_total", "counter", "Upcalls that ended since the agent started.");
    for (const auto& [series, count] : counters.upcalls())
        text.sample({{"type", series.type}, {"result", series.result}, {"errno", series.error}}, count);
    text.family("nsupcall_upcall_duration_seconds", "histogram", "From the helper's start to its answer.");
    constexpr double kMicros = 1e6;
    for (const auto& [type, histogram] : counters.durations()) {
        std::uint64_t total = 0;
        for (std::size_t at = 0; at < histogram.counts.size(); ++at) {
            total += histogram.counts[at];
            const auto end =
                at == UpcallCounters::kBucketsUs.size()
                    ? std::string("+Inf")
                    : fmt::format("{}", static_cast<double>(UpcallCounters::kBucketsUs[at]) / kMicros);
            text.sample({{"type", type}, {"le", end}}, total, "_bucket");
        }
        text.sample({{"type", type}}, static_cast<double>(histogram.sum_us) / kMicros, "_sum");
        text.sample({{"type", type}}, total, "_count");
    }
    text.family("nsupcall_forged_requests_total", "counter",
                "Refused because their origin is not the kernel.");
    // Present from the beginning, so that an increase from nothing can be seen.
    auto forged = counters.forged();
    forged.try_emplace("cifs.spnego", 0);
    for (const auto& [type, count] : forged) text.sample({{"type", type}}, count);
    text.family("nsupcall_history_records_lost_total", "counter",
                "Records that were overwritten before the agent came to read them.");
    text.sample({}, counters.lost());
    text.gauge("nsupcall_history_last_sequence", "Number of the newest record: all upcalls since boot.",
               counters.last_sequence());
}

/// One mount's credential, as the two gauges label it.
struct Expiry {
    const MapPlace* place;
    const MapUser* user;
    const MapMount* mount;
};

void put_credentials(MetricsText& text, const NodeMap& map, std::size_t most, std::size_t& left_out) {
    std::vector<Expiry> expiries;
    for (const auto& place : map.places)
        for (const auto& user : place.users)
            for (const auto& mount : user.mounts)
                if (mount.expires != 0) expiries.push_back({&place, &user, &mount});
    if (expiries.size() > most) {
        // Those that end first matter most.
        std::ranges::stable_sort(expiries, {}, [](const Expiry& one) { return one.mount->expires; });
        left_out += expiries.size() - most;
        expiries.resize(most);
    }
    constexpr std::size_t kShortId = 12;
    const auto put = [&](const Expiry& one, std::int64_t value) {
        const auto& workload = one.place->workload;
        const auto uid = std::to_string(one.user->uid);
        const auto share = one.mount->source.substr(
            std::min(one.mount->source.find_first_of("/\\", one.mount->source.find_first_not_of("/\\")),
                     one.mount->source.size()));
        text.sample({{"server", one.mount->server},
                     {"share", share},
                     {"target", one.mount->targets.empty() ? std::string_view() : one.mount->targets.front()},
                     {"uid", uid},
                     {"principal", one.mount->principal},
                     {"pod_namespace", workload.pod_namespace},
                     {"pod_name", workload.pod_name},
                     {"container_name", workload.name},
                     {"container_id", std::string_view(workload.id).substr(0, kShortId)}},
                    value);
    };
    text.family("nsupcall_credential_expires_in_seconds", "gauge",
                "Seconds from the collection to the end of the credential; negative once it has ended.");
    for (const auto& one : expiries) put(one, one.mount->expires - map.taken_at);
    text.family("nsupcall_credential_expiry_timestamp_seconds", "gauge",
                "When the credential ends, Unix time.");
    for (const auto& one : expiries) put(one, one.mount->expires);
}

}  // namespace

std::vector<std::string> Collection::objections() const {
    std::vector<std::string> lines;
    if (!history_up) lines.emplace_back("the history cannot be read");
    if (!rules_up) lines.emplace_back("request-key's rules cannot be read");
    if (rules_up && !rules_installed)
        lines.emplace_back("request-key has no rule of ours for cifs.spnego: the node's own helper answers");
    return lines;
}

bool Collection::complete() const {
    return map_up && history_up && rules_up && map.mounts_known && map.credentials_known &&
           map.sessions_known;
}

std::string metrics_text(const UpcallCounters& counters, const Collection& collection,
                         const AgentFacts& facts) {
    const auto& map = collection.map;
    MetricsText text;
    text.family("nsupcall_build_info", "gauge", "Always 1.");
    text.sample({{"version", NSUPCALL_VERSION}}, 1);
    put_upcalls(text, counters);
    text.family("nsupcall_session_records", "gauge", "Remembered sessions.");
    text.sample({{"place", "host"}}, map.sessions_of_host);
    text.sample({{"place", "container"}}, map.sessions_of_containers);
    text.family("nsupcall_mounts", "gauge", "cifs mounts with Kerberos, by the state of what they rest on.");
    for (std::size_t state = 0; state < kCredentialStates; ++state)
        text.sample({{"credential", state_name(static_cast<CredentialState>(state))}},
                    map.mounts_in(static_cast<CredentialState>(state)));
    std::size_t mounts_left_out = map.mounts_left_out;
    put_credentials(text, map, facts.series_most, mounts_left_out);
    text.family("nsupcall_agent_source_up", "gauge", "1 where the last collection could read it.");
    const bool seen = collection.map_up;
    for (const auto& [source, up] : {std::pair{"history", collection.history_up},
                                     {"sessions", seen && map.sessions_known},
                                     {"mounts", seen && map.mounts_known},
                                     {"credentials", seen && map.credentials_known},
                                     {"rules", collection.rules_up}})
        text.sample({{"source", source}}, up ? 1 : 0);
    text.gauge("nsupcall_agent_rules_installed", "1 where request-key runs our helper for cifs.spnego.",
               collection.rules_installed ? 1 : 0);
    text.family("nsupcall_agent_capability", "gauge", "1 where the collector has it.");
    for (const auto& [name, there] : collection.capabilities)
        text.sample({{"capability", name}}, there ? 1 : 0);
    text.family("nsupcall_agent_left_out", "gauge", "What a limit kept out of the last collection.");
    text.sample({{"what", "mounts"}}, mounts_left_out);
    text.sample({{"what", "upcall_series"}}, counters.left_out());
    text.sample({{"what", "processes"}}, map.unseen);
    text.sample({{"what", "users"}}, map.users_left_out);
    text.family("nsupcall_agent_collections_total", "counter", "Collections since the start.");
    text.sample({}, collection.number);
    constexpr double kMicros = 1e6;
    text.gauge("nsupcall_agent_collection_duration_seconds", "How long the last one took.",
               static_cast<double>(collection.took_us) / kMicros);
    text.gauge("nsupcall_agent_last_collection_timestamp_seconds", "When it ended, Unix time.", map.taken_at);
    text.gauge("nsupcall_agent_interval_seconds", "Seconds between two collections.", facts.interval_s);
    text.gauge("nsupcall_agent_start_time_seconds", "When the agent started, Unix time.", facts.started);
    return text.take();
}

}  // namespace nsupcall::admin
