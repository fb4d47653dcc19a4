#include "admin/agent_collector.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <memory>
#include <sstream>

#include "admin/json_text.hpp"
#include "admin/map_output.hpp"
#include "nsutil/bounded_read.hpp"
#include "nsutil/root_folder.hpp"
#include "nsutil/task.hpp"

namespace nsupcall::admin {
namespace {

/// What the collector can use, and what for: docs/AGENT.md. Numbers of linux/capability.h.
constexpr std::array<std::pair<const char*, unsigned>, 7> kCapabilities = {{{"SYS_PTRACE", 19},
                                                                            {"DAC_READ_SEARCH", 2},
                                                                            {"SYS_ADMIN", 21},
                                                                            {"SYS_CHROOT", 18},
                                                                            {"SETUID", 7},
                                                                            {"SETGID", 6},
                                                                            {"SETPCAP", 8}}};

std::int64_t clock_us(clockid_t clock) {
    timespec now = {};
    (void)::clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

/// Whether one line of request-key's rules runs our helper for cifs.spnego: ours alone know --thread-keyring.
bool is_our_rule(const std::string& line) {
    std::istringstream words(line);
    std::string operation, type;
    words >> operation >> type;
    return (operation == "create" || operation == "*") && type == "cifs.spnego" &&
           line.find("cifs.upcall") != std::string::npos &&
           line.find("--thread-keyring") != std::string::npos;
}

bool has_our_rule(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (!line.starts_with('#') && is_our_rule(line)) return true;
    return false;
}

std::vector<std::pair<std::string, bool>> capabilities() {
    std::vector<std::pair<std::string, bool>> list;
    list.reserve(std::size(kCapabilities));
    const auto self = nsutil::Task::open(::getpid());
    const auto status =
        self ? self->status() : nsutil::Result<nsutil::TaskStatus>(nsutil::fail(ESRCH, "self"));
    for (const auto& [name, number] : kCapabilities)
        list.emplace_back(name, status && (status->cap_effective >> number & 1U) != 0);
    return list;
}

}  // namespace

std::string Collector::below_root(const std::string& path) const {
    return options_.root == "/" ? path : options_.root + path;
}

Collector::Collector(const CollectorOptions& options)
    : options_(options), history_(below_root(History::kFolder)), facts_{.started = std::time(nullptr)} {
    facts_.interval_s = options.interval_s;
    facts_.series_most = options.series_most;
    map_options_.sessions = below_root(SessionStore::kFolder);
    // Names of containers and the rules may lie outside of what a pod mounts: with hostPID the node's first
    // process leads to them.
    struct stat info = {};
    std::string names = options.root == "/" ? "" : options.root;
    if (!names.empty() && ::stat((names + "/var/log").c_str(), &info) != 0 &&
        ::stat("/proc/1/root/var/log", &info) == 0)
        names = "/proc/1/root";
    map_options_.root = names;
    map_options_.config = names + kConfigPath;
    // Half of the time between two collections, at most.
    constexpr std::int64_t kMost = 5'000;
    map_options_.look_ms = std::min<std::int64_t>(kMost, std::int64_t{options.interval_s} * 500);
}

void Collector::read_rules() {
    collection_.rules_up = collection_.rules_installed = false;
    constexpr std::size_t kLimit = 1024 * 1024, kFilesMost = 256;
    if (const auto main =
            nsutil::read_file_at(AT_FDCWD, below_root("/etc/request-key.conf").c_str(), kLimit)) {
        collection_.rules_up = true;
        collection_.rules_installed = has_our_rule(*main);
    }
    auto folder = nsutil::open_root_folder(below_root("/etc/request-key.d"));
    if (!folder) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(folder->get()), ::closedir);
    if (listing == nullptr) return;
    const int fd = folder->release();  // the listing's now
    collection_.rules_up = true;
    std::size_t count = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name(entry->d_name);
        if (!name.ends_with(".conf") || name.starts_with('.') || ++count > kFilesMost) continue;
        const auto text = nsutil::read_file_at(fd, entry->d_name, kLimit);
        if (text && has_our_rule(*text)) collection_.rules_installed = true;
    }
}

void Collector::collect() {
    const auto begin = clock_us(CLOCK_MONOTONIC);
    collection_.history_up = counters_.read(history_, clock_us(CLOCK_REALTIME)).has_value();
    auto map = NodeMap::take(map_options_);
    collection_.map_up = map.has_value();
    if (map) collection_.map = std::move(*map);
    read_rules();
    collection_.capabilities = capabilities();
    ++collection_.number;
    collection_.took_us = clock_us(CLOCK_MONOTONIC) - begin;
}

std::string Collector::metrics() const {
    return metrics_text(counters_, collection_, facts_);
}

Snapshot Collector::snapshot() const {
    Snapshot snapshot;
    snapshot.metrics = metrics();
    const auto objections = collection_.objections();
    for (const auto& line : objections) snapshot.objections += line + "\n";
    std::uint64_t answered = 0, failed = 0, forged = 0;
    for (const auto& [series, count] : counters_.upcalls())
        (series.error == "0" ? answered : failed) += count;
    for (const auto& [type, count] : counters_.forged()) forged += count;

    PageOptions page;
    std::array<char, 256> node = {};
    (void)::gethostname(node.data(), node.size() - 1);
    page.title = std::string("nsupcall on ") + node.data();
    page.head = "<meta http-equiv=\"refresh\" content=\"" + std::to_string(options_.interval_s) + "\">\n";
    page.notes = objections;
    page.notes.push_back("Upcalls since the agent started: " + std::to_string(answered) + " answered, " +
                         std::to_string(failed) + " failed, " + std::to_string(forged) + " forged");
    snapshot.page = map_page(collection_.map, {}, page);

    nlohmann::ordered_json reasons = nlohmann::ordered_json::array();
    for (const auto& line : objections) reasons.push_back(json_string(line));
    snapshot.status = print_json({{"schema", "nsupcall-status-1"},
                                  {"ready", objections.empty()},
                                  {"reasons", std::move(reasons)},
                                  {"upcalls",
                                   {{"answered", answered},
                                    {"failed", failed},
                                    {"forged", forged},
                                    {"lost", counters_.lost()},
                                    {"since", facts_.started}}},
                                  {"map", map_document(collection_.map)}}) +
                      "\n";
    return snapshot;
}

}  // namespace nsupcall::admin
