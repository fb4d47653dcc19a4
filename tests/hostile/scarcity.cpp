/// @file
/// Too little of everything, and file systems that do not answer: still an answer, in time.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "hostile/unprotected.hpp"
#include "support/janitor.hpp"
#include "support/leftovers.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

constexpr auto kDeadline = std::chrono::milliseconds(1500);
constexpr auto kLimit = kDeadline + std::chrono::milliseconds(3000);

class Scarcity : public UpcallTest, public testing::WithParamInterface<bool> {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        alice_ = must(realm().ticket("alice"));
    }
    void SetUp() override {
        UpcallTest::SetUp();
        use_options({"--test-type=cifs.spnego", fmt::format("--deadline={}", kDeadline.count())});
    }
    static std::uint32_t host_uid() { return unused_uid(10); }
    static std::uint32_t uid() { return GetParam() ? 10 : unused_uid(10); }
    static ContainerSpec spec_naming(const std::string& name) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.uid = spec.gid = uid();
        if (GetParam()) spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
        spec.files = {krb5_conf_file()};
        spec.environment = {"KRB5CCNAME=" + name};
        return spec;
    }
    static std::string alice() { return realm().principal("alice"); }
    static std::string name_of(const KeyAnswer& answer) {
        if (answer.error != 0) return refusal(answer);
        const auto payload = must(parse_payload(answer.payload));
        return must(accept_token(payload.blob, realm().service_keytab(), realm().krb5_conf_path())).client;
    }

    inline static Ticket alice_;
};

TEST_P(Scarcity, OfDescriptorsOrMemory_IsAnswered) {
    const auto service_host = "scarce." + host();
    (void)realm().add_service("cifs/" + service_host);
    auto spec = spec_naming("/tmp/cc");
    spec.files.push_back(ccache_file(alice_, "/tmp/cc", uid()));
    const auto container = must(Container::start(spec));
    auto fields = fields_for(container.tid(), host_uid());
    fields.host = service_host;
    allow_silent_helper();
    std::vector<std::string> limits;
    for (int files = 3; files <= 20; ++files) limits.push_back(fmt::format("--nofile={}", files));
    for (int mebibytes = 4; mebibytes <= 40; mebibytes += 2)
        limits.push_back(fmt::format("--as={}", mebibytes << 20));
    for (int kibibytes = 64; kibibytes <= 4096; kibibytes *= 2) {
        limits.push_back(fmt::format("--data={}", kibibytes << 10));
        limits.push_back(fmt::format("--stack={}", kibibytes << 10));
    }
    limits.emplace_back("--fsize=0");
    limits.emplace_back("--nproc=0");
    limits.emplace_back("--cpu=1");
    int tokens = 0, refusals = 0;
    for (const auto& limit : limits) {
        SCOPED_TRACE(limit);
        const auto rule = must(
            RequestRule::install({.description = RequestRule::pattern_for(service_host),
                                  .program = "/usr/bin/prlimit",
                                  .arguments = {limit, NSUPCALL_HELPER_PATH, "--test-type=cifs.spnego",
                                                fmt::format("--deadline={}", kDeadline.count()), "%k"}}));
        const auto answer = ask(fields);
        EXPECT_LT(answer.elapsed, kLimit);
        EXPECT_EQ(std::vector<std::string>(), keys_under_construction());
        if (answer.error == 0) {
            EXPECT_EQ(alice(), name_of(answer));
        }
        ++(answer.error == 0 ? tokens : refusals);
    }
    EXPECT_GT(tokens, 10);
    EXPECT_GT(refusals, 5);
}

TEST_P(Scarcity, OfDiskSpace_CostsTheCachedTicketOnly) {
    const auto container = must(Container::start(spec_naming("/tmp/small/cc")));
    ASSERT_EQ(0, must(container.run(
                     [] {
                         if (::mkdir("/tmp/small", 0777) != 0) return 1;
                         if (::mount("small", "/tmp/small", "tmpfs", 0, "size=8k,mode=777") != 0) return 2;
                         return 0;
                     },
                     0, 0)));
    must(container.add_file(ccache_file(alice_, "/tmp/small/cc", uid())));
    ASSERT_EQ(0, must(container.run(
                     [] {
                         const int fd = ::open("/tmp/small/fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                         const char block[512] = {};
                         while (::write(fd, block, sizeof block) > 0) {
                         }
                         return errno == ENOSPC ? 0 : 1;
                     },
                     uid(), uid())));
    EXPECT_EQ(alice(), name_of(ask(fields_for(container.tid(), host_uid()))));
}

/// How much the server of a SilentFuse does.
enum class Silence : std::uint8_t {
    deaf,        ///< it does not even take requests
    dumb,        ///< it takes them and never answers
    has_process  ///< as dumb, but first it lets a process make the file system its root directory
};

/// A FUSE file system inside the container whose server lives as long as this object.
class SilentFuse {
  public:
    SilentFuse(const Container& container, Silence silence) {
        // In a user namespace the device must be opened by somebody of it, whom the host's node may not let
        // in.
        node_ = "/var/tmp/nsupcall-test-" + std::to_string(::getpid()) + "-fuse";
        must(remember_path(node_));
        (void)::unlink(node_.c_str());
        if (::mknod(node_.c_str(), S_IFCHR | 0666, makedev(10, 229)) != 0) throw std::runtime_error("mknod");
        (void)::chmod(node_.c_str(), 0666);
        int ready[2];
        if (::pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        server_ = ::fork();
        if (server_ == 0) {
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void)container.run([&] { return serve(node_, silence, ready[1]); }, 0, 0);
            ::_exit(0);
        }
        (void)::close(ready[1]);
        mounted_ = ::read(ready[0], &process_, sizeof process_) == sizeof process_;
        (void)::close(ready[0]);
    }
    ~SilentFuse() {
        // The process that serves is a child of this one, and ends with it.
        (void)::kill(server_, SIGKILL);
        (void)::waitpid(server_, nullptr, 0);
        (void)::unlink(node_.c_str());
        forget_path(node_);
    }
    SilentFuse(const SilentFuse&) = delete;
    SilentFuse& operator=(const SilentFuse&) = delete;
    [[nodiscard]] bool mounted() const { return mounted_; }
    /// The process whose root directory the file system is; of the container's uid 0.
    [[nodiscard]] pid_t process() const { return process_; }

  private:
    static int serve(const std::string& node, Silence silence, int ready) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int device = ::open(node.c_str(), O_RDWR | O_CLOEXEC);
        if (device < 0 || ::mkdir("/tmp/fuse", 0777) != 0) return 1;
        const auto options = fmt::format("fd={},rootmode=40777,user_id=0,group_id=0,allow_other", device);
        if (::mount("silent", "/tmp/fuse", "fuse", MS_NODEV | MS_NOSUID, options.c_str()) != 0) return 2;
        const pid_t process = silence == Silence::has_process ? ::fork() : 1;
        if (process == 0) {
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const pid_t self = ::getpid();
            if (::chroot("/tmp/fuse") == 0) (void)!::write(ready, &self, sizeof self);
            for (;;) (void)::pause();
        }
        if (silence != Silence::has_process && ::write(ready, &process, sizeof process) < 0) return 3;
        (void)::close(ready);
        bool answers = silence == Silence::has_process;
        alignas(8) static char buffer[1 << 20];
        while (silence != Silence::deaf) {
            if (::read(device, buffer, sizeof buffer) < static_cast<ssize_t>(sizeof(fuse_in_header)))
                return 4;
            fuse_in_header in;
            std::memcpy(&in, buffer, sizeof in);
            if (in.opcode != FUSE_INIT && answers) {
                // The one question that chroot(2) asks; ENOSYS to it is a yes.
                answers = in.opcode != FUSE_ACCESS;
                const fuse_out_header no = {sizeof no, -ENOSYS, in.unique};
                if (::write(device, &no, sizeof no) < 0) return 5;
            }
            if (in.opcode != FUSE_INIT) continue;
            struct {
                fuse_out_header head;
                fuse_init_out init;
            } out = {};
            out.head = {sizeof out, 0, in.unique};
            out.init.major = FUSE_KERNEL_VERSION;
            out.init.minor = FUSE_KERNEL_MINOR_VERSION;
            out.init.max_write = 4096;
            if (::write(device, &out, sizeof out) < 0) return 5;
        }
        for (;;) (void)::pause();
    }

    std::string node_;
    pid_t server_ = -1;
    pid_t process_ = -1;
    bool mounted_ = false;
};

TEST_P(Scarcity, OfAnswersFromAFileSystem_IsEtimedout) {
    for (const auto silence : {Silence::deaf, Silence::dumb}) {
        SCOPED_TRACE(static_cast<int>(silence));
        const auto container = must(Container::start(spec_naming("/tmp/fuse/cc")));
        {
            const SilentFuse fuse(container, silence);
            ASSERT_TRUE(fuse.mounted());
            EXPECT_EQ(Fate::hung, read_unprotected(container, uid(), "FILE:/tmp/fuse/cc", alice()));
            const auto answer = ask(fields_for(container.tid(), host_uid()));
            EXPECT_EQ("ETIMEDOUT", refusal(answer));
            EXPECT_LT(answer.elapsed, kLimit);
        }
    }
}

TEST_P(Scarcity, OfAnswersFromTheRootDirectory_IsEtimedout) {
    // The broker compares root directories; it must not ask the file system about this one.
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    const SilentFuse fuse(container, Silence::has_process);
    ASSERT_TRUE(fuse.mounted());
    const auto answer = ask(fields_for(fuse.process(), GetParam() ? unused_uid() : 0));
    EXPECT_EQ("ETIMEDOUT", refusal(answer));
    EXPECT_LT(answer.elapsed, kLimit);
}

INSTANTIATE_TEST_SUITE_P(Hostile, Scarcity, testing::Bool(), [](const auto& user_namespace) {
    return user_namespace.param ? "InAUserNamespace" : "InMountsOfItsOwn";
});

}  // namespace
}  // namespace nsupcall::test
