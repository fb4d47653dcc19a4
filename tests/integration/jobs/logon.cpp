/// @file
/// Keys of type logon, the real one of the running kernel, and what becomes of the password.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "helpers/call.hpp"
#include "jobs/job_test.hpp"
#include "support/masked_secret.hpp"

namespace nsupcall::test {
namespace {

constexpr const char* kPassword = "s3cr3t-Pa55:with colon";

class Logon : public JobTest {
  protected:
    /// An address of this test's own (TEST-NET-2 and ULA space): the description of its key.
    static std::string unique_description() {
        static unsigned number = 0;
        const auto pid = static_cast<unsigned>(::getpid());
        return fmt::format("cifs:a:fd5e::{:x}:{:x}:{:x}", pid >> 16U, pid & 0xffffU, ++number);
    }

    std::string serve(const std::vector<std::string>& options, const std::string& type = "user",
                      std::string description = unique_description()) {
        auto all = options;
        if (type == "user") all.insert(all.begin(), "--test-type=logon");
        add_rule(type, description, NSUPCALL_HELPER_PATH, all);
        return description;
    }

    static ContainerSpec container_with(const std::string& content, mode_t mode = 0600,
                                        const std::string& path = "/tmp/credentials") {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same(
            {{0, unused_uid(), 1}, {1000, unused_uid(1), 1}, {1001, unused_uid(2), 1}});
        spec.uid = 1000;
        spec.gid = 1000;
        spec.files = {{.path = path, .content = content, .mode = mode, .uid = 1000, .gid = 1000}};
        return spec;
    }

    JobAnswer ask_as_user(const Container& container, const std::string& description,
                          const std::string& type = "user") {
        return ask_in(container, {.type = type, .description = description}, 1000, 1000);
    }

    static std::string good_file() {
        return fmt::format("username=alice\npassword={}\ndomain=LAB\n", kPassword);
    }
    const std::string option_ = "--logon-file=/tmp/credentials";
};

TEST_F(Logon, FileOfTheUser_AnswersUserAndPassword) {
    const auto description = serve({option_});
    const auto container = must(Container::start(container_with(good_file())));
    const auto answer = ask_as_user(container, description);
    EXPECT_EQ(fmt::format("alice:{}", kPassword), answer.text());
    EXPECT_TRUE(answer.timeout == "10m" || answer.timeout == "9m") << answer.timeout;
}

TEST_F(Logon, RealLogonKey_IsTakenByTheKernelAndCannotBeRead) {
    const auto description = serve({option_}, "logon");
    const auto container = must(Container::start(container_with(good_file())));
    const auto answer = ask_as_user(container, description, "logon");
    EXPECT_TRUE(answer.has_key) << answer.text();
    EXPECT_EQ("EOPNOTSUPP", answer.text());
}

TEST_F(Logon, OffUnlessSwitchedOn) {
    const auto description = serve({});
    auto spec = container_with(good_file(), 0600, "/run/secrets/cifs-credentials");
    spec.root = RootKind::scratch;
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", ask_as_user(container, description).text());
}

TEST_F(Logon, DefaultPlaces_AreLookedAt) {
    const auto description = serve({"--logon"});
    auto spec = container_with(good_file(), 0600, "/run/user/1000/cifs-credentials");
    spec.root = RootKind::scratch;
    const auto container = must(Container::start(spec));
    EXPECT_EQ(fmt::format("alice:{}", kPassword), ask_as_user(container, description).text());
}

TEST_F(Logon, FolderOfASecretVolume_Answers) {
    const auto description = serve({"--logon-file=/tmp/secret"});
    auto spec = container_with("alice", 0400, "/tmp/secret/username");
    spec.files.push_back({.path = "/tmp/secret/password",
                          .content = std::string(kPassword) + "\n",
                          .mode = 0400,
                          .uid = 1000,
                          .gid = 1000});
    const auto container = must(Container::start(spec));
    EXPECT_EQ(fmt::format("alice:{}", kPassword), ask_as_user(container, description).text());
}

TEST_F(Logon, SecretVolumeOfRootForThePodsGroup_Answers) {
    const auto description = serve({"--logon-file=/tmp/secret"});
    auto spec = container_with("", 0600, "/tmp/unused");
    for (const auto& [name, content] : {std::pair{"username", "alice"}, std::pair{"password", kPassword}})
        spec.files.push_back({.path = std::string("/tmp/secret/") + name,
                              .content = content,
                              .mode = 0440,
                              .uid = 0,
                              .gid = 1000});
    const auto container = must(Container::start(spec));
    EXPECT_EQ(fmt::format("alice:{}", kPassword), ask_as_user(container, description).text());
}

TEST_F(Logon, BadFiles_AreRefusedWithoutAWordOfTheirContent) {
    const struct {
        std::string content;
        mode_t mode;
        const char* expected;
    } files[] = {{good_file(), 0604, "EACCES"},
                 {good_file(), 0640, "EACCES"},
                 {good_file(), 0000, "EACCES"},
                 {"", 0600, "EINVAL"},
                 {"username=alice\n", 0600, "EINVAL"},
                 {"password=s3cr3t-Pa55\n", 0600, "EINVAL"},
                 {"username=alice\npassword=\n", 0600, "EINVAL"},
                 {"username=a:b\npassword=s3cr3t-Pa55\n", 0600, "EINVAL"},
                 {"username=a\nusername=b\npassword=s3cr3t-Pa55\n", 0600, "EINVAL"},
                 {"s3cr3t-Pa55\n", 0600, "EINVAL"},
                 {"username=a\npassword=" + std::string(513, 'x') + "\n", 0600, "EINVAL"},
                 {"username=a\npassword=s3cr3t-Pa55\n" + std::string(5000, '#') + "\n", 0600, "EINVAL"}};
    for (const auto& [content, mode, expected] : files) {
        const auto description = serve({option_});
        const auto container = must(Container::start(container_with(content, mode)));
        EXPECT_EQ(expected, ask_as_user(container, description).text()) << content.substr(0, 40);
    }
    for (const auto& record : logged("")) {
        EXPECT_EQ(std::string::npos, record.find("s3cr3t")) << record;
        EXPECT_EQ(std::string::npos, record.find("xxxxxxxx")) << record;
    }
}

TEST_F(Logon, FileOfAnotherUser_IsEacces) {
    const auto description = serve({option_});
    auto spec = container_with(good_file());
    spec.files[0].uid = 1001;
    spec.files[0].gid = 1001;
    spec.files[0].mode = 0644;
    const auto container = must(Container::start(spec));
    EXPECT_EQ("EACCES", ask_as_user(container, description).text());
}

TEST_F(Logon, HostsFile_IsNeverTheContainers) {
    // On the host the same path holds somebody else's password.
    const auto folder = must(TempDir::create());
    const auto path = folder.path() / "credentials";
    must(write_file(path, "username=host\npassword=hosts\n", 0600, unused_uid(1), unused_uid(1)));
    const auto description = serve({"--logon-file=" + path.string()});
    auto spec = container_with(good_file());
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", ask_as_user(container, description).text());
}

TEST_F(Logon, Fifo_DoesNotHoldAnybodyUp) {
    const auto description = serve({"--logon-file=/tmp/fifo"});
    const auto container = must(Container::start(container_with(good_file())));
    ASSERT_EQ(0, must(container.run([] { return ::mkfifo("/tmp/fifo", 0600); }, 1000, 1000)));
    const auto answer = ask_as_user(container, description);
    EXPECT_EQ("EACCES", answer.text());
    EXPECT_LT(answer.elapsed_ms, 2000);
}

TEST_F(Logon, DomainKey_TakesAFileOfThatDomainOnly) {
    const auto container = must(Container::start(container_with(good_file())));
    const auto word = unique_word();
    const auto lab = serve({option_}, "user", "cifs:d:lab");
    EXPECT_EQ(fmt::format("alice:{}", kPassword), ask_as_user(container, lab).text());
    const auto other = serve({option_}, "user", "cifs:d:" + word);
    EXPECT_EQ("ENOKEY", ask_as_user(container, other).text());
}

TEST_F(Logon, OnlyKerberos_MeansNoPasswords) {
    const auto description = serve({"--krb5", option_});
    const auto container = must(Container::start(container_with(good_file())));
    EXPECT_EQ("ENOKEY", ask_as_user(container, description).text());
}

TEST_F(Logon, MalformedDescriptions_AreEinval) {
    const auto word = unique_word();
    for (const auto& bad :
         {"cifs:a:" + word, "cifs:x:" + word, word + ":a:1.2.3.4", "cifs:d:" + word + "/x"}) {
        (void)serve({option_}, "user", bad);
        EXPECT_EQ("EINVAL", ask({.type = "user", .description = bad}).text()) << bad;
    }
}

TEST_F(Logon, Record_NamesUserAndFileButNeverThePassword) {
    const auto description = serve({"-d", option_});
    const auto container = must(Container::start(container_with(good_file())));
    EXPECT_EQ(fmt::format("alice:{}", kPassword), ask_as_user(container, description).text());
    const auto records = logged("");
    for (const auto& record : records) EXPECT_EQ(std::string::npos, record.find("s3cr3t")) << record;
    for (const auto& record : records)
        if (record.find(description) != std::string::npos) {
            EXPECT_NE(std::string::npos, record.find("alice")) << record;
            EXPECT_NE(std::string::npos, record.find("/tmp/credentials")) << record;
        }
}

TEST_F(Logon, Password_IsGoneFromTheHelpersMemory_OnceTheKeyHasIt) {
    const auto container = must(Container::start(container_with("")));
    ASSERT_EQ(0, must(container.run(
                     [] {
                         std::ofstream file("/tmp/credentials");
                         file << "username=alice\npassword=";
                         MaskedSecret::write_to(file);
                         file << "\n";
                         return file ? 0 : 1;
                     },
                     1000, 1000)));
    // The helper's own way from the request to the key's content, in this process.
    LogonOptions options;
    options.enabled = true;
    options.files = {"/tmp/credentials"};
    options.config = "/nonexistent/nsupcall.conf";
    const Asker asker = {
        .tid = container.tid(), .host_uid = unused_uid(1), .made_by_kernel = true, .proven = true};
    {
        const auto result = call_logon("cifs:a:10.0.0.1", options, asker, 600,
                                       nsutil::Deadline::after(std::chrono::seconds(15)));
        ASSERT_EQ(0, result.code) << result.message;
        EXPECT_EQ(6 + MaskedSecret::kMasked.size(), result.payload.size());
        EXPECT_TRUE(result.words.empty());
        // The one that is handed to the kernel, and no other: not in buffers, not in what is logged.
        EXPECT_EQ(1U, MaskedSecret::count_in_memory());
    }
    EXPECT_EQ(0U, MaskedSecret::count_in_memory());
}

}  // namespace
}  // namespace nsupcall::test
