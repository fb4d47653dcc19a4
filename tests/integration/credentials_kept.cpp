/// @file
/// Tickets by keytab that are kept for the next request of the same container.

#include <fmt/format.h>
#include <sys/stat.h>

#include <sstream>

#include "credentials_support.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

class CredentialsKept : public CredentialTest {
  protected:
    void SetUp() override {
        CredentialTest::SetUp();
        folder_.emplace(must(TempDir::create()));
        keytab_ = folder_->path() / "alice.keytab";
        must(write_file(keytab_, must(realm().keytab_of("alice")), 0600));
        use_rules("ticket_cache = yes");
    }

    void use_rules(const std::string& settings) {
        must(write_file(config(),
                        fmt::format("[rules]\n svc = {{\n kind = container kernel\n keytab = {}\n"
                                    " principal = alice@LAB.TEST\n {}\n }}\n",
                                    keytab_.string(), settings),
                        0644));
        use_options({"--test-type=cifs.spnego", "--config=" + config(), "--session-dir=" + sessions()});
    }
    [[nodiscard]] std::string config() const { return (folder_->path() / "nsupcall.conf").string(); }
    [[nodiscard]] std::string sessions() const { return (folder_->path() / "run" / "sessions").string(); }
    [[nodiscard]] fs::path tickets() const { return folder_->path() / "run" / "tickets"; }

    [[nodiscard]] std::vector<fs::path> files() const {
        std::vector<fs::path> found;
        std::error_code absent;
        for (const auto& entry : fs::directory_iterator(tickets(), absent)) found.push_back(entry.path());
        return found;
    }

    /// How many tickets of this kind ("AS_REQ", "TGS_REQ") the KDC has given to alice.
    static unsigned issued(const std::string& kind) {
        std::istringstream log(realm().kdc_log());
        unsigned count = 0;
        for (std::string line; std::getline(log, line);)
            count += line.find(kind) != std::string::npos && line.find("ISSUE") != std::string::npos &&
                     line.find("alice@LAB.TEST") != std::string::npos;
        return count;
    }

    std::string logged_here(UpcallFields fields) {
        return logged(std::move(fields), {"--config=" + config(), "--session-dir=" + sessions()});
    }

    std::optional<TempDir> folder_;
    fs::path keytab_;
};

TEST_F(CredentialsKept, ManyRequests_AskForOneTicket) {
    const auto uid = unused_uid(1);
    const auto container = must(Container::start(bare_spec(uid)));
    const auto before = issued("AS_REQ"), services_before = issued("TGS_REQ");
    for (int i = 0; i < 4; ++i) expect_for(container, uid, "root", "alice");
    EXPECT_EQ(1U, issued("AS_REQ") - before);
    EXPECT_EQ(1U, issued("TGS_REQ") - services_before);
    auto fields = fields_for(container.tid(), uid);
    fields.user = "root";
    EXPECT_HOLDS(logged_here(fields), "kept tickets of keytab of rule svc MEMORY (used");
    EXPECT_EQ(1U, issued("AS_REQ") - before);
    // Without the rule's word each is a question of its own, and the KDC's answers are forgotten.
    use_rules("ticket_cache = no");
    for (int i = 0; i < 3; ++i) expect_for(container, uid, "root", "alice");
    EXPECT_LE(4U, issued("AS_REQ") - before);
}

TEST_F(CredentialsKept, StormOfRequests_AsksForOneTicket) {
    const auto uid = unused_uid(2);
    const auto container = must(Container::start(bare_spec(uid)));
    const auto before = issued("AS_REQ");
    std::vector<KeyRequest> storm;
    constexpr int kRequests = 12;
    for (int i = 0; i < kRequests; ++i)
        storm.push_back(must(KeyRequest::start(fields_for(container.tid(), uid).description())));
    for (auto& request : storm) (void)expect_token(must(request.finish()), "alice");
    EXPECT_EQ(1U, issued("AS_REQ") - before);
}

TEST_F(CredentialsKept, KdcThatIsGone_IsNotNeeded) {
    const auto uid = unused_uid(3);
    const auto container = must(Container::start(bare_spec(uid)));
    expect_for(container, uid, {}, "alice");
    realm().stop_kdc();
    const auto answer = ask(fields_for(container.tid(), uid));
    must(realm().start_kdc());
    (void)expect_token(answer, "alice");
}

TEST_F(CredentialsKept, EachContainer_HasItsOwn) {
    const auto uid = unused_uid(4);
    const auto one = must(Container::start(bare_spec(uid)));
    const auto two = must(Container::start(bare_spec(uid)));
    const auto before = issued("AS_REQ");
    expect_for(one, uid, {}, "alice");
    ASSERT_EQ(1U, files().size());
    const auto of_one = files().front();
    struct stat info = {};
    ASSERT_EQ(0, ::stat(of_one.c_str(), &info));
    EXPECT_EQ(0600U, info.st_mode & 07777U);
    EXPECT_EQ(0U, info.st_uid);
    ASSERT_EQ(0, ::stat(tickets().c_str(), &info));
    EXPECT_EQ(0700U, info.st_mode & 07777U);
    expect_for(two, uid, {}, "alice");
    EXPECT_EQ(2U, files().size());
    EXPECT_EQ(2U, issued("AS_REQ") - before);
    // The one's under the other's name: what a file holds decides, not what it is called.
    for (const auto& path : files())
        if (path != of_one) fs::copy_file(of_one, path, fs::copy_options::overwrite_existing);
    EXPECT_HOLDS(logged_here(fields_for(two.tid(), uid)), "they are of somebody or something else");
    EXPECT_EQ(3U, issued("AS_REQ") - before);
}

TEST_F(CredentialsKept, EachUserAndKeytab_HasItsOwn) {
    const auto uid = unused_uid(5), other = unused_uid(6);
    const auto container = must(Container::start(bare_spec(uid)));
    const auto before = issued("AS_REQ");
    expect_for(container, uid, {}, "alice");
    expect_for(container, other, {}, "alice");
    EXPECT_EQ(2U, issued("AS_REQ") - before);
    // The same keys in a new file: whoever changed it wanted a change.
    fs::remove(keytab_);
    must(write_file(keytab_, must(realm().keytab_of("alice")), 0600));
    expect_for(container, uid, {}, "alice");
    EXPECT_EQ(3U, issued("AS_REQ") - before);
}

TEST_F(CredentialsKept, TicketThatIsNearItsEnd_IsNotUsed) {
    const auto uid = unused_uid(7);
    auto spec = bare_spec(uid);
    spec.files[0] = krb5_conf_file("    ticket_lifetime = 20s\n");
    const auto container = must(Container::start(spec));
    const auto before = issued("AS_REQ");
    expect_for(container, uid, {}, "alice");
    expect_for(container, uid, {}, "alice");
    EXPECT_EQ(2U, issued("AS_REQ") - before);
}

TEST_F(CredentialsKept, BrokenFiles_AreIgnored) {
    const auto uid = unused_uid(8);
    const auto container = must(Container::start(bare_spec(uid)));
    expect_for(container, uid, {}, "alice");
    ASSERT_EQ(1U, files().size());
    const auto path = files().front();
    const auto whole = must(read_file(path));
    auto flipped = whole;
    flipped[flipped.size() - 40] = static_cast<char>(~flipped[flipped.size() - 40]);
    flipped.resize(flipped.size() - 1);
    for (const auto& content : {std::string(), std::string("x"), whole.substr(0, whole.size() / 2), flipped,
                                whole + "x", std::string(200 * 1024, 'x')}) {
        SCOPED_TRACE(content.size());
        const auto before = issued("AS_REQ");
        must(write_file(path, content, 0600));
        expect_for(container, uid, {}, "alice");
        EXPECT_EQ(1U, issued("AS_REQ") - before);
    }
    // Somebody else's file, and no file at all.
    const auto before = issued("AS_REQ");
    ASSERT_EQ(0, ::chown(path.c_str(), uid, uid));
    expect_for(container, uid, {}, "alice");
    fs::remove(path);
    ASSERT_EQ(0, ::mkfifo(path.c_str(), 0600));
    expect_for(container, uid, {}, "alice");
    EXPECT_EQ(2U, issued("AS_REQ") - before);
}

TEST_F(CredentialsKept, TicketsThatAWorkerMadeUp_AreIgnoredByTheNext) {
    const auto uid = unused_uid(9);
    const auto container = must(Container::start(bare_spec(uid)));
    expect_for(container, uid, {}, "alice");
    ASSERT_EQ(1U, files().size());
    const auto path = files().front();
    auto content = must(read_file(path));
    // All sizes are right; the tickets are not.
    const auto label = content.find("keytab of rule svc MEMORY");
    ASSERT_NE(std::string::npos, label);
    const auto ticket = label + 60;
    ASSERT_LT(ticket + 200, content.size());
    std::fill(content.begin() + static_cast<std::ptrdiff_t>(ticket), content.end(), '\xff');
    must(write_file(path, content, 0600));
    const auto before = issued("AS_REQ");
    expect_for(container, uid, {}, "alice");
    EXPECT_EQ(1U, issued("AS_REQ") - before);
}

TEST_F(CredentialsKept, KeytabOfTheContainer_IsServedTheSameWay) {
    const auto uid = unused_uid(10);
    auto spec = bare_spec(uid);
    spec.files.push_back({.path = "/tmp/client.keytab",
                          .content = must(realm().keytab_of("alice")),
                          .mode = 0600,
                          .uid = uid,
                          .gid = uid});
    spec.environment = {"KRB5_CLIENT_KTNAME=/tmp/client.keytab"};
    const auto container = must(Container::start(spec));
    must(write_file(config(), "[defaults]\n ticket_cache = yes\n", 0644));
    const auto before = issued("AS_REQ");
    for (int i = 0; i < 3; ++i) expect_for(container, uid, {}, "alice");
    EXPECT_EQ(1U, issued("AS_REQ") - before);
    // Without its keytab nobody has a right to them any more.
    ASSERT_EQ(0, must(container.run([] { return ::unlink("/tmp/client.keytab"); }, uid, uid)));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
}

TEST_F(CredentialsKept, RealCacheOfTheUser_ComesFirst) {
    const auto uid = unused_uid(11);
    const auto container = must(Container::start(bare_spec(uid)));
    expect_for(container, uid, {}, "alice");
    must(container.add_file(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}", uid), uid)));
    expect_for(container, uid, {}, "bob");
}

}  // namespace
}  // namespace nsupcall::test
