#include "admin/container_processes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <sstream>

#include "nsutil/bounded_read.hpp"

namespace nsupcall::admin {
namespace {

constexpr std::size_t kGroupsMost = 50'000, kDepthMost = 16, kProcsMost = 1024 * 1024;

using Wanted = std::function<bool(const Workload&)>;

/// Goes through the groups of one hierarchy.
class Walk {
  public:
    Walk(const Workloads& workloads, const Wanted& wanted) : workloads_(workloads), wanted_(wanted) {}

    /// @param path     of the group as /proc/<pid>/cgroup has it
    /// @param is_found whether it is below one that is wanted
    void visit(int parent_fd, const char* name, const std::string& path, bool is_found, std::size_t depth) {
        if (depth > kDepthMost || ++groups_ > kGroupsMost) return;
        if (!is_found && depth > 0) {
            auto workload = workload_of_cgroup("0::" + path);
            if (!workload.id.empty() || !workload.pod_uid.empty()) {
                workloads_.complete(workload);
                is_found = wanted_(workload);
            }
        }
        if (!is_found && is_leaf(parent_fd, name)) return;
        auto folder = nsutil::open_at(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!folder) return;
        if (is_found) read_processes(folder->get());
        const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(folder->get()), ::closedir);
        if (listing == nullptr) return;
        const int fd = folder->release();  // the listing's now
        while (const dirent* entry = ::readdir(listing.get()))
            if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                visit(fd, entry->d_name, path + "/" + entry->d_name, is_found, depth + 1);
    }

    [[nodiscard]] std::vector<pid_t> take() { return std::move(processes_); }

  private:
    /// Whether no group is below it. Each has some fifty files, which need not be listed to know that.
    /// @source Linux fs/kernfs/inode.c (kernfs_refresh_inode: the links of a folder are its folders and two)
    static bool is_leaf(int parent_fd, const char* name) {
        struct stat info = {};
        return ::fstatat(parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_nlink == 2;
    }
    void read_processes(int folder_fd) {
        const auto text = nsutil::read_file_at(folder_fd, "cgroup.procs", kProcsMost);
        if (!text) return;
        std::istringstream numbers(*text);
        // Those of other pid namespaces are told as 0.
        for (pid_t one = 0; numbers >> one;)
            if (one > 0) processes_.push_back(one);
    }

    const Workloads& workloads_;
    const Wanted& wanted_;
    std::size_t groups_ = 0;
    std::vector<pid_t> processes_;
};

std::vector<pid_t> processes_that(const Workloads& workloads, const std::vector<std::string>& hierarchies,
                                  const Wanted& wanted) {
    for (const auto& hierarchy : hierarchies) {
        Walk walk(workloads, wanted);
        walk.visit(AT_FDCWD, hierarchy.c_str(), "", false, 0);
        if (auto processes = walk.take(); !processes.empty()) return processes;
    }
    return {};
}

}  // namespace

std::vector<pid_t> processes_of_container(std::string_view text, const Workloads& workloads,
                                          const std::vector<std::string>& hierarchies) {
    return processes_that(workloads, hierarchies,
                          [&](const Workload& workload) { return is_called(workload, text); });
}

std::vector<pid_t> processes_of_pod(std::string_view text, const Workloads& workloads,
                                    const std::vector<std::string>& hierarchies) {
    return processes_that(workloads, hierarchies,
                          [&](const Workload& workload) { return is_pod(workload, text); });
}

std::vector<std::string> control_group_hierarchies() {
    const std::string top = "/sys/fs/cgroup";
    if (::access((top + "/cgroup.procs").c_str(), F_OK) == 0) return {top};
    std::vector<std::string> all;
    for (const char* name : {"unified", "systemd", "pids", "memory", "cpu"}) all.push_back(top + "/" + name);
    return all;
}

}  // namespace nsupcall::admin
