/// @file
/// The folder of session records when it is missing, read-only, full, or when somebody else wrote in it.

#include <sys/mount.h>

#include "integration/session_support.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class SessionRecords : public SessionTest {
  protected:
    /// A tmpfs on a new folder of this test, for as long as the object lives.
    class Tmpfs {
      public:
        Tmpfs(fs::path path, const char* options) : path_(std::move(path)) {
            fs::create_directories(path_);
            if (::mount("none", path_.c_str(), "tmpfs", 0, options) != 0)
                throw std::runtime_error("cannot mount a tmpfs");
        }
        Tmpfs(const Tmpfs&) = delete;
        Tmpfs& operator=(const Tmpfs&) = delete;
        ~Tmpfs() { (void)::umount2(path_.c_str(), MNT_DETACH); }
        void make_read_only() const {
            if (::mount("none", path_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0)
                throw std::runtime_error("cannot make the tmpfs read-only");
        }

      private:
        fs::path path_;
    };

    Container container_of(std::string_view user, std::uint32_t uid) {
        return must(Container::start(spec_with_ticket(must(realm().ticket(user)), uid)));
    }
};

TEST_F(SessionRecords, FolderThatIsMissing_IsMadeForRootAlone) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    ASSERT_FALSE(fs::exists(records().parent_path()));
    (void)expect_token(ask(use(container, uid)), "alice");
    struct stat info = {};
    ASSERT_EQ(0, ::stat(records().c_str(), &info));
    EXPECT_EQ(0U, info.st_uid);
    EXPECT_EQ(0700U, info.st_mode & 07777U);
    ASSERT_EQ(1U, record_files().size());
    ASSERT_EQ(0, ::stat(record_files()[0].c_str(), &info));
    EXPECT_EQ(0U, info.st_uid);
    EXPECT_EQ(0600U, info.st_mode & 07777U);
    EXPECT_TRUE(S_ISREG(info.st_mode));
    const auto text = must(read_file(record_files()[0]));
    EXPECT_TRUE(has(text, "principal=alice@LAB.TEST\n")) << text;
    EXPECT_TRUE(has(text, fmt::format("ccache=FILE:/tmp/krb5cc_{}\n", uid))) << text;
}

TEST_F(SessionRecords, SameAnswerTwice_IsOneFileWrittenOnce) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    ASSERT_EQ(1U, record_files().size());
    struct stat first = {}, second = {};
    ASSERT_EQ(0, ::stat(record_files()[0].c_str(), &first));
    (void)expect_token(ask(use(container, uid)), "alice");
    ASSERT_EQ(1U, record_files().size());
    ASSERT_EQ(0, ::stat(record_files()[0].c_str(), &second));
    EXPECT_EQ(first.st_ino, second.st_ino) << "a fresh record was written again";
}

TEST_F(SessionRecords, Refusal_LeavesNoRecord) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), unused_uid(1));
    spec.uid = spec.gid = uid;
    const auto container = must(Container::start(spec));
    EXPECT_NE(0, ask(use(container, uid)).error);
    EXPECT_TRUE(record_files().empty());
}

TEST_F(SessionRecords, TestRequestWithoutAFolder_IsNotRemembered) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    auto fields = use(container, uid);
    fields.address = "ip4=127.1.0.1";  // the fixture's own rule
    (void)expect_token(ask(fields), "alice");
    std::size_t remembered = 0;
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator("/run/nsupcall/sessions", absent))
        remembered += has(read_file(entry.path()).value_or(""), host());
    EXPECT_EQ(0U, remembered);
}

TEST_F(SessionRecords, FolderThatIsReadOnly_CostsTheRecordNotTheToken) {
    const auto uid = unused_uid();
    const Tmpfs tmpfs(folder() / "ro", "size=64k");
    tmpfs.make_read_only();
    remember_in(folder() / "ro" / "run" / "sessions");
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    EXPECT_TRUE(has(logged(), "not remembered: ")) << "the log does not say so";
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
}

TEST_F(SessionRecords, FolderThatIsFull_CostsTheRecordNotTheToken) {
    const auto uid = unused_uid();
    const Tmpfs tmpfs(folder() / "full", "size=16k,nr_inodes=8");
    fs::create_directories(folder() / "full" / "run");
    remember_in(folder() / "full" / "run" / "sessions");
    // What is left of the space is taken.
    const auto filler = folder() / "full" / "filler";
    const nsutil::UniqueFd fd(::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(fd);
    const std::string block(4096, 'x');
    while (::write(fd.get(), block.data(), block.size()) > 0) {
    }
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    EXPECT_TRUE(has(logged(), "not remembered: ")) << "the log does not say so";
    EXPECT_TRUE(record_files().empty()) << "half a record was left";
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
    fs::remove(filler);
    ASSERT_EQ(0, ::ftruncate(fd.get(), 0));
    (void)expect_token(ask(use(container, uid)), "alice");
    (void)expect_token(ask(reconnect(uid)), "alice");
}

/// A record as somebody else would like it: of one container, under the session of another.
TEST_F(SessionRecords, RecordOfAnotherOwner_IsIgnored) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    ASSERT_EQ(1U, record_files().size());
    const auto file = record_files()[0];
    ASSERT_EQ(0, ::chown(file.c_str(), uid, uid));
    (void)logged();
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
    EXPECT_TRUE(has(logged(), "is not root's alone"));
    ASSERT_EQ(0, ::chown(file.c_str(), 0, 0));
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionRecords, RecordThatOthersMayWrite_IsIgnored) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    ASSERT_EQ(1U, record_files().size());
    const auto file = record_files()[0];
    for (const mode_t mode : {0620U, 0602U, 0666U}) {
        SCOPED_TRACE(mode);
        ASSERT_EQ(0, ::chmod(file.c_str(), mode));
        EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
    }
    ASSERT_EQ(0, ::chmod(file.c_str(), 0600));
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionRecords, FolderOfAnotherOwner_IsNotUsed) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    ASSERT_EQ(0, ::chown(records().c_str(), uid, uid));
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
    EXPECT_TRUE(has(logged(), "is not root's alone"));
    ASSERT_EQ(0, ::chown(records().c_str(), 0, 0));
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionRecords, LinksFifosAndRubbish_AreIgnored) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    ASSERT_EQ(1U, record_files().size());
    const auto file = record_files()[0];
    const auto text = must(read_file(file));
    const auto elsewhere = folder() / "elsewhere";
    must(write_file(elsewhere, text));
    const std::vector<std::function<void()>> plants = {
        [&] { fs::create_symlink(elsewhere, file); },
        [&] { ASSERT_EQ(0, ::mkfifo(file.c_str(), 0600)); },
        [&] { fs::create_directory(file); },
        [&] { must(write_file(file, "")); },
        [&] { must(write_file(file, text.substr(0, text.size() / 2))); },
        [&] { must(write_file(file, text + "more=1\n")); },
        [&] { must(write_file(file, std::string(100'000, 'x'))); },
    };
    for (std::size_t at = 0; at < plants.size(); ++at) {
        SCOPED_TRACE(at);
        fs::remove(file);
        plants[at]();
        const auto answer = ask(reconnect(uid));
        EXPECT_EQ("ENOKEY", refusal(answer));
        EXPECT_LT(answer.elapsed.count(), 5000);
    }
    fs::remove(file);
    must(write_file(file, text));
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionRecords, RecordOfAnotherBoot_IsIgnored) {
    const auto uid = unused_uid();
    const auto container = container_of("alice", uid);
    (void)expect_token(ask(use(container, uid)), "alice");
    ASSERT_EQ(1U, record_files().size());
    auto text = must(read_file(record_files()[0]));
    const auto at = text.find("boot_id=") + std::strlen("boot_id=");
    text[at] = text[at] == '0' ? '1' : '0';
    must(write_file(record_files()[0], text));
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
}

}  // namespace
}  // namespace nsupcall::test
