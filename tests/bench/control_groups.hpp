#pragma once
/// @file
/// Control groups named as container engines name them, for processes that play containers.

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

namespace nsupcall::test {

/// Groups ".../nsupcall-bench-<pid>/<id>", the last of them in a group of a pod, as Kubernetes has them;
/// removed with the object, after the processes in them have ended.
class ControlGroups {
  public:
    explicit ControlGroups(int count) : count_(count) {
        for (const char* hierarchy : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"}) {
            if (::access(fmt::format("{}/cgroup.procs", hierarchy).c_str(), W_OK) != 0) continue;
            folder_ = fmt::format("{}/nsupcall-bench-{}", hierarchy, ::getpid());
            if (::mkdir(folder_.c_str(), 0755) == 0) break;
            folder_.clear();
        }
        if (complete() && ::mkdir(pod().c_str(), 0755) != 0) remove();
        for (int i = 0; i < count && complete(); ++i)
            if (::mkdir(group(i).c_str(), 0755) != 0) remove();
    }
    ControlGroups(const ControlGroups&) = delete;
    ControlGroups& operator=(const ControlGroups&) = delete;
    ~ControlGroups() { remove(); }

    [[nodiscard]] bool complete() const { return !folder_.empty(); }
    /// The 64 digits that stand for a container's id.
    [[nodiscard]] static std::string id_of(int number) {
        // Different from the first digits on, as ids are.
        return fmt::format("{0:08x}{0:056x}", static_cast<unsigned>(number) * 2654435761U);
    }
    /// Of the pod whose only container is the last.
    static constexpr const char* kPodUid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    /// Puts the calling process, and those that it forks from now on, into a group.
    [[nodiscard]] bool enter(int number) const {
        const int fd = ::open((group(number) + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
        const bool done = fd >= 0 && ::write(fd, "0", 1) == 1;
        (void)::close(fd);
        return done;
    }

  private:
    [[nodiscard]] std::string pod() const { return fmt::format("{}/kubepods-pod{}.slice", folder_, kPodUid); }
    [[nodiscard]] std::string group(int number) const {
        if (number < count_ - 1) return folder_ + "/" + id_of(number);
        return fmt::format("{}/cri-containerd-{}.scope", pod(), id_of(number));
    }

    void remove() {
        if (folder_.empty()) return;
        for (int i = 0; i < count_; ++i)
            // A group is busy until the last of its processes is gone.
            for (int tries = 0; ::rmdir(group(i).c_str()) != 0 && errno == EBUSY && tries < 200; ++tries)
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
        (void)::rmdir(pod().c_str());
        (void)::rmdir(folder_.c_str());
        folder_.clear();
    }

    int count_;
    std::string folder_;
};

}  // namespace nsupcall::test
