#include "admin/container_processes.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::admin {
namespace {

namespace fs = std::filesystem;
using test::must;

/// Folders that look like control groups.
class ContainerProcesses : public testing::Test {
  protected:
    void SetUp() override { folder_.emplace(must(test::TempDir::create())); }

    void group(const std::string& path, const std::string& processes) const {
        fs::create_directories(top() / path);
        must(test::write_file(top() / path / "cgroup.procs", processes));
    }
    [[nodiscard]] fs::path top() const { return folder_->path() / "cgroup"; }
    [[nodiscard]] std::vector<pid_t> of(std::string_view text) const {
        return processes_of_container(text, {}, {(folder_->path() / "nowhere").string(), top().string()});
    }
    [[nodiscard]] std::vector<pid_t> of_pod(std::string_view text) const {
        return processes_of_pod(text, {}, {top().string()});
    }

    std::optional<test::TempDir> folder_;
    const std::string id_ = "0123456789abcdef" + std::string(48, '7');
    const std::string other_ = "f123456789abcdef" + std::string(48, '7');
};

using Processes = std::vector<pid_t>;

TEST_F(ContainerProcesses, ThoseOfTheContainersGroupAndBelow_AreFound) {
    group("machine.slice/libpod-" + id_ + ".scope", "");
    group("machine.slice/libpod-" + id_ + ".scope/container", "12\n13\n");
    group("machine.slice/libpod-" + other_ + ".scope/container", "14\n");
    group("system.slice", "15\n");
    EXPECT_EQ((Processes{12, 13}), of(id_));
    EXPECT_EQ((Processes{12, 13}), of(id_.substr(0, 6)));
    EXPECT_EQ(Processes{14}, of(other_.substr(0, 12)));
    EXPECT_EQ(Processes(), of(id_.substr(0, 5))) << "five digits may mean anybody";
    EXPECT_EQ(Processes(), of("system.slice"));
}

TEST_F(ContainerProcesses, ThoseOfOtherPidNamespaces_AreLeftOut) {
    group("docker/" + id_, "0\n21\n0\n");
    EXPECT_EQ(Processes{21}, of(id_));
}

TEST_F(ContainerProcesses, Pods_ByTheirUid) {
    const std::string uid = "11111111-2222-3333-4444-555555555555";
    group("kubepods/burstable/pod" + uid + "/" + id_, "31\n");
    group("kubepods/burstable/pod" + uid + "/" + other_, "32\n");
    const auto found = of_pod(uid);
    EXPECT_EQ(2U, found.size());
    EXPECT_EQ(Processes(), of_pod("11111111-2222-3333-4444-555555555556"));
    EXPECT_EQ(Processes{31}, of(id_));
}

TEST_F(ContainerProcesses, LinksAreNotFollowed_AndNonsenseIsNoProcess) {
    group("docker/" + id_, "none of these\n");
    fs::create_directory_symlink(top(), top() / "docker" / "loop");
    EXPECT_EQ(Processes(), of(id_));
    EXPECT_EQ(Processes(), of(""));
}

}  // namespace
}  // namespace nsupcall::admin
