#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "logon/credential_file.hpp"
#include "logon/logon_request.hpp"
#include "support/forked_test.hpp"
#include "support/masked_secret.hpp"

namespace nsupcall {
namespace {

using test::MaskedSecret;

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

/// Written by a child, so that nothing of it is in this process's memory.
std::string write_by_child() {
    const std::string path = "/tmp/nsupcall-unit-" + std::to_string(::getpid());
    const pid_t child = ::fork();
    if (child == 0) {
        (void)::umask(0077);
        std::ofstream file(path);
        file << "username=alice\npassword=";
        MaskedSecret::write_to(file);
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
        EXPECT_EQ(6 + MaskedSecret::kMasked.size(), payload.size());
        // The scan finds what is there: the credential's copy and the payload's.
        EXPECT_EQ(2U, MaskedSecret::count_in_memory());
    }
    EXPECT_EQ(0U, MaskedSecret::count_in_memory());
    (void)::unlink(path.c_str());
}
#endif

}  // namespace
}  // namespace nsupcall
