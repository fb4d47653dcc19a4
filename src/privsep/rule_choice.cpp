#include "privsep/rule_choice.hpp"

#include "credentials/service_name.hpp"
#include "request/container_id.hpp"
#include "rules/checker.hpp"
#include "rules/rule_set.hpp"

namespace nsupcall {
namespace {

using nsutil::NamespaceKind;

bool is_host(const nsutil::NamespaceView& view, const nsutil::NamespaceView& host) {
    return view.same(NamespaceKind::mount, host) && view.same(NamespaceKind::user, host) &&
           view.same(NamespaceKind::pid, host) && view.same_root(host);
}

/// The path of the unified hierarchy, else the first that is not the root.
std::string cgroup_path(std::string_view text) {
    std::string path;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto colon = line.find(':', line.find(':') + 1);
        if (colon == std::string_view::npos) continue;
        const auto one = line.substr(colon + 1);
        if (one != "/" && (path.empty() || line.starts_with("0::"))) path = one;
    }
    return path.empty() ? "/" : path;
}

RequesterKind kind_of(const Requester& requester, const Place* place) {
    if (!requester.is_kernel_thread()) {
        if (is_host(requester.namespaces.view(), requester.host)) return RequesterKind::host;
        return requester.is_host_service() ? RequesterKind::service : RequesterKind::container;
    }
    if (place == nullptr) return RequesterKind::kernel;
    // The pid namespace is not among those of a place.
    const auto& view = place->namespaces(requester).view();
    const bool host = place->of_host || !place->own || view == requester.host;
    return host ? RequesterKind::host : RequesterKind::container;
}

/// What tells the container: the requester's control group; of a kernel thread that of the process which
/// shows where its session belongs, where that still lives.
std::string cgroup_text(const Requester& requester, const Place* place) {
    if (!requester.is_kernel_thread()) return requester.task.read("cgroup", kCgroupTextLimit).value_or("");
    if (place == nullptr || place->anchor.tgid == 0) return {};
    const auto anchor = nsutil::Task::open(place->anchor.tgid);
    if (!anchor) return {};
    const auto stat = anchor->stat();
    if (!stat || stat->start_ticks != place->anchor.start_ticks) return {};
    return anchor->read("cgroup", kCgroupTextLimit).value_or("");
}

RuleChoice choose(const RuleSource& source, Subject subject, const Requester& requester, const Place* place) {
    const auto* prepared = source.prepared != nullptr ? source.prepared->current(source.config) : nullptr;
    std::optional<RuleSet> loaded;
    if (prepared == nullptr) loaded.emplace(RuleSet::load(source.config));
    const auto& rules = prepared != nullptr ? *prepared : *loaded;
    subject.kind = kind_of(requester, place);
    if (rules.need_cgroup()) {
        const auto text = cgroup_text(requester, place);
        subject.cgroup = text.empty() ? std::string() : cgroup_path(text);
        subject.container = container_id_of(text);
        if (text.empty() && place != nullptr) subject.container = place->container;
    }
    RuleChoice choice{rules.match(subject), {}};
    for (const auto& finding : rules.findings()) choice.problems.push_back(describe(finding));
    return choice;
}

}  // namespace

RuleChoice choose_settings(const RuleSource& source, const SpnegoRequest& request, std::uint32_t creduid,
                           const Requester& requester, const Place* place) {
    return choose(source,
                  {.host = lower_case(request.host),
                   .address = request.address,
                   .user = request.user,
                   .creduid = creduid,
                   .target_mount = request.target == UpcallTarget::mount},
                  requester, place);
}

RuleChoice choose_settings(const RuleSource& source, Subject subject, const Requester& requester) {
    return choose(source, std::move(subject), requester, nullptr);
}

nsutil::Result<Place> apply_target(TargetChoice target, nsutil::Result<Place> place,
                                   const SpnegoRequest& request, const Requester& requester,
                                   const SessionStore& sessions, const nsutil::Deadline& deadline) {
    switch (target) {
        case TargetChoice::as_asked:
            return place;
        case TargetChoice::host:
            return host_place(requester);
        case TargetChoice::requester:
            if (requester.is_kernel_thread()) return place;
            return requester_place(requester);
        case TargetChoice::mounter:
            if (requester.is_kernel_thread() || request.target != UpcallTarget::mount) return place;
            return mounter_place_for_task(request, requester, sessions, deadline);
    }
    return place;
}

}  // namespace nsupcall
