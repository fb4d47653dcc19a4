#pragma once
/// @file
/// Control groups named as container engines name them.

#include <fmt/format.h>
#include <mntent.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

/// Where control groups of the unified hierarchy are made; empty where the machine has none.
[[nodiscard]] inline std::filesystem::path unified_hierarchy() {
    const std::unique_ptr<FILE, int (*)(FILE*)> table(::setmntent("/proc/self/mounts", "r"), ::endmntent);
    if (table == nullptr) return {};
    while (const auto* mount = ::getmntent(table.get()))
        if (std::string_view(mount->mnt_type) == "cgroup2") return mount->mnt_dir;
    return {};
}

/// A control group that holds one process, and what it forks, as long as this object lives.
class ControlGroup {
  public:
    ControlGroup(const std::string& name, pid_t pid)
        : home_(unified_hierarchy()), path_(home_ / name), pid_(pid) {
        std::filesystem::create_directory(path_);
        must(write_file(path_ / "cgroup.procs", std::to_string(pid)));
    }
    ControlGroup(const ControlGroup&) = delete;
    ControlGroup& operator=(const ControlGroup&) = delete;
    ~ControlGroup() {
        (void)write_file(home_ / "cgroup.procs", std::to_string(pid_));
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }

  private:
    std::filesystem::path home_, path_;
    pid_t pid_;
};

/// 64 hexadecimal digits of this run.
[[nodiscard]] inline std::string container_id() {
    return fmt::format("{:064x}", 0xfeed0000000000 + static_cast<std::uint64_t>(::getpid()));
}

}  // namespace nsupcall::test
