/// @file
/// What code in a worker might try, had somebody taken it over: each call is made behind the real boundary.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "hostile/bare_test.hpp"
#include "hostile/sealed_run.hpp"

namespace nsupcall::test {
namespace {

/// One thing that code in a worker might try, and what it gets.
struct Attempt {
    std::string name;
    std::string result;  ///< "<errno>", or "forbidden <number>"
    int (*make)();       ///< 0, or -1 with errno
};

std::string forbidden(long call) {
    return fmt::format("forbidden {}", call);
}

std::vector<Attempt> all_attempts() {
    return {
        {"MapExecutable", "EACCES",
         [] {
             void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             return page == MAP_FAILED ? -1 : 0;
         }},
        {"MapAFile", "EACCES",
         [] {
             const int fd = ::open("/tmp/intruder.so", O_RDONLY | O_CLOEXEC);
             void* page = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
             return page == MAP_FAILED ? -1 : 0;
         }},
        {"MakeDataExecutable", "EACCES",
         [] {
             static char data[8192];
             auto address = (reinterpret_cast<unsigned long>(data) + 4095) & ~4095UL;
             return ::mprotect(reinterpret_cast<void*>(address), 4096, PROT_READ | PROT_EXEC);
         }},
        {"MakeCodeWritable", "EACCES",
         [] {
             const auto address = reinterpret_cast<unsigned long>(&all_attempts) & ~4095UL;
             return ::mprotect(reinterpret_cast<void*>(address), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
         }},
        {"PkeyMprotect", "EACCES",
         [] {
             static char data[8192];
             auto address = (reinterpret_cast<unsigned long>(data) + 4095) & ~4095UL;
             return static_cast<int>(::syscall(SYS_pkey_mprotect, address, 4096, PROT_READ | PROT_EXEC, -1));
         }},
        {"Personality", "EPERM",
         [] { return static_cast<int>(::syscall(SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */)); }},
        {"Shmat", forbidden(SYS_shmat), [] { return ::shmat(0, nullptr, SHM_EXEC) == nullptr ? 0 : -1; }},
        {"Execve", forbidden(SYS_execve),
         [] { return ::execl("/tmp/intruder.so", "/tmp/intruder.so", static_cast<char*>(nullptr)); }},
        {"Execveat", forbidden(SYS_execveat),
         [] {
             return static_cast<int>(::syscall(SYS_execveat, -1, "/tmp/intruder.so", nullptr, nullptr, 0));
         }},
        {"Fork", forbidden(SYS_clone), [] { return ::fork() < 0 ? -1 : 0; }},
        {"Clone3", forbidden(SYS_clone3), [] { return static_cast<int>(::syscall(SYS_clone3, nullptr, 0)); }},
#if defined(SYS_vfork)
        {"Vfork", forbidden(SYS_vfork), [] { return static_cast<int>(::syscall(SYS_vfork)); }},
#endif
        {"Kill", forbidden(SYS_kill), [] { return ::kill(::getpid(), 0); }},
        {"KillOfOthers", forbidden(SYS_kill), [] { return ::kill(1, SIGKILL); }},
        {"KillOfAThread", forbidden(SYS_tkill),
         [] { return static_cast<int>(::syscall(SYS_tkill, 1, SIGKILL)); }},
        {"KillByPidfd", forbidden(SYS_pidfd_send_signal),
         [] { return static_cast<int>(::syscall(SYS_pidfd_send_signal, -1, SIGKILL, nullptr, 0)); }},
        {"PidfdOpen", forbidden(SYS_pidfd_open),
         [] { return static_cast<int>(::syscall(SYS_pidfd_open, 1, 0)); }},
        {"PidfdGetfd", forbidden(SYS_pidfd_getfd),
         [] { return static_cast<int>(::syscall(SYS_pidfd_getfd, -1, 0, 0)); }},
        {"Ptrace", forbidden(SYS_ptrace), [] { return static_cast<int>(::syscall(SYS_ptrace, 0, 0, 0, 0)); }},
        {"ProcessVmReadv", forbidden(SYS_process_vm_readv),
         [] { return static_cast<int>(::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0)); }},
        {"ProcessVmWritev", forbidden(SYS_process_vm_writev),
         [] { return static_cast<int>(::syscall(SYS_process_vm_writev, 1, nullptr, 0, nullptr, 0, 0)); }},
        {"Setns", forbidden(SYS_setns), [] { return static_cast<int>(::syscall(SYS_setns, -1, 0)); }},
        {"Unshare", forbidden(SYS_unshare), [] { return static_cast<int>(::syscall(SYS_unshare, 0)); }},
        {"Mount", forbidden(SYS_mount),
         [] { return static_cast<int>(::syscall(SYS_mount, "", "/tmp", "tmpfs", 0, nullptr)); }},
        {"Umount", forbidden(SYS_umount2),
         [] { return static_cast<int>(::syscall(SYS_umount2, "/tmp", 0)); }},
        {"PivotRoot", forbidden(SYS_pivot_root),
         [] { return static_cast<int>(::syscall(SYS_pivot_root, "/tmp", "/tmp")); }},
        {"Chroot", forbidden(SYS_chroot), [] { return static_cast<int>(::syscall(SYS_chroot, "/tmp")); }},
        {"MemfdCreate", forbidden(SYS_memfd_create),
         [] { return static_cast<int>(::syscall(SYS_memfd_create, "x", 0)); }},
        {"PerfEventOpen", forbidden(SYS_perf_event_open),
         [] { return static_cast<int>(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); }},
        {"Bpf", forbidden(SYS_bpf), [] { return static_cast<int>(::syscall(SYS_bpf, 0, nullptr, 0)); }},
        {"IoUring", forbidden(SYS_io_uring_setup),
         [] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); }},
        {"Userfaultfd", forbidden(SYS_userfaultfd),
         [] { return static_cast<int>(::syscall(SYS_userfaultfd, 0)); }},
        {"Setuid", forbidden(SYS_setuid), [] { return static_cast<int>(::syscall(SYS_setuid, 0)); }},
        {"Setresuid", "EPERM", [] { return static_cast<int>(::syscall(SYS_setresuid, 0, 0, 0)); }},
        {"KeyctlInstantiate", "EPERM",
         [] { return static_cast<int>(::syscall(SYS_keyctl, 12, 1, nullptr, 0, 0)); }},
        {"KeyctlReject", "EPERM", [] { return static_cast<int>(::syscall(SYS_keyctl, 19, 1, 1, 126, 0)); }},
        {"KeyctlAssumeAuthority", "EPERM", [] { return static_cast<int>(::syscall(SYS_keyctl, 16, 1)); }},
        {"KeyctlJoinSession", "EPERM", [] { return static_cast<int>(::syscall(SYS_keyctl, 1, nullptr)); }},
        {"KeyctlSetPermissions", "EPERM",
         [] { return static_cast<int>(::syscall(SYS_keyctl, 5, -3, 0x3f3f3f3f)); }},
        {"KeyctlGiveToParent", "EPERM", [] { return static_cast<int>(::syscall(SYS_keyctl, 18)); }},
        {"RequestKey", forbidden(SYS_request_key),
         [] { return static_cast<int>(::syscall(SYS_request_key, "user", "x", nullptr, 0)); }},
        {"SocketPacket", "EPERM",
         [] { return static_cast<int>(::syscall(SYS_socket, 17 /* AF_PACKET */, 3, 0)); }},
        {"SocketSctp", "EPERM", [] { return static_cast<int>(::syscall(SYS_socket, 2, 1, 132)); }},
        {"Tiocsti", "EPERM",
         [] {
             char letter = 'x';
             return static_cast<int>(::syscall(SYS_ioctl, 1, 0x5412, &letter));
         }},
#ifndef NSUPCALL_SANITIZE  // whose own machinery calls it
        {"Prctl", "EPERM", [] { return static_cast<int>(::syscall(SYS_prctl, 4, 1, 0, 0, 0)); }},
#endif
        {"OtherMachinesCall", "killed by 31",
         [] {
#if defined(__x86_64__)
             // x32's getpid: the number of this machine's with a bit on top.
             return static_cast<int>(::syscall(0x40000000 + SYS_getpid));
#else
             return static_cast<int>(::syscall(SYS_exit_group, 31));
#endif
         }},
        {"WriteOutsideOfCcacheFolders", "EACCES",
         [] { return ::open("/var/tmp/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600); }},
        // What a waiting worker may, and nobody behind the boundary.
        {"Getppid", "EPERM", [] { return static_cast<int>(::syscall(SYS_getppid)); }},
        {"SetTheOwnUser", "EPERM", [] { return static_cast<int>(::syscall(SYS_setresuid, -1, -1, -1)); }},
        {"Setgroups", forbidden(SYS_setgroups),
         [] { return static_cast<int>(::syscall(SYS_setgroups, 0, nullptr)); }},
        {"Capset", forbidden(SYS_capset),
         [] { return static_cast<int>(::syscall(SYS_capset, nullptr, nullptr)); }},
        {"Chdir", "EPERM", [] { return ::chdir("/"); }},
        {"CloseRange", "EPERM", [] { return static_cast<int>(::syscall(SYS_close_range, 100, 101, 0)); }},
        {"Sigaction", "EPERM",
         [] {
             struct sigaction present = {};
             return ::sigaction(SIGSYS, nullptr, &present);
         }},
        {"Seccomp", "EPERM", [] { return static_cast<int>(::syscall(SYS_seccomp, 1, 0, nullptr)); }},
        {"LandlockVersion", "EPERM",
         [] { return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1)); }},
        {"SetALimit", "EPERM",
         [] {
             const rlimit limit = {1, 1};
             return ::setrlimit(RLIMIT_CORE, &limit);
         }},
        {"MakeAFifo", forbidden(SYS_mknodat),
         [] { return static_cast<int>(::syscall(SYS_mknodat, -100, "/tmp/fifo", 010600, 0)); }},
    };
}

class Attempts : public BareTest, public testing::WithParamInterface<std::tuple<std::size_t, bool>> {};

TEST_P(Attempts, BehindTheBoundary_IsRefused) {
    const auto& [index, user_namespace] = GetParam();
    const auto attempt = all_attempts()[index];
    const auto container = start({"/tmp/intruder.so"}, {}, user_namespace);
    for (const auto crossing : {Crossing::at_once, Crossing::ahead}) {
        const auto ended =
            must(run_sealed_in(container, host_uid(), std::function<int()>(attempt.make), crossing));
        EXPECT_EQ(attempt.result, ended) << static_cast<int>(crossing);
        EXPECT_FALSE(marked(container));
    }
}

class Worker : public BareTest, public testing::WithParamInterface<bool> {};

TEST_P(Worker, BehindTheBoundary_HoldsOneDescriptorBesideNull) {
    const auto container = start({}, {}, GetParam());
    const std::function<int()> look = [] {
        for (const int fd : {0, 1, 2}) {
            struct stat info{};
            if (::fstat(fd, &info) != 0 || !S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) return -1;
        }
        int open = 0;
        for (int fd = 3; fd < 1024; ++fd)
            if (::fcntl(fd, F_GETFD) >= 0) ++open;
        return open == 1 ? 0 : -1;
    };
    for (const auto crossing : {Crossing::at_once, Crossing::ahead})
        EXPECT_EQ("done", must(run_sealed_in(container, host_uid(), look, crossing)));
}

TEST_P(Worker, BehindTheBoundary_ReachesNoAbstractSocket) {
    // No path guards these: whoever shares the network namespace may connect.
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const auto name = fmt::format("nsupcall-test-{}", ::getpid());
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const nsutil::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(0, ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size));
    ASSERT_EQ(0, ::listen(listener.get(), 4));
    const auto connect = [&] {
        const nsutil::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size);
    };
    const auto container = start({}, {}, GetParam());
    const auto uid = inside_uid(GetParam());
    ASSERT_EQ(0, must(container.run([&] { return connect() == 0 ? 0 : 1; }, uid, uid)));
    // Landlock has a rule for them from its sixth version on (Linux 6.12).
    const bool guarded = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) >= 6;
    EXPECT_EQ(guarded ? "EPERM" : "done",
              must(run_sealed_in(container, host_uid(), std::function<int()>(connect))));
}

INSTANTIATE_TEST_SUITE_P(All, Worker, testing::Bool(), [](const auto& user_namespace) {
    return user_namespace.param ? "InAUserNamespace" : "InMountsOfItsOwn";
});

INSTANTIATE_TEST_SUITE_P(All, Attempts,
                         testing::Combine(testing::Range(std::size_t{0}, all_attempts().size()),
                                          testing::Bool()),
                         [](const auto& attempt) {
                             return all_attempts()[std::get<0>(attempt.param)].name +
                                    (std::get<1>(attempt.param) ? "_InAUserNamespace" : "_InMountsOfItsOwn");
                         });

}  // namespace
}  // namespace nsupcall::test
