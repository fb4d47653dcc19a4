#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "nsutil/bounded_read.hpp"
#include "nsutil/child.hpp"
#include "nsutil/credentials.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/sandbox.hpp"
#include "nsutil/task.hpp"
#include "support/container.hpp"
#include "support/must.hpp"

namespace {

// What docs/NSUTIL.md shows; house_test.cpp compares the two.

/// Reads the file `path` of the container that task `tid` is in, as its user `host_uid`.
///
/// @errors ESRCH the task is gone; EACCES the user has no id in there; ETIMEDOUT; EPIPE the file cannot be
///         read, or is empty; EMSGSIZE it is longer than 4096 bytes
nsutil::Result<std::string> read_inside(pid_t tid, std::uint32_t host_uid, const char* path,
                                        const nsutil::Deadline& deadline) {
    // 1. While the host can still be seen: pin the task, and open all of its namespaces that are not ours.
    auto task = nsutil::Task::open(tid);
    if (!task) return nsutil::propagate(task, "container");
    auto own = nsutil::NamespaceView::own();
    if (!own) return nsutil::propagate(own);
    auto namespaces = nsutil::NamespaceSet::open(*task, *own);
    if (!namespaces) return nsutil::propagate(namespaces, "container");
    const auto inside_uid = namespaces->uid_map().to_inside(host_uid);
    if (!inside_uid) return nsutil::fail(EACCES, "the user has no id in the container");

    // 2. A child goes in, becomes that user for good, and only then opens anything by name.
    constexpr std::size_t kMost = 4096;
    auto child = nsutil::Child::spawn([&](int channel) {
        constexpr gid_t kNoGroup = 65534;
        if (nsutil::set_groups(kNoGroup, {}) != 0 || namespaces->enter_mount_and_net() != 0 ||
            namespaces->enter_user() != 0 || nsutil::drop_bounding_set() != 0 ||
            nsutil::set_user(*inside_uid) != 0 || nsutil::drop_capabilities() != 0 ||
            nsutil::set_no_new_privs() != 0 || nsutil::can_change_user())
            return 1;
        const auto text = nsutil::read_file_at(AT_FDCWD, path, kMost);
        if (!text) return 2;
        return nsutil::send_message(channel, std::as_bytes(std::span(*text)));
    });
    if (!child) return nsutil::propagate(child);

    // 3. One answer, or none in time. The child is killed when `child` goes.
    std::string text(kMost, '\0');
    const auto size = child->receive(std::as_writable_bytes(std::span(text)), deadline);
    if (!size) return std::unexpected(size.error());
    text.resize(*size);
    return text;
}

using nsupcall::test::Container;
using nsupcall::test::ContainerSpec;
using nsupcall::test::must;
using namespace std::chrono_literals;

Container start() {
    ContainerSpec spec;
    spec.user = nsupcall::test::UserNamespaceSpec::same({{0, 3392012288U, 65536}});
    spec.files = {{.path = "/tmp/secret", .content = "inside", .mode = 0400, .uid = 5001, .gid = 5001}};
    return must(Container::start(spec));
}

TEST(NsutilExample, Owner_Reads) {
    const auto container = start();
    EXPECT_EQ("inside",
              must(read_inside(container.tid(), 3392017289U, "/tmp/secret", nsutil::Deadline::after(10s))));
}

TEST(NsutilExample, AnotherUserOfTheContainer_DoesNot) {
    const auto container = start();
    const auto text = read_inside(container.tid(), 3392017290U, "/tmp/secret", nsutil::Deadline::after(10s));
    ASSERT_FALSE(text);
    EXPECT_EQ(EPIPE, text.error().code);
}

TEST(NsutilExample, HostsRoot_HasNoIdInside) {
    const auto container = start();
    const auto text = read_inside(container.tid(), 0, "/tmp/secret", nsutil::Deadline::after(10s));
    ASSERT_FALSE(text);
    EXPECT_EQ(EACCES, text.error().code);
}

TEST(NsutilExample, FileThatNeverAnswers_EndsInTime) {
    ContainerSpec spec;
    const auto container = must(Container::start(spec));
    ASSERT_EQ(0, must(container.run([] { return ::mkfifo("/tmp/fifo", 0666); }, 0, 0)));
    const auto text = read_inside(container.tid(), 0, "/tmp/fifo", nsutil::Deadline::after(200ms));
    ASSERT_FALSE(text);
    EXPECT_EQ(ETIMEDOUT, text.error().code);
}

}  // namespace
