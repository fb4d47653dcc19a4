#include "admin/page.hpp"

#include <fmt/format.h>

#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

std::string container_words(const RequesterReport& requester) {
    const auto& workload = requester.workload;
    if (requester.namespaces.empty() && !requester.kernel_thread) return "cannot be told";
    if (requester.host_service) return "none: a service of the host with mounts of its own";
    if (!requester.contained) return requester.kernel_thread ? "" : "none: a process of the host";
    auto text = workload.title().empty() ? std::string("one without a name") : escape(workload.title());
    if (!workload.runtime.empty()) text += " of " + workload.runtime;
    constexpr std::size_t kShortId = 12;
    if (!workload.id.empty() && workload.title() != workload.id.substr(0, kShortId))
        text += " (" + escape(workload.id.substr(0, kShortId)) + ")";
    return text;
}

}  // namespace

void Page::put(std::string_view name, const std::string& value) {
    if (!value.empty()) out_ += painter_.paint(Tone::faint, fmt::format("{:>12}  ", name)) + value + "\n";
}

std::string both_ids(std::uint32_t inside, std::optional<std::uint32_t> host) {
    if (!host) return fmt::format("uid {}, which this host knows as nobody's", inside);
    return *host == inside ? fmt::format("uid {}", inside) : fmt::format("uid {} ({} here)", inside, *host);
}

void put_requester(Page& page, const RequesterReport& requester) {
    std::string text = fmt::format("{}[{}]", escape(requester.comm, 64), requester.tid);
    if (requester.tgid != requester.tid) text += fmt::format(", a thread of process {}", requester.tgid);
    text += requester.kernel_thread ? ", a kernel thread"
            : requester.inside_uid
                ? ", runs as " + both_ids(*requester.inside_uid, requester.host_uid)
                : fmt::format(", runs as uid {}, which has no id inside", requester.host_uid);
    page.put("requester", text);
    page.put(requester.workload.pod_name.empty() ? "container" : "pod", container_words(requester));
    std::string_view name = "namespaces";
    for (const auto& one : requester.namespaces) {
        page.put(name, fmt::format("{:<8}{:<12}{}", one.name, one.inode,
                                   one.of_host ? page.paint(Tone::faint, "the host's")
                                               : page.paint(Tone::heading, "not the host's")));
        name = "";
    }
}

}  // namespace nsupcall::admin
