#include "admin/survey.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <memory>
#include <unordered_map>

#include "nsutil/bounded_read.hpp"
#include "nsutil/proc_text.hpp"
#include "request/container_id.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::NamespaceId;
using nsutil::NamespaceKind;
using nsutil::NamespaceView;

/// A process is looked at through a handful of files; one buffer for the names.
class ProcFile {
  public:
    explicit ProcFile(pid_t tgid) : tgid_(tgid) {}
    const char* name(const char* file) {
        (void)std::snprintf(path_.data(), path_.size(), "%d/%s", tgid_, file);
        return path_.data();
    }

  private:
    pid_t tgid_;
    std::array<char, 64> path_ = {};
};

/// The lines of a status file that are wanted here; parse_status() reads all the others too.
struct ShortStatus {
    std::string comm;
    std::uint32_t uid = 0;
    bool has_memory = false;  ///< neither a kernel thread nor a zombie
};

std::optional<ShortStatus> read_status(int proc_fd, const char* path) {
    // All that is wanted stands in front of the group list, which alone can be long.
    constexpr std::size_t kEnough = 4096;
    const auto fd = nsutil::open_at(proc_fd, path, O_RDONLY);
    if (!fd) return std::nullopt;
    std::array<char, kEnough> buffer;
    const ssize_t size = ::read(fd->get(), buffer.data(), buffer.size());
    if (size <= 0) return std::nullopt;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
    const auto field = [&](std::string_view name) -> std::string_view {
        const auto at = text.find(name);
        if (at == std::string_view::npos) return {};
        const auto begin = at + name.size();
        return text.substr(begin, text.find('\n', begin) - begin);
    };
    ShortStatus status;
    // The kernel escapes line ends in the name: each of these begins a line of its own.
    status.comm = field("Name:\t");
    const auto uids = field("\nUid:\t");
    const auto uid = nsutil::parse_number<std::uint32_t>(uids.substr(0, uids.find('\t')));
    if (!uid) return std::nullopt;
    status.uid = *uid;
    status.has_memory =
        text.find("\nVmSize:") != std::string_view::npos || static_cast<std::size_t>(size) == kEnough;
    return status;
}

struct Key {
    NamespaceId mount, user, net;
    friend bool operator==(const Key&, const Key&) = default;
};

struct KeyHash {
    std::size_t operator()(const Key& key) const {
        constexpr std::size_t kPrime = 0x9e3779b97f4a7c15ULL;
        return ((key.mount.inode * kPrime) ^ key.user.inode) * kPrime ^ key.net.inode;
    }
};

/// Gathers processes by place.
class Surveyor {
  public:
    Surveyor(int proc_fd, const NamespaceView& host, const Workloads& workloads)
        : proc_fd_(proc_fd), host_(host), workloads_(workloads) {
        const Key key = {host.of(NamespaceKind::mount), host.of(NamespaceKind::user),
                         host.of(NamespaceKind::net)};
        place_of(key).is_host = true;
    }

    void visit(pid_t tgid) {
        ProcFile file(tgid);
        const auto status = read_status(proc_fd_, file.name("status"));
        if (!status || !status->has_memory) return;
        Key key;
        for (const auto& [name, id] :
             {std::pair{"ns/mnt", &key.mount}, {"ns/user", &key.user}, {"ns/net", &key.net}}) {
            struct stat info = {};
            if (::fstatat(proc_fd_, file.name(name), &info, 0) != 0) {
                survey_.unseen += errno == EACCES || errno == EPERM ? 1 : 0;
                return;
            }
            *id = {info.st_dev, info.st_ino};
        }
        auto& place = place_of(key);
        ++survey_.processes;
        ++place.processes;
        auto& inhabitant = place.users[status->uid];
        if (inhabitant.count++ == 0) {
            inhabitant.tgid = tgid;
            inhabitant.comm = status->comm;
        }
        // Who entered a container from the host may be in a control group of the host: a few more are asked.
        constexpr std::size_t kAsked = 4;
        if (place.is_host || !place.workload.id.empty() || place.processes > kAsked) return;
        if (const auto text = nsutil::read_file_at(proc_fd_, file.name("cgroup"), kCgroupTextLimit)) {
            place.workload = workload_of_cgroup(*text);
            workloads_.complete(place.workload);
        }
        struct stat info = {};
        if (place.processes == 1 && ::fstatat(proc_fd_, file.name("ns/pid"), &info, 0) == 0)
            place.host_service = key.user == host_.of(NamespaceKind::user) &&
                                 NamespaceId{info.st_dev, info.st_ino} == host_.of(NamespaceKind::pid);
    }

    Survey take() {
        for (auto& place : survey_.places)
            if (!place.workload.id.empty()) place.host_service = false;
        return std::move(survey_);
    }

  private:
    SurveyedPlace& place_of(const Key& key) {
        const auto [found, is_new] = index_.emplace(key, survey_.places.size());
        if (is_new) {
            SurveyedPlace place;
            place.mount = key.mount;
            place.user = key.user;
            place.net = key.net;
            survey_.places.push_back(std::move(place));
        }
        return survey_.places[found->second];
    }

    int proc_fd_;
    const NamespaceView& host_;
    const Workloads& workloads_;
    Survey survey_;
    std::unordered_map<Key, std::size_t, KeyHash> index_;
};

template <class Wanted>
std::vector<const SurveyedPlace*> places_that(const std::vector<SurveyedPlace>& places,
                                              const Wanted& wanted) {
    std::vector<const SurveyedPlace*> found;
    for (const auto& place : places)
        if (wanted(place.workload)) found.push_back(&place);
    return found;
}

}  // namespace

nsutil::Result<NamespaceView> host_view() {
    auto own = NamespaceView::own();
    if (!own) return own;
    const auto first = nsutil::Task::open(1);
    if (!first) return own;
    auto view = NamespaceView::of_task(*first);
    return view && view->same(NamespaceKind::pid, *own) ? view : own;
}

nsutil::Result<Survey> Survey::take(const Workloads& workloads) {
    const auto host = host_view();
    if (!host) return std::unexpected(host.error());
    auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
    if (!proc) return nsutil::propagate(proc);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(proc->get()), ::closedir);
    if (listing == nullptr) return nsutil::fail_errno("list /proc");
    Surveyor surveyor(proc->release(), *host, workloads);  // the descriptor is the listing's
    while (const dirent* entry = ::readdir(listing.get()))
        if (const auto tgid = nsutil::parse_number<std::uint32_t>(entry->d_name))
            surveyor.visit(static_cast<pid_t>(*tgid));
    return surveyor.take();
}

std::vector<const SurveyedPlace*> Survey::named(std::string_view text) const {
    return places_that(places, [&](const Workload& workload) { return is_called(workload, text); });
}

std::vector<const SurveyedPlace*> Survey::of_pod(std::string_view text) const {
    return places_that(places, [&](const Workload& workload) { return is_pod(workload, text); });
}

}  // namespace nsupcall::admin
