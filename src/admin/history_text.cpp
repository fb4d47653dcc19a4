#include "admin/history_text.hpp"

#include <fmt/format.h>

#include "admin/json_text.hpp"
#include "admin/page.hpp"
#include "nsutil/result.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::size_t kShortId = 12;  ///< digits of a container's id that people use

std::string took(std::uint64_t duration_us) {
    constexpr double kMilli = 1000, kSecond = 1'000'000;
    const auto span = static_cast<double>(duration_us);
    return span < kSecond ? fmt::format("{:.1f} ms", span / kMilli) : fmt::format("{:.1f} s", span / kSecond);
}

std::string result_of(const HistoryRecord& record) {
    return record.code == 0 ? "ok" : nsutil::errno_name(record.code);
}

Tone tone_of(const HistoryRecord& record) {
    return record.code == 0 ? Tone::good : record.forged ? Tone::warning : Tone::bad;
}

/// Whom or what it was for.
std::string subject_of(const HistoryRecord& record) {
    if (record.host.empty()) return escape(record.call) + " " + escape(record.description, 128);
    return escape(record.host) + " for uid " + std::to_string(record.creduid);
}

std::string asker_of(const HistoryRequester& requester) {
    if (requester.tid == 0) return "somebody unknown";
    std::string text = requester.comm.empty() ? "tid " : escape(requester.comm, 32) + "[";
    text += std::to_string(requester.tid);
    if (!requester.comm.empty()) text += "]";
    if (!requester.container.empty())
        text += " in container " + escape(std::string_view(requester.container).substr(0, kShortId));
    return text;
}

std::string namespace_words(std::uint64_t inode) {
    return inode == 0 ? "the host's" : std::to_string(inode);
}

Tone tone_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::used:
            return Tone::good;
        case Verdict::good:
            return Tone::plain;
        case Verdict::absent:
        case Verdict::not_considered:
            return Tone::faint;
        default:
            return Tone::warning;
    }
}

std::string candidate_line(const Candidate& candidate, const Painter& painter, std::int64_t then) {
    std::string text = painter.paint(tone_of(candidate.verdict), verdict_name(candidate.verdict));
    text += "  " + escape(candidate.source);
    if (!candidate.name.empty()) text += " " + escape(candidate.name);
    if (!candidate.principal.empty()) text += ", " + escape(candidate.principal);
    if (candidate.expires != 0)
        text += (candidate.expires <= then ? ", expired " : ", expires ") +
                relative_time(candidate.expires, then);
    if (!candidate.detail.empty()) text += ": " + escape(candidate.detail);
    return text;
}

ordered_json requester_json(const HistoryRequester& requester) {
    if (requester.tid == 0) return nullptr;
    const auto inode = [](std::uint64_t number) {
        return number == 0 ? ordered_json("host") : ordered_json(number);
    };
    return {{"tid", requester.tid},
            {"tgid", requester.tgid},
            {"uid", requester.uid},
            {"comm", json_string(requester.comm)},
            {"kernel_thread", requester.kernel_thread},
            {"container", optional_text(requester.container)},
            {"namespaces",
             {{"mnt", inode(requester.mount_namespace)},
              {"net", inode(requester.net_namespace)},
              {"user", inode(requester.user_namespace)},
              {"pid", inode(requester.pid_namespace)}}}};
}

ordered_json trace_json(const Trace& trace) {
    ordered_json candidates = ordered_json::array();
    for (const auto& candidate : trace.candidates())
        candidates.push_back({{"source", json_string(candidate.source)},
                              {"name", json_string(candidate.name)},
                              {"verdict", verdict_name(candidate.verdict)},
                              {"principal", optional_text(candidate.principal)},
                              {"expires", optional_time(candidate.expires)},
                              {"detail", json_string(candidate.detail)}});
    return {{"candidates", std::move(candidates)}, {"left_out", trace.dropped()}};
}

}  // namespace

std::string history_line(const HistoryRecord& record, const Painter& painter) {
    std::string text = painter.paint(Tone::faint, fmt::format("{:>6}", record.sequence)) + "  " +
                       clock_time(record.time_us / kMicros) + "  " +
                       painter.paint(tone_of(record), fmt::format("{:<12}", result_of(record))) +
                       fmt::format(" {:>9}  ", took(record.duration_us)) + subject_of(record);
    if (!record.principal.empty()) text += " as " + painter.paint(Tone::heading, escape(record.principal));
    text += ", asked by " + asker_of(record.requester);
    if (record.forged) text += painter.paint(Tone::bad, ", FORGED");
    if (!record.message.empty()) text += ": " + escape(record.message, 512);
    if (record.code == 0 && !record.answer.empty()) text += ": " + escape(record.answer);
    return text;
}

std::string history_story(const HistoryRecord& record, const Painter& painter, std::int64_t now) {
    const std::int64_t then = record.time_us / kMicros;
    const auto& asker = record.requester;
    Page page(painter);
    page.line(painter.paint(Tone::heading, fmt::format("Upcall {}", record.sequence)) + "  " +
              clock_time(then) + " (" + relative_time(then, now) + ")");
    page.put("outcome", painter.paint(tone_of(record),
                                      record.code == 0 ? "answered" : "refused with " + result_of(record)) +
                            " after " + took(record.duration_us) + " by " + escape(record.program));
    page.put("why", escape(record.message, 2048));
    if (record.forged) page.put("forged", painter.paint(Tone::bad, "the request was not the kernel's own"));
    page.put("request", escape(record.call) + " " + escape(record.description, 2048));
    page.put("server", record.host.empty() ? "" : escape(record.host) + " " + escape(record.address));
    if (!record.host.empty())
        page.put("for", "uid " + std::to_string(record.creduid) +
                            (record.user.empty() ? "" : ", username=" + escape(record.user)));
    page.put("asked by",
             asker_of(asker) + (asker.tid == 0 || asker.comm.empty()
                                    ? ""
                                    : fmt::format(", process {}, uid {}{}", asker.tgid, asker.uid,
                                                  asker.kernel_thread ? ", a kernel thread" : "")));
    page.put("container", escape(asker.container));
    if (asker.tid != 0 && !asker.kernel_thread)
        page.put("namespaces",
                 fmt::format("mnt {}, net {}, user {}, pid {}", namespace_words(asker.mount_namespace),
                             namespace_words(asker.net_namespace), namespace_words(asker.user_namespace),
                             namespace_words(asker.pid_namespace)));
    page.put("worked in", record.whose.empty()
                              ? ""
                              : "the namespaces of the " + escape(record.whose) +
                                    (record.place_container.empty()
                                         ? ""
                                         : " (container " + escape(record.place_container) + ")"));
    for (const auto& note : record.notes) page.put("note", escape(note, 512));
    page.put("rule", escape(record.rule));
    page.put("principal", escape(record.principal));
    page.put("service", escape(record.server));
    if (record.expires != 0)
        page.put("expires", clock_time(record.expires) + " (" + relative_time(record.expires, now) + ")");
    page.put("answer", escape(record.answer));
    for (const auto& candidate : record.trace.candidates())
        page.put("looked at", candidate_line(candidate, painter, then));
    if (record.trace.dropped() > 0)
        page.put("", fmt::format("and {} more, which were not kept", record.trace.dropped()));
    return page.take();
}

ordered_json history_json(const HistoryRecord& record) {
    ordered_json notes = ordered_json::array();
    for (const auto& note : record.notes) notes.push_back(json_string(note));
    return {{"sequence", record.sequence},
            {"time_us", record.time_us},
            {"duration_us", record.duration_us},
            {"program", json_string(record.program)},
            {"call", json_string(record.call)},
            {"description", json_string(record.description)},
            {"outcome", record.code == 0 ? "answered" : "refused"},
            {"errno", record.code == 0 ? ordered_json(nullptr) : ordered_json(result_of(record))},
            {"message", json_string(record.message)},
            {"forged", record.forged},
            {"host", optional_text(record.host)},
            {"address", optional_text(record.address)},
            {"user", optional_text(record.user)},
            {"creduid", record.creduid},
            {"requester", requester_json(record.requester)},
            {"namespaces_of", optional_text(record.whose)},
            {"container", optional_text(record.place_container)},
            {"notes", std::move(notes)},
            {"rule", optional_text(record.rule)},
            {"principal", optional_text(record.principal)},
            {"server", optional_text(record.server)},
            {"expires", optional_time(record.expires)},
            {"answer", optional_text(record.answer)},
            {"trace", trace_json(record.trace)}};
}

ordered_json history_document(const HistoryTail& tail) {
    ordered_json records = ordered_json::array();
    for (const auto& record : tail.records) records.push_back(history_json(record));
    return {{"schema", "nsupcall-history-1"},
            {"generation", tail.generation},
            {"lost", tail.lost},
            {"next", tail.next},
            {"records", std::move(records)}};
}

}  // namespace nsupcall::admin
