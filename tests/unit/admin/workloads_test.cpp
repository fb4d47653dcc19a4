#include "admin/workloads.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace nsupcall::admin {
namespace {

namespace fs = std::filesystem;

const std::string kId(64, 'a'), kOther = std::string(63, 'a') + "b", kThird(64, 'c');
constexpr const char* kUid = "0123abcd-4567-89ab-cdef-0123456789ab";

TEST(WorkloadOfCgroup, NamesEachRuntime) {
    const struct {
        std::string text, runtime;
    } cases[] = {
        {"0::/machine.slice/libpod-" + kId + ".scope/container\n", "podman"},
        {"0::/system.slice/docker-" + kId + ".scope\n", "docker"},
        {"4:memory:/docker/" + kId + "\n", "docker"},
        {"0::/kubepods.slice/kubepods-pod0123abcd_4567_89ab_cdef_0123456789ab.slice/cri-containerd-" + kId +
             ".scope\n",
         "containerd"},
        {"0::/kubepods/burstable/pod" + std::string(kUid) + "/crio-" + kId + "\n", "cri-o"},
        {"0::/elsewhere/" + kId + "\n", ""},
    };
    for (const auto& [text, runtime] : cases) {
        const auto workload = workload_of_cgroup(text);
        EXPECT_EQ(kId, workload.id) << text;
        EXPECT_EQ(runtime, workload.runtime) << text;
        EXPECT_EQ(text.find("kubepods") == std::string::npos ? "" : kUid, workload.pod_uid) << text;
    }
    EXPECT_EQ(Workload{}, workload_of_cgroup("0::/user.slice/user-1000.slice/session-1.scope\n"));
    EXPECT_EQ(Workload{}, workload_of_cgroup("0::/kubepods/podnothing\n"));
}

class WorkloadsTest : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "names count only where root owns them";
        char name[] = "/tmp/nsupcall-workloads-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name));
        root_ = name;
    }
    void TearDown() override {
        if (!root_.empty()) fs::remove_all(root_);
    }
    void put(const std::string& path, const std::string& text) const {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text;
    }
    [[nodiscard]] Workload named(const std::string& id, const std::string& uid = "") const {
        Workload workload;
        workload.id = id;
        workload.pod_uid = uid;
        Workloads::load(root_.string()).complete(workload);
        return workload;
    }
    fs::path root_;
};

constexpr const char* kStorage = "var/lib/containers/storage/overlay-containers/containers.json";

TEST_F(WorkloadsTest, PodmanAndCrio_FromTheirStorage) {
    put(kStorage, R"([{"id":")" + kId + R"(","names":["web"]},{"id":")" + kOther +
                      R"(","names":["k8s_app_shop-1_prod_)" + kUid +
                      R"(_0"]},{"id":7},"odd",{"id":"short","names":["x"]}])");
    EXPECT_EQ("web", named(kId).title());
    EXPECT_EQ("podman", named(kId).runtime);
    EXPECT_EQ("prod/shop-1/app", named(kOther).title());
    EXPECT_EQ("cri-o", named(kOther).runtime);
    EXPECT_EQ(kUid, named(kOther).pod_uid);
    EXPECT_EQ(2U, Workloads::load(root_.string()).all().size());
}

TEST_F(WorkloadsTest, Docker_FromItsConfigurations) {
    put("var/lib/docker/containers/" + kId + "/config.v2.json", R"({"Name":"/shop_db_1","Config":{}})");
    put("var/lib/docker/containers/" + kOther + "/config.v2.json", "no json");
    EXPECT_EQ("shop_db_1", named(kId).title());
    EXPECT_EQ("docker", named(kId).runtime);
    EXPECT_EQ(kOther.substr(0, 12), named(kOther).title());
}

TEST_F(WorkloadsTest, Kubelet_FromTheNamesOfItsLogs) {
    fs::create_directories(root_ / "var/log/containers");
    fs::create_symlink("/nowhere", root_ / ("var/log/containers/web-7f_prod_nginx-" + kId + ".log"));
    fs::create_directories(root_ / (std::string("var/log/pods/prod_db-0_") + kUid));
    EXPECT_EQ("prod/web-7f/nginx", named(kId).title());
    EXPECT_EQ("prod/db-0/cccccccccccc", named(kThird, kUid).title());
    EXPECT_TRUE(is_pod(named(kThird, kUid), "prod/db-0"));
    EXPECT_TRUE(is_pod(named(kThird, kUid), kUid));
    EXPECT_FALSE(is_pod(named(kThird, kUid), "/"));
}

TEST_F(WorkloadsTest, WhatIsNotRootsAlone_DoesNotCount) {
    const std::string text = R"([{"id":")" + kId + R"(","names":["web"]}])";
    put(kStorage, text);
    ASSERT_EQ(0, ::chown((root_ / kStorage).c_str(), 1000, 0));
    EXPECT_EQ("", named(kId).name);
    fs::remove(root_ / kStorage);
    put("elsewhere", text);
    fs::create_symlink(root_ / "elsewhere", root_ / kStorage);
    EXPECT_EQ("", named(kId).name);
    fs::remove(root_ / kStorage);
    put(kStorage, text);
    EXPECT_EQ("web", named(kId).name);
    ASSERT_EQ(0, ::chmod((root_ / kStorage).parent_path().c_str(), 0777));
    EXPECT_EQ("", named(kId).name);
}

TEST_F(WorkloadsTest, NamesPastTheirLimit_AreCut_AndDeepNestingIsNoHarm) {
    put(kStorage, R"([{"id":")" + kId + R"(","names":[")" + std::string(100'000, 'x') + R"("]}])");
    EXPECT_EQ(512U, named(kId).name.size());
    put(kStorage, std::string(1'000'000, '['));
    EXPECT_EQ("", named(kId).name);
}

TEST(IsCalled, ByNameOrByTheFirstDigits) {
    Workload workload;
    workload.id = kId;
    workload.name = "web";
    EXPECT_TRUE(is_called(workload, "web"));
    EXPECT_TRUE(is_called(workload, "aaaaaa"));
    EXPECT_FALSE(is_called(workload, "aaaaa"));
    EXPECT_FALSE(is_called(workload, ""));
    EXPECT_FALSE(is_called({}, ""));
}

}  // namespace
}  // namespace nsupcall::admin
