/// @file
/// The worker, looked at from the host while it waits for a KDC that never answers.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "support/dead_kdc.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

class Boundary : public UpcallTest {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        dead_ = must(DeadKdc::open());
    }

    /// A container whose user's KDC is dead.
    ContainerSpec stuck_spec(std::uint32_t uid) {
        auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
        spec.files[0].content = realm().krb5_conf_for_port(dead_->port());
        return spec;
    }

    /// Asks for a token, and waits until the worker is at the KDC: behind the boundary.
    pid_t start_and_wait(const Container& container, std::uint32_t host_uid) {
        request_.emplace(must(KeyRequest::start(fields_for(container.tid(), host_uid).description())));
        const pid_t worker = must(await_worker());
        // Before, it is a copy of the broker, which holds two sockets as well.
        const auto at_kdc = [&] { return status_of(worker)["NoNewPrivs"] == "1" && sockets_of(worker) >= 2; };
        // Asked once more, it may be between two sockets.
        bool there = false;
        for (int i = 0; i < 1000 && !(there = at_kdc()); ++i) ::usleep(2000);
        EXPECT_TRUE(there) << "the worker does not talk to the KDC";
        return worker;
    }

    /// Ends the upcall by killing the worker; the kernel must get its answer at once.
    void kill_and_expect_answer(pid_t worker) {
        const auto killed = std::chrono::steady_clock::now();
        ASSERT_EQ(0, ::kill(worker, SIGKILL));
        const auto answer = must(request_->finish());
        EXPECT_EQ("EKEYREJECTED", refusal(answer));
        EXPECT_LT(std::chrono::steady_clock::now() - killed, std::chrono::seconds(2));
    }

    static int sockets_of(pid_t pid) {
        int count = 0;
        std::error_code failed;
        for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), failed)) {
            count += fs::read_symlink(entry.path(), failed).string().starts_with("socket:") ? 1 : 0;
        }
        return count;
    }

    static std::map<std::string, std::string> status_of(pid_t pid) {
        std::map<std::string, std::string> fields;
        std::ifstream status(fmt::format("/proc/{}/status", pid));
        for (std::string line; std::getline(status, line);) {
            const auto colon = line.find(':');
            if (colon == std::string::npos) continue;
            const auto value = line.find_first_not_of(" \t", colon + 1);
            fields[line.substr(0, colon)] = value == std::string::npos ? "" : line.substr(value);
        }
        return fields;
    }

    static std::string ns_of(pid_t pid, const char* kind) {
        return fs::read_symlink(fmt::format("/proc/{}/ns/{}", pid, kind)).string();
    }

    void expect_sealed(pid_t worker, const Container& container, std::uint32_t host_uid,
                       std::uint32_t host_gid) {
        auto status = status_of(worker);
        EXPECT_EQ(fmt::format("{0}\t{0}\t{0}\t{0}", host_uid), status["Uid"]);
        EXPECT_EQ(fmt::format("{0}\t{0}\t{0}\t{0}", host_gid), status["Gid"]);
        for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
            EXPECT_EQ("0000000000000000", status[set]) << set;
        }
        EXPECT_EQ("1", status["NoNewPrivs"]);
        EXPECT_EQ("2", status["Seccomp"]);
        EXPECT_EQ("1", status["Threads"]);

        for (const char* kind : {"mnt", "net", "user"}) {
            EXPECT_EQ(ns_of(container.tid(), kind), ns_of(worker, kind)) << kind;
        }
        for (const char* kind : {"pid", "pid_for_children", "ipc", "uts", "cgroup"}) {
            EXPECT_EQ(ns_of(::getpid(), kind), ns_of(worker, kind)) << kind;
        }
        struct stat of_requester {};
        struct stat of_worker {};
        ASSERT_EQ(0, ::stat(fmt::format("/proc/{}/root", container.tid()).c_str(), &of_requester));
        ASSERT_EQ(0, ::stat(fmt::format("/proc/{}/root", worker).c_str(), &of_worker));
        EXPECT_EQ(of_requester.st_dev, of_worker.st_dev);
        EXPECT_EQ(of_requester.st_ino, of_worker.st_ino);

        for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", worker))) {
            const int fd = std::atoi(entry.path().filename().c_str());
            const auto target = fs::read_symlink(entry.path()).string();
            EXPECT_TRUE(target.starts_with("socket:") || (fd <= 2 && target == "/dev/null"))
                << fd << " " << target;
        }
        // Not dumpable: its files in /proc belong to root, whoever it runs as.
        struct stat own {};
        ASSERT_EQ(0, ::stat(fmt::format("/proc/{}/environ", worker).c_str(), &own));
        EXPECT_EQ(0U, own.st_uid);
    }

    std::optional<DeadKdc> dead_;
    std::optional<KeyRequest> request_;
};

TEST_F(Boundary, Worker_InMountAndPidNamespaces_IsSealed) {
    const auto uid = unused_uid();
    auto spec = stuck_spec(uid);
    spec.groups = {unused_uid(3), unused_uid(4)};
    const auto container = must(Container::start(spec));
    const pid_t worker = start_and_wait(container, uid);
    expect_sealed(worker, container, uid, uid);
    EXPECT_EQ(fmt::format("{} {} ", unused_uid(3), unused_uid(4)), status_of(worker)["Groups"]);
    kill_and_expect_answer(worker);
}

TEST_F(Boundary, Worker_InAUserNamespace_IsSealed) {
    auto spec = stuck_spec(7);
    spec.user = UserNamespaceSpec::same({{0, 3392012288U, 65536}});
    spec.net_namespace = false;
    const auto container = must(Container::start(spec));
    const pid_t worker = start_and_wait(container, 3392012295U);
    expect_sealed(worker, container, 3392012295U, 3392012295U);
    kill_and_expect_answer(worker);
}

TEST_F(Boundary, Worker_OfAChrootedProcess_IsSealed) {
    const auto uid = unused_uid();
    auto spec = stuck_spec(uid);
    spec.chroot_to = "/tmp/jail";
    for (auto& file : spec.files) file.path.insert(0, spec.chroot_to);
    const auto container = must(Container::start(spec));
    const pid_t worker = start_and_wait(container, uid);
    expect_sealed(worker, container, uid, uid);
    kill_and_expect_answer(worker);
}

TEST_F(Boundary, Worker_ForAnotherUserThanTheRequester_HasNoneOfItsGroups) {
    const auto uid = unused_uid();
    auto spec = stuck_spec(uid);
    spec.uid = 0;
    spec.gid = 0;
    spec.groups = {unused_uid(3), 0, 4};
    const auto container = must(Container::start(spec));
    const pid_t worker = start_and_wait(container, uid);
    constexpr std::uint32_t kNoGroup = 65534;
    expect_sealed(worker, container, uid, kNoGroup);
    EXPECT_EQ("", status_of(worker)["Groups"]);
    kill_and_expect_answer(worker);
}

TEST_F(Boundary, Container_CannotSeeTheWorker) {
    auto spec = stuck_spec(0);
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
    const auto container = must(Container::start(spec));
    const pid_t worker = start_and_wait(container, unused_uid());
    // /proc of the container shows the processes of its own pid namespace.
    const int processes = must(container.run(
        [] {
            int count = 0;
            for (const auto& entry : fs::directory_iterator("/proc")) {
                count += std::atoi(entry.path().filename().c_str()) > 0 ? 1 : 0;
            }
            return count;
        },
        0, 0));
    EXPECT_EQ(1, processes);
    kill_and_expect_answer(worker);
}

TEST_F(Boundary, SameUserInTheHostsPidNamespace_CannotTraceOrReadTheWorker) {
    const auto uid = unused_uid();
    auto spec = stuck_spec(uid);
    spec.pid_namespace = false;
    const auto container = must(Container::start(spec));
    const pid_t worker = start_and_wait(container, uid);
    const auto denied = [&](const std::function<bool()>& attempt) {
        return must(container.run([&] { return attempt() ? 0 : errno; }, uid, uid));
    };
    EXPECT_EQ(EPERM, denied([&] { return ::ptrace(PTRACE_SEIZE, worker, nullptr, nullptr) == 0; }));
    for (const char* file : {"mem", "environ", "maps", "fd", "root", "cwd"}) {
        EXPECT_EQ(EACCES, denied([&] {
                      const auto path = fmt::format("/proc/{}/{}", worker, file);
                      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
                      char byte = 0;
                      // The right to read is checked at open or at the first read.
                      return fd >= 0 && ::read(fd, &byte, 1) >= 0;
                  }))
            << file;
    }
    kill_and_expect_answer(worker);
}

}  // namespace
}  // namespace nsupcall::test
