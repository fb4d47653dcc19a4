#include "admin/node_engine.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <initializer_list>

#include "admin/node_run.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::Result;

constexpr const char *kSocket = "nsupcall-engine.socket", *kService = "nsupcall-engine.service",
                     *kWants = "/etc/systemd/system/sockets.target.wants";
/// The first line of a unit of ours.
constexpr std::string_view kMark = "# Put here by nsupcall node install.\n";
constexpr std::size_t kUnitBytesMost = 64UL * 1024;

// Those of src/engine/systemd; {ENGINE} is the program. (cppcheck, which has no generated file, wants
// something before it.)
constexpr std::string_view kSocketText = ""
#include "engine_socket.inc"
    ;
constexpr std::string_view kServiceText = ""
#include "engine_service.inc"
    ;
struct Unit {
    const char* name;
    std::string_view text;
};
constexpr std::array<Unit, 2> kUnits = {{{kSocket, kSocketText}, {kService, kServiceText}}};

std::string content_of(const Unit& unit, const std::string& program) {
    constexpr std::string_view kPlace = "{ENGINE}";
    std::string text(unit.text);
    for (auto at = text.find(kPlace); at != std::string::npos; at = text.find(kPlace, at + program.size()))
        text.replace(at, kPlace.size(), program);
    return std::string(kMark) + text;
}

bool is_ours(const NodeRoot& node, const std::string& name) {
    const auto text = node.read(std::string(NodeEngine::kFolder) + "/" + name, kUnitBytesMost);
    return text && text->starts_with(kMark);
}

bool has_systemd(const NodeRoot& node) {
    return node.has("/run/systemd/system");  // sd_booted(3)
}

/// @errors EREMOTEIO
Result<void> systemctl(const NodeRoot& node, std::initializer_list<std::string> words) {
    // Its own TimeoutStopSec is 30 seconds.
    const auto deadline = nsutil::Deadline::after(std::chrono::seconds(45));
    std::vector<std::string> argv = {node.has_program("/usr/bin/systemctl") ? "/usr/bin/systemctl"
                                                                            : "/bin/systemctl"};
    std::string line = "systemctl";
    for (const auto& word : words) {
        argv.push_back(word);
        line += " " + word;
    }
    const auto status = run_on_node(node, argv, deadline);
    if (!status) return nsutil::fail(EREMOTEIO, line + ": " + status.error().text());
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) return nsutil::fail(EREMOTEIO, line + " failed");
    return {};
}

}  // namespace

Result<void> NodeEngine::put_units() const {
    for (const auto& unit : kUnits)
        if (node_.open_at(std::string(kFolder) + "/" + unit.name, O_PATH | O_NOFOLLOW) &&
            !is_ours(node_, unit.name))
            return nsutil::fail(EEXIST, std::string(kFolder) + "/" + unit.name + " is not ours");
    auto folder = node_.make_folder(kFolder);
    if (!folder) return nsutil::propagate(folder);
    for (const auto& unit : kUnits)
        if (auto done = replace_file(folder->get(), unit.name, content_of(unit, program_), 0644); !done)
            return nsutil::propagate(done, kFolder);
    auto wants = node_.make_folder(kWants);
    if (!wants) return nsutil::propagate(wants);
    return replace_link(wants->get(), kSocket, std::string(kFolder) + "/" + kSocket);
}

Result<void> NodeEngine::install(bool upgraded) const {
    if (!has_systemd(node_)) return nsutil::fail(ENOSYS, "no systemd runs on this node");
    if (auto done = put_units(); !done) return done;
    if (auto done = systemctl(node_, {"daemon-reload"}); !done) return done;
    // The socket stays while the former one ends: what it does not answer any more, front ends do as helpers.
    if (upgraded)
        if (auto done = systemctl(node_, {"stop", kService}); !done) return done;
    return systemctl(node_, {"start", kSocket});
}

Result<void> NodeEngine::remove() const {
    if (!installed()) return {};
    const bool systemd = has_systemd(node_);
    // One that goes on is harmless: front ends that are gone ask it nothing, and its files stay mapped.
    if (systemd) (void)systemctl(node_, {"stop", kSocket, kService});
    if (const auto wants = node_.open_at(kWants, O_RDONLY | O_DIRECTORY))
        (void)::unlinkat(wants->get(), kSocket, 0);
    auto folder = node_.open_at(kFolder, O_RDONLY | O_DIRECTORY);
    if (!folder) return nsutil::propagate(folder);
    (void)::unlinkat(folder->get(), "sockets.target.wants", AT_REMOVEDIR);  // where nobody else needs it
    for (const auto& unit : kUnits)
        if (is_ours(node_, unit.name) && ::unlinkat(folder->get(), unit.name, 0) != 0)
            return nsutil::fail_errno(std::string(kFolder) + "/" + unit.name);
    if (systemd) (void)systemctl(node_, {"daemon-reload"});
    return {};
}

bool NodeEngine::installed() const {
    return is_ours(node_, kSocket) || is_ours(node_, kService);
}

}  // namespace nsupcall::admin
