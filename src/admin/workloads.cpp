#include "admin/workloads.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "nsutil/bounded_read.hpp"
#include "nsutil/root_folder.hpp"
#include "request/container_id.hpp"

namespace nsupcall::admin {
namespace {

using nlohmann::json;

constexpr std::size_t kIdDigits = 64, kUidDigits = 36, kNameMost = 512;

bool is_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
    return text.size() == kIdDigits && is_hex(text);
}

/// A name that is believed: no control characters are asked for here, only a bound.
std::string bounded(std::string_view text) {
    return std::string(text.substr(0, kNameMost));
}

/// "8-4-4-4-12" digits; the systemd driver writes underscores for dashes. Empty where it is none.
std::string pod_uid(std::string_view text) {
    std::string uid(text.substr(0, kUidDigits));
    if (uid.size() != kUidDigits) return {};
    std::ranges::replace(uid, '_', '-');
    constexpr std::array<std::size_t, 4> kDashes = {8, 13, 18, 23};
    for (std::size_t at = 0; at < uid.size(); ++at) {
        const bool dash = std::ranges::find(kDashes, at) != kDashes.end();
        if (dash ? uid[at] != '-' : !is_hex(uid.substr(at, 1))) return {};
    }
    return uid;
}

std::string pod_uid_of(std::string_view cgroup_text) {
    const auto pods = cgroup_text.find("kubepods");
    if (pods == std::string_view::npos) return {};
    // ".../pod<uid>/..." or ".../kubepods-burstable-pod<uid>.slice/..."
    for (auto at = cgroup_text.find("pod", pods + 1); at != std::string_view::npos;
         at = cgroup_text.find("pod", at + 1))
        if (auto uid = pod_uid(cgroup_text.substr(at + 3)); !uid.empty()) return uid;
    return {};
}

/// Text of a file that only root can have put there; empty for any other.
std::string read_roots_file(int folder_fd, const char* name) {
    const auto fd = nsutil::open_at(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat info = {};
    if (!fd || ::fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode) || !nsutil::is_roots_alone(info))
        return {};
    auto text = nsutil::read_all(fd->get(), Workloads::kFileMost);
    return text ? std::move(*text) : std::string();
}

void each_entry(const std::string& folder, const std::function<void(int, const char*)>& visit) {
    auto fd = nsutil::open_root_folder(folder);
    if (!fd) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(fd->get()), ::closedir);
    if (listing == nullptr) return;
    const int folder_fd = fd->release();  // the listing's now
    std::size_t count = 0;
    while (const dirent* entry = ::readdir(listing.get()))
        if (entry->d_name[0] != '.' && ++count <= Workloads::kEntriesMost) visit(folder_fd, entry->d_name);
}

/// The string member of an object, bounded; empty where there is none.
std::string member(const json& object, const char* name) {
    if (!object.is_object()) return {};
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? bounded(found->get_ref<const std::string&>())
                                                       : std::string();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// "k8s_<container>_<pod>_<namespace>_<uid>_<attempt>", as CRI-O and cri-dockerd name containers; Kubernetes'
/// own names hold no underscore.
bool take_kubernetes_name(Workload& workload, std::string_view name) {
    constexpr std::size_t kParts = 6;
    const auto parts = split(name, '_');
    if (parts.size() != kParts || parts[0] != "k8s") return false;
    workload.name = bounded(parts[1]);
    workload.pod_name = bounded(parts[2]);
    workload.pod_namespace = bounded(parts[3]);
    workload.pod_uid = pod_uid(parts[4]);
    return true;
}

}  // namespace

std::string Workload::title() const {
    constexpr std::size_t kShortId = 12;
    const auto own = name.empty() ? id.substr(0, kShortId) : name;
    if (pod_name.empty()) return own.empty() ? pod_uid : own;
    return pod_namespace + "/" + pod_name + (own.empty() ? "" : "/" + own);
}

Workload workload_of_cgroup(std::string_view cgroup_text) {
    Workload workload;
    workload.id = container_id_of(cgroup_text);
    workload.pod_uid = pod_uid_of(cgroup_text);
    if (workload.id.empty()) return workload;
    const auto at = cgroup_text.find(workload.id);
    const auto before = cgroup_text.substr(0, at);
    constexpr std::array<std::pair<std::string_view, const char*>, 5> kPrefixes = {{
        {"libpod-", "podman"},
        {"cri-containerd-", "containerd"},
        {"crio-", "cri-o"},
        {"docker-", "docker"},
        {"docker/", "docker"},
    }};
    for (const auto& [prefix, runtime] : kPrefixes)
        if (before.ends_with(prefix)) workload.runtime = runtime;
    return workload;
}

void Workloads::load_storage(int folder_fd, const char* file) {
    const auto list = json::parse(read_roots_file(folder_fd, file), nullptr, false);
    if (!list.is_array()) return;
    for (const auto& entry : list) {
        const auto id = member(entry, "id");
        if (!is_id(id)) continue;
        Workload workload;
        workload.id = id;
        const auto names = entry.find("names");
        if (names != entry.end() && names->is_array() && !names->empty() && names->front().is_string())
            workload.name = bounded(names->front().get_ref<const std::string&>());
        const bool kubernetes = take_kubernetes_name(workload, workload.name);
        workload.runtime = kubernetes ? "cri-o" : "podman";
        by_id_[id] = std::move(workload);
    }
}

void Workloads::load_docker(const std::string& folder) {
    each_entry(folder, [&](int folder_fd, const char* id) {
        if (!is_id(id)) return;
        const auto file = std::string(id) + "/config.v2.json";
        const auto config = json::parse(read_roots_file(folder_fd, file.c_str()), nullptr, false);
        auto name = member(config, "Name");
        if (name.starts_with('/')) name.erase(0, 1);
        if (name.empty()) return;
        auto& workload = by_id_[id];
        workload.id = id;
        workload.runtime = "docker";
        if (!take_kubernetes_name(workload, name)) workload.name = std::move(name);
    });
}

void Workloads::load_log_links(const std::string& folder) {
    // "<pod>_<namespace>_<container>-<id>.log"; only the name counts, the link is not followed.
    each_entry(folder, [&](int, const char* entry) {
        constexpr std::string_view kSuffix = ".log";
        std::string_view name(entry);
        if (!name.ends_with(kSuffix)) return;
        name.remove_suffix(kSuffix.size());
        if (name.size() <= kIdDigits + 1 || !is_id(name.substr(name.size() - kIdDigits))) return;
        const auto id = name.substr(name.size() - kIdDigits);
        const auto parts = split(name.substr(0, name.size() - kIdDigits - 1), '_');
        if (parts.size() != 3) return;
        auto& workload = by_id_[std::string(id)];
        workload.id = id;
        workload.pod_name = bounded(parts[0]);
        workload.pod_namespace = bounded(parts[1]);
        workload.name = bounded(parts[2]);
    });
}

void Workloads::load_pod_folders(const std::string& folder) {
    // "<namespace>_<pod>_<uid>"
    each_entry(folder, [&](int, const char* entry) {
        const auto parts = split(entry, '_');
        if (parts.size() != 3) return;
        const auto uid = pod_uid(parts[2]);
        if (uid.empty()) return;
        auto& workload = by_pod_uid_[uid];
        workload.pod_uid = uid;
        workload.pod_namespace = bounded(parts[0]);
        workload.pod_name = bounded(parts[1]);
    });
}

Workloads Workloads::load(const std::string& root) {
    Workloads workloads;
    if (const auto fd = nsutil::open_root_folder(root + "/var/lib/containers/storage/overlay-containers"))
        for (const char* file : {"containers.json", "volatile-containers.json"})
            workloads.load_storage(fd->get(), file);
    workloads.load_docker(root + "/var/lib/docker/containers");
    workloads.load_log_links(root + "/var/log/containers");
    workloads.load_pod_folders(root + "/var/log/pods");
    return workloads;
}

void Workloads::complete(Workload& workload) const {
    const auto fill = [](std::string& target, const std::string& value) {
        if (target.empty()) target = value;
    };
    if (const auto known = by_id_.find(workload.id); known != by_id_.end() && !workload.id.empty()) {
        fill(workload.runtime, known->second.runtime);
        fill(workload.name, known->second.name);
        fill(workload.pod_uid, known->second.pod_uid);
        fill(workload.pod_name, known->second.pod_name);
        fill(workload.pod_namespace, known->second.pod_namespace);
    }
    if (const auto pod = by_pod_uid_.find(workload.pod_uid); pod != by_pod_uid_.end()) {
        fill(workload.pod_name, pod->second.pod_name);
        fill(workload.pod_namespace, pod->second.pod_namespace);
    }
}

std::vector<Workload> Workloads::all() const {
    std::vector<Workload> list;
    list.reserve(by_id_.size());
    for (const auto& [id, workload] : by_id_) {
        list.push_back(workload);
        complete(list.back());
    }
    return list;
}

bool is_called(const Workload& workload, std::string_view text) {
    constexpr std::size_t kLeast = 6;
    if (text.empty()) return false;
    return workload.name == text || (text.size() >= kLeast && workload.id.starts_with(text));
}

bool is_pod(const Workload& workload, std::string_view text) {
    if (text.empty()) return false;
    if (!workload.pod_uid.empty() && workload.pod_uid == text) return true;
    return !workload.pod_name.empty() && workload.pod_namespace + "/" + workload.pod_name == text;
}

}  // namespace nsupcall::admin
