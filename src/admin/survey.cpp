#include "admin/survey.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <memory>
#include <unordered_map>

#include "admin/in_parallel.hpp"
#include "admin/process_listing.hpp"
#include "nsutil/bounded_read.hpp"
#include "nsutil/namespace_link.hpp"
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
    const char* folder() {
        (void)std::snprintf(path_.data(), path_.size(), "%d", tgid_);
        return path_.data();
    }
    const char* name(const char* file) {
        (void)std::snprintf(path_.data(), path_.size(), "%d/%s", tgid_, file);
        return path_.data();
    }

  private:
    pid_t tgid_;
    std::array<char, 64> path_ = {};
};

/// The process' own name; empty where it is gone.
std::string read_comm(int proc_fd, const char* path) {
    constexpr std::size_t kMost = 64;
    auto text = nsutil::read_file_at(proc_fd, path, kMost);
    if (!text) return {};
    if (text->ends_with('\n')) text->pop_back();  // one: the others are its own
    return std::move(*text);
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
        : proc_fd_(proc_fd),
          host_(host),
          hosts_{host.of(NamespaceKind::mount), host.of(NamespaceKind::user), host.of(NamespaceKind::net)},
          workloads_(workloads) {
        place_of(hosts_).is_host = true;
    }

    void visit(pid_t tgid) {
        ProcFile file(tgid);
        // The folder belongs to the effective user, always; a status file would cost as much as all the rest.
        struct stat folder = {};
        if (::fstatat(proc_fd_, file.folder(), &folder, 0) != 0) return;
        Key key;
        for (const auto& [name, id] :
             {std::pair{"ns/mnt", &key.mount}, {"ns/user", &key.user}, {"ns/net", &key.net}}) {
            const auto inode = nsutil::namespace_inode(proc_fd_, file.name(name));
            if (inode == 0) {  // ENOENT: it has ended
                survey_.unseen += errno == EACCES || errno == EPERM ? 1 : 0;
                return;
            }
            *id = {hosts_.mount.device, inode};
        }
        // Threads of the kernel are root's, in the first namespaces, and run no program.
        char program = 0;
        if (folder.st_uid == 0 && is_host(key) &&
            ::readlinkat(proc_fd_, file.name("exe"), &program, sizeof program) < 0 && errno == ENOENT)
            return;
        auto& place = place_of(key);
        ++survey_.processes;
        ++place.processes;
        auto& inhabitant = place.users[folder.st_uid];
        if (inhabitant.count++ == 0) {
            inhabitant.tgid = tgid;
            inhabitant.comm = read_comm(proc_fd_, file.name("comm"));
        }
        // Who entered a container from the host may be in a control group of the host: a few more are asked.
        constexpr std::size_t kAsked = 4;
        if (place.is_host || !place.workload.id.empty() || place.processes > kAsked) return;
        if (const auto text = nsutil::read_file_at(proc_fd_, file.name("cgroup"), kCgroupTextLimit)) {
            place.workload = workload_of_cgroup(*text);
            workloads_.complete(place.workload);
        }
        // Rootless. Who may mount can claim any id this way: it brings no name of the host's files.
        if (place.processes == 1 && place.workload.id.empty() && key.user != host_.of(NamespaceKind::user))
            if (const auto text = nsutil::read_file_at(proc_fd_, file.name("mountinfo"), kMountsTextLimit))
                place.workload.id = container_id_of_mounts(*text);
        struct stat info = {};
        if (place.processes == 1 && ::fstatat(proc_fd_, file.name("ns/pid"), &info, 0) == 0)
            place.host_service = key.user == host_.of(NamespaceKind::user) &&
                                 NamespaceId{info.st_dev, info.st_ino} == host_.of(NamespaceKind::pid);
    }

    /// What another one saw, as if it had come after this one's.
    void add(Surveyor other) {
        survey_.processes += other.survey_.processes;
        survey_.unseen += other.survey_.unseen;
        for (auto& from : other.survey_.places) {
            auto& place = place_of({from.mount, from.user, from.net});
            if (place.processes == 0) place.host_service = from.host_service;
            if (place.workload.id.empty()) place.workload = std::move(from.workload);
            place.processes += from.processes;
            for (auto& [uid, inhabitant] : from.users) {
                auto& known = place.users[uid];
                inhabitant.count += known.count;
                if (known.count == 0)
                    known = std::move(inhabitant);
                else
                    known.count = inhabitant.count;
            }
        }
    }

    Survey take() {
        for (auto& place : survey_.places)
            if (!place.workload.id.empty()) place.host_service = false;
        return std::move(survey_);
    }

  private:
    [[nodiscard]] bool is_host(const Key& key) const { return key == hosts_; }

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
    Key hosts_;
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
    const auto processes = all_processes();
    if (!processes) return std::unexpected(processes.error());
    return of(*processes, workloads);
}

nsutil::Result<Survey> Survey::of(std::span<const pid_t> processes, const Workloads& workloads) {
    const auto host = host_view();
    if (!host) return std::unexpected(host.error());
    auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
    if (!proc) return nsutil::propagate(proc);
    constexpr std::size_t kLeast = 256;  // a thread costs as much as some processes
    std::vector<Surveyor> surveyors(shares_of(processes.size(), kLeast),
                                    Surveyor(proc->get(), *host, workloads));
    in_parallel(processes.size(), surveyors.size(),
                [&](std::size_t share, std::size_t first, std::size_t last) {
                    for (const pid_t tgid : processes.subspan(first, last - first))
                        surveyors[share].visit(tgid);
                });
    for (std::size_t share = 1; share < surveyors.size(); ++share)
        surveyors[0].add(std::move(surveyors[share]));
    auto survey = surveyors[0].take();
    // Each pid namespace has a first process.
    struct stat first = {};
    survey.others_hidden = ::fstatat(proc->get(), "1", &first, 0) != 0 && errno == ENOENT;
    return survey;
}

std::string Survey::unseen_text() const {
    std::string text;
    if (unseen > 0)
        text = std::to_string(unseen) + (unseen == 1 ? " process" : " processes") + " may not be looked at";
    if (others_hidden) text += (text.empty() ? "" : ", and ") + std::string(kHiddenText);
    return text;
}

std::vector<const SurveyedPlace*> Survey::named(std::string_view text) const {
    return places_that(places, [&](const Workload& workload) { return is_called(workload, text); });
}

std::vector<const SurveyedPlace*> Survey::of_pod(std::string_view text) const {
    return places_that(places, [&](const Workload& workload) { return is_pod(workload, text); });
}

}  // namespace nsupcall::admin
