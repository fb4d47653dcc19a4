#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "logon/credential_file.hpp"
#include "logon/logon_request.hpp"
#include "support/forked_test.hpp"

namespace nsupcall {
namespace {

TEST(LogonRequest, AddressAndDomain) {
    EXPECT_EQ("10.0.0.1", LogonRequest::parse("cifs:a:10.0.0.1")->address);
    EXPECT_EQ("fd00::1", LogonRequest::parse("cifs:a:FD00:0::1")->address);
    EXPECT_EQ("LAB", LogonRequest::parse("cifs:d:LAB")->domain);
    for (const auto* text : {"", "cifs:a:", "cifs:d:", "cifs:a:host", "cifs:b:10.0.0.1", "xcifs:a:10.0.0.1",
                             "cifs:a:10.0.0.1 ", "cifs:d:a b", "cifs:d:a/b"})
        EXPECT_FALSE(LogonRequest::parse(text)) << text;
}

TEST(CredentialFile, Parse_ReadsMountCifsLines) {
    const auto credential =
        LogonCredential::parse("# c\n  username=alice\r\npassword= pa:ss=#word \ndomain=LAB\n");
    ASSERT_TRUE(credential) << credential.error().text();
    EXPECT_EQ("alice", credential->user);
    EXPECT_EQ("LAB", credential->domain);
    const auto payload = credential->payload();
    EXPECT_EQ("alice: pa:ss=#word ",
              std::string_view(reinterpret_cast<const char*>(payload.data()), payload.size()));
}

TEST(CredentialFile, Malformed_IsEinvalAndQuotesNothing) {
    for (const auto* text :
         {"", "username=a\n", "password=SECRET\n", "username=SECRET:x\npassword=SECRET\n",
          "username=a\npassword=\n", "SECRET\n", "username=a\npassword=SECRET\nSECRET=1\n",
          "username=a\npassword=SECRET\npassword=SECRET\n", "username=\npassword=SECRET\n"}) {
        const auto credential = LogonCredential::parse(text);
        ASSERT_FALSE(credential) << text;
        EXPECT_EQ(EINVAL, credential.error().code);
        EXPECT_EQ(std::string::npos, credential.error().text().find("SECRET")) << credential.error().text();
    }
}

#ifndef NSUPCALL_SANITIZE  // whose allocator keeps what was freed, and whose shadow is too large to read

// The password as it must never stand in memory when all is done, and so not in this program's text either.
constexpr unsigned char kMask = 0x5a;
constexpr std::array<unsigned char, 16> kMasked = {
    'q' ^ kMask, '7' ^ kMask, 'W' ^ kMask, 'z' ^ kMask, 'K' ^ kMask, '2' ^ kMask, 'x' ^ kMask, 'P' ^ kMask,
    'd' ^ kMask, '9' ^ kMask, 'R' ^ kMask, 'm' ^ kMask, 'T' ^ kMask, '4' ^ kMask, 'v' ^ kMask, 'L' ^ kMask};

/// How often the password stands in the writable memory of this process.
std::size_t count_in_memory() {
    struct Range {
        unsigned long first, last;
    };
    std::vector<Range> ranges;
    {
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            Range range{};
            char access[5] = {};
            if (std::sscanf(line.c_str(), "%lx-%lx %4s", &range.first, &range.last, access) == 3 &&
                access[0] == 'r' && access[1] == 'w')
                ranges.push_back(range);
        }
    }
    std::size_t count = 0;
    for (const auto& [first, last] : ranges)
        for (auto at = first; at + kMasked.size() <= last; ++at) {
            const auto* bytes = reinterpret_cast<const volatile unsigned char*>(at);
            std::size_t same = 0;
            while (same < kMasked.size() && (bytes[same] ^ kMask) == kMasked[same]) ++same;
            count += same == kMasked.size() ? 1 : 0;
        }
    return count;
}

/// Written by a child, so that nothing of it is in this process's memory.
std::string write_by_child() {
    const std::string path = "/tmp/nsupcall-unit-" + std::to_string(::getpid());
    const pid_t child = ::fork();
    if (child == 0) {
        (void)::umask(0077);
        std::ofstream file(path);
        file << "username=alice\npassword=";
        for (const auto byte : kMasked) file << static_cast<char>(byte ^ kMask);
        file << "\n";
        file.close();
        ::_exit(0);
    }
    (void)::waitpid(child, nullptr, 0);
    return path;
}

FORKED_TEST(CredentialFile, Password_IsGoneFromMemoryAfterUse) {
    const auto path = write_by_child();
    {
        const auto credential = LogonCredential::read(path, ::getuid());
        ASSERT_TRUE(credential) << credential.error().text();
        const auto payload = credential->payload();
        EXPECT_EQ(6 + kMasked.size(), payload.size());
        // The scan finds what is there: the credential's copy and the payload's.
        EXPECT_EQ(2U, count_in_memory());
    }
    EXPECT_EQ(0U, count_in_memory());
    (void)::unlink(path.c_str());
}
#endif

}  // namespace
}  // namespace nsupcall
