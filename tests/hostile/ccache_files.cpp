/// @file
/// What lies where a ccache should be, asked for through the kernel. Where libkrb5 by itself would be led
/// astray, that is shown first.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>

#include "hostile/files_test.hpp"

namespace nsupcall::test {
namespace {

TEST_P(Files, CcacheThatIsAFifo_IsEinval_AtOnce) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] { return ::mkfifo("/tmp/cc", 0600); });
    // Without our look at it first, libkrb5 waits for a writer for ever.
    EXPECT_EQ(Fate::hung, read_unprotected(container, uid(), "FILE:/tmp/cc", alice()));
    const auto answer = ask(fields_for(container.tid(), host_uid()));
    EXPECT_EQ("EINVAL", refusal(answer));
    EXPECT_LT(answer.elapsed, std::chrono::milliseconds(1000));
}

TEST_P(Files, CcacheThatIsASocket_IsEinval) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_un address = {AF_UNIX, "/tmp/cc"};
        return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    });
    EXPECT_EQ("EINVAL", ask_for(container));
}

TEST_P(Files, CcacheThatIsADevice_IsEinval) {
    auto spec = spec_naming("/dev/zero");
    spec.root = RootKind::host_tree;
    EXPECT_EQ("EINVAL", ask_for(must(Container::start(spec))));
}

TEST_P(Files, CcacheThatIsADirectory_IsEinval) {
    EXPECT_EQ("EINVAL", ask_for(must(Container::start(spec_naming("FILE:/tmp")))));
}

TEST_P(Files, CcacheThatIsADanglingLink_IsEnokey) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] { return ::symlink("/tmp/nowhere", "/tmp/cc"); });
    EXPECT_EQ("ENOKEY", ask_for(container));
}

TEST_P(Files, CcacheThatIsALinkToAnothersReadableFile_IsEacces) {
    auto spec = spec_naming("/tmp/cc");
    spec.files.push_back(ccache_file(bob_, "/tmp/of-another", other_uid()));
    spec.files.back().mode = 0644;
    const auto container = must(Container::start(spec));
    as_user(container, [] { return ::symlink("/tmp/of-another", "/tmp/cc"); });
    EXPECT_EQ(Fate::read, read_unprotected(container, uid(), "FILE:/tmp/cc", realm().principal("bob")));
    EXPECT_EQ("EACCES", ask_for(container));
}

TEST_P(Files, CcacheThatIsAHardLinkToAnothersFile_IsEacces) {
    auto spec = spec_naming("/tmp/cc");
    spec.files.push_back(ccache_file(bob_, "/tmp/of-another", other_uid()));
    spec.files.back().mode = 0644;
    const auto container = must(Container::start(spec));
    ASSERT_EQ(0, must(container.run([] { return ::link("/tmp/of-another", "/tmp/cc"); }, other_uid(),
                                    other_uid())));
    EXPECT_EQ(Fate::read, read_unprotected(container, uid(), "FILE:/tmp/cc", realm().principal("bob")));
    EXPECT_EQ("EACCES", ask_for(container));
}

TEST_P(Files, CcacheOfOneTebibyte_IsEinval) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] {
        const int fd = ::open("/tmp/cc", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        return ::ftruncate(fd, 1LL << 40);
    });
    EXPECT_EQ("EINVAL", ask_for(container));
}

TEST_P(Files, CcacheCutAnywhere_NeverCrashesTheWorker) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    for (std::size_t size = 1; size < alice_.ccache.size(); size += alice_.ccache.size() / 24 + 1) {
        SCOPED_TRACE(size);
        auto file = ccache_file(alice_, "/tmp/cc", uid());
        file.content.resize(size);
        must(container.add_file(file));
        const auto answer = ask_for(container);
        EXPECT_TRUE(answer == "EINVAL" || answer == "ENOKEY" || answer == "EKEYREJECTED") << answer;
    }
}

TEST_P(Files, CcacheWithAbsurdLengths_IsRefused) {
    // Version 4, a header of no fields; then counts and lengths of two gigabytes in every place.
    const std::string head("\x05\x04\x00\x00", 4), huge("\x7f\xff\xff\xff", 4), one("\x00\x00\x00\x01", 4);
    const std::string bodies[] = {
        std::string("\x05\x04\xff\xff", 4) + huge, head + one + huge + huge + huge, head + one + one + huge,
        head + one + one + std::string("\x00\x00\x00\x01R", 5) + huge,
        alice_.ccache.substr(0, alice_.ccache.size() / 2) + std::string(64, '\x7f')};
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    for (const auto& body : bodies) {
        must(container.add_file(
            {.path = "/tmp/cc", .content = body, .mode = 0600, .uid = uid(), .gid = uid()}));
        const auto answer = ask_for(container);
        EXPECT_TRUE(answer == "EINVAL" || answer == "ENOKEY" || answer == "ENOMEM" ||
                    answer == "EKEYREJECTED")
            << answer;
    }
}

INSTANTIATE_TEST_SUITE_P(Hostile, Files, testing::Bool(), [](const auto& user_namespace) {
    return user_namespace.param ? "InAUserNamespace" : "InMountsOfItsOwn";
});

}  // namespace
}  // namespace nsupcall::test
