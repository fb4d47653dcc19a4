#include "admin/agent_counters.hpp"

#include <algorithm>

namespace nsupcall::admin {

std::string upcall_type(std::string_view call) {
    for (const std::string_view known : {"cifs.spnego", "cifs.idmap", "dns_resolver", "logon"})
        if (call == known) return std::string(known);
    return "other";
}

nsutil::Result<void> UpcallCounters::read(const History& history, std::int64_t now_us) {
    auto tail = history.since(next_, now_us);
    if (!tail && tail.error().code == ENOENT) {
        begun_ = true;
        return {};
    }
    if (!tail) return nsutil::propagate(tail);
    if (generation_ != 0 && tail->generation != generation_) {
        // Made anew behind our back: numbers began at 1 again.
        tail = history.since(1, now_us);
        if (!tail) return nsutil::propagate(tail);
    }
    generation_ = tail->generation;
    next_ = tail->next;
    // What was there before the agent is none of its upcalls.
    if (!std::exchange(begun_, true)) return {};
    lost_ += tail->lost;
    for (const auto& record : tail->records) count(record);
    return {};
}

void UpcallCounters::count(const HistoryRecord& record) {
    const auto type = upcall_type(record.call);
    Series series = {type, record.code == 0 ? "answered" : "failed",
                     record.code == 0 ? "0" : nsutil::errno_name(record.code)};
    if (upcalls_.size() < kSeriesMost || upcalls_.contains(series))
        ++upcalls_[std::move(series)];
    else
        ++left_out_;
    auto& histogram = durations_[type];
    const auto bucket = std::ranges::lower_bound(kBucketsUs, record.duration_us);
    ++histogram.counts[static_cast<std::size_t>(bucket - kBucketsUs.begin())];
    histogram.sum_us += record.duration_us;
    if (record.forged) ++forged_[type];
}

}  // namespace nsupcall::admin
