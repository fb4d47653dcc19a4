#include "admin/inspect_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "admin/explain_json.hpp"
#include "admin/json_text.hpp"
#include "admin/named_mount.hpp"
#include "admin/page.hpp"
#include "request/key_description.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

using nlohmann::ordered_json;

/// A map drawn as ranges, the insides below each other.
void put_map(Page& page, std::string_view name, const nsutil::IdMap& map) {
    if (map == nsutil::IdMap::identity()) {
        page.put(name, page.paint(Tone::faint, "the host's own ids"));
        return;
    }
    const auto& ranges = map.ranges();
    if (ranges.empty())
        page.put(name, page.paint(Tone::warning, "maps no id: nobody in there is anybody here"));
    std::size_t inside_width = 0, host_width = 0;
    const auto span = [](std::uint32_t first, std::uint32_t count) {
        return count == 1 ? fmt::format("{}", first) : fmt::format("{}..{}", first, first + (count - 1));
    };
    for (const auto& range : ranges) {
        inside_width = std::max(inside_width, span(range.inside_first, range.count).size());
        host_width = std::max(host_width, span(range.host_first, range.count).size());
    }
    for (const auto& range : ranges) {
        page.put(name,
                 fmt::format("inside {:<{}}  ==>  here {:<{}}  {}", span(range.inside_first, range.count),
                             inside_width, span(range.host_first, range.count), host_width,
                             page.paint(Tone::faint,
                                        fmt::format("{} id{}", range.count, range.count == 1 ? "" : "s"))));
        name = "";
    }
}

std::string ids_words(const nsutil::TaskIds& ids) {
    if (ids.all(ids.real)) return fmt::format("{}", ids.real);
    return fmt::format("real {}, effective {}, saved {}, file system {}", ids.real, ids.effective, ids.saved,
                       ids.filesystem);
}

std::string groups_words(const std::vector<gid_t>& groups) {
    constexpr std::size_t kMost = 16;
    std::string text;
    for (std::size_t at = 0; at < groups.size() && at < kMost; ++at)
        text += (at == 0 ? "" : " ") + std::to_string(groups[at]);
    if (groups.size() > kMost) text += fmt::format(" and {} more", groups.size() - kMost);
    return text;
}

void put_mounts(Page& page, const InspectReport& report) {
    std::string_view name = "SMB mounts";
    for (const auto& mount : report.smb_mounts) {
        std::string text = escape(mount.source) + " on " + escape(mount.target.native());
        for (const char* option :
             {"vers", "sec", "username", "uid", "cruid", "addr", "multiuser", "upcall_target"})
            if (const auto value = mount.option(option))
                text += fmt::format(", {}{}{}", option, value->empty() ? "" : "=", escape(*value));
        page.put(name, text);
        name = "";
    }
    if (report.smb_mounts.empty() && report.unseen.empty()) page.put(name, page.paint(Tone::faint, "none"));
}

/// "user my:key", from "user;1000;1000;3f010000;my:key".
std::string key_words(const std::string& text) {
    const auto parsed = KeyDescription::parse(text);
    return parsed ? escape(parsed->type + " " + parsed->description) : escape(text);
}

void put_keyrings(Page& page, const InspectReport& report) {
    std::string_view name = "keyrings";
    for (const auto& keyring : report.keyrings) {
        page.put(name, fmt::format("{}: {}", escape(keyring.name),
                                   keyring.description.empty() ? escape(keyring.problem)
                                                               : key_words(keyring.description)));
        for (const auto& key : keyring.keys) page.put("", "  " + key_words(key));
        if (!keyring.description.empty() && !keyring.problem.empty())
            page.put("", "  " + escape(keyring.problem));
        name = "";
    }
    if (!report.keyrings.empty())
        page.put("", page.paint(Tone::faint,
                                "session, process and thread keyrings are out of reach of any helper; "
                                "KEYRING:persistent is not"));
    page.put("key quota", escape(report.key_quota));
}

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

void put_capabilities(Page& page, const InspectReport& report) {
    std::string_view name = "capabilities";
    for (const auto& one : report.capabilities) {
        page.put(name, fmt::format("{}: needs {}", one.purpose, joined(one.needed)));
        auto found = one.missing.empty() ? page.paint(Tone::good, "  has all of them")
                                         : page.paint(Tone::warning, "  lacks " + joined(one.missing));
        if (!one.missing.empty() && !one.why.empty()) found.append(": ").append(one.why);
        page.put("", found);
        name = "";
    }
}

ordered_json ids_json(const nsutil::TaskIds& ids) {
    return {{"real", ids.real},
            {"effective", ids.effective},
            {"saved", ids.saved},
            {"filesystem", ids.filesystem}};
}

ordered_json mount_json(const nsutil::Mount& mount) {
    ordered_json options = ordered_json::array();
    for (const auto& [name, value] : mount.options.all())
        options.push_back(json_string(value.empty() ? name : name + "=" + value));
    const auto request = request_of_mount(mount);
    return {{"target", json_string(mount.target.native())},
            {"source", json_string(mount.source)},
            {"type", json_string(mount.type)},
            {"host", request ? optional_text(request->host) : ordered_json(nullptr)},
            {"options", std::move(options)}};
}

ordered_json process_json(const InspectReport& report) {
    ordered_json mounts = ordered_json::array(), keyrings = ordered_json::array(),
                 capabilities = ordered_json::array(), unseen = ordered_json::array();
    for (const auto& mount : report.smb_mounts) mounts.push_back(mount_json(mount));
    for (const auto& keyring : report.keyrings) {
        ordered_json keys = ordered_json::array();
        for (const auto& key : keyring.keys) keys.push_back(json_string(key));
        keyrings.push_back({{"name", json_string(keyring.name)},
                            {"description", optional_text(keyring.description)},
                            {"problem", optional_text(keyring.problem)},
                            {"keys", std::move(keys)}});
    }
    for (const auto& one : report.capabilities)
        capabilities.push_back({{"purpose", one.purpose},
                                {"needed", one.needed},
                                {"missing", one.missing},
                                {"why", optional_text(one.why)}});
    for (const auto& what : report.unseen) unseen.push_back(json_string(what));
    ordered_json document = {{"pid", report.tid}, {"problem", optional_text(report.problem)}};
    document["requester"] = report.problem.empty() ? requester_json(report.requester) : ordered_json(nullptr);
    document["uids"] = ids_json(report.uids);
    document["gids"] = ids_json(report.gids);
    document["groups"] = report.groups;
    document["gid_map"] = report.gid_map ? id_map_json(*report.gid_map) : ordered_json(nullptr);
    document["smb_mounts"] = std::move(mounts);
    document["keyrings"] = std::move(keyrings);
    document["key_quota"] = optional_text(report.key_quota);
    document["capabilities"] = std::move(capabilities);
    document["unseen"] = std::move(unseen);
    return document;
}

}  // namespace

std::string inspect_text(const InspectReport& report, const Painter& painter) {
    Page page(painter);
    if (!report.problem.empty()) {
        page.line(
            page.paint(Tone::bad, fmt::format("Process {}: {}", report.tid, escape(report.problem, 512))));
        return page.take();
    }
    page.line(page.paint(Tone::heading, fmt::format("Process {}", report.tid)));
    put_requester(page, report.requester);
    page.put("uids", ids_words(report.uids));
    page.put("gids", ids_words(report.gids));
    page.put("groups", groups_words(report.groups));
    if (!report.requester.kernel_thread) {
        put_map(page, "uid map", report.requester.uid_map);
        if (report.gid_map) put_map(page, "gid map", *report.gid_map);
        put_mounts(page, report);
        put_keyrings(page, report);
        put_capabilities(page, report);
    }
    for (const auto& what : report.unseen) page.put("not seen", page.paint(Tone::warning, escape(what, 512)));
    return page.take();
}

ordered_json inspect_json(const std::vector<InspectReport>& reports) {
    ordered_json processes = ordered_json::array();
    for (const auto& report : reports) processes.push_back(process_json(report));
    return {{"schema", "nsupcall-inspect-1"}, {"processes", std::move(processes)}};
}

}  // namespace nsupcall::admin
