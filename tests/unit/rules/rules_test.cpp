/// @file
/// Rules: parsing, matching, and what an error costs.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "rules/checker.hpp"
#include "rules/expand.hpp"
#include "rules/rule_set.hpp"
#include "support/must.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

class Rules : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) NSUPCALL_SKIP("configuration files must belong to root");
    }
    void write(const std::string& text, const std::string& name = "nsupcall.conf", mode_t mode = 0644) {
        fs::create_directories((folder_.path() / name).parent_path());
        must(write_file(folder_.path() / name, text, mode));
    }
    void write_part(const std::string& text, const std::string& name) {
        write(text, "nsupcall.conf.d/" + name);
    }
    [[nodiscard]] std::string path() const { return (folder_.path() / "nsupcall.conf").string(); }
    [[nodiscard]] RuleSet load() const { return RuleSet::load(path()); }
    /// The findings without the folder.
    [[nodiscard]] std::vector<std::string> findings() const {
        std::vector<std::string> all;
        for (const auto& finding : check_rules(load()))
            all.push_back(describe(finding).substr(folder_.path().string().size() + 1));
        return all;
    }
    static Subject subject(const std::string& host) {
        return {.host = host, .address = "10.1.2.3", .user = "alice", .creduid = 1000};
    }

    TempDir folder_ = must(TempDir::create());
};

TEST_F(Rules, Absent_IsTheDefaults) {
    const auto set = load();
    EXPECT_TRUE(set.findings().empty());
    const auto settings = set.match(subject("a.lab.test"));
    EXPECT_EQ("", settings.rule);
    EXPECT_FALSE(settings.deny);
    EXPECT_TRUE(settings.keytab.empty());
    EXPECT_EQ(GssProxyChoice::never, settings.gssproxy);
    EXPECT_EQ(static_cast<std::size_t>(kSourceKinds), settings.sources.size());
}

TEST_F(Rules, FirstMatch_ByName_InheritsTheDefaults) {
    write(
        "[rules]\n 20-wide = {\n host = *.lab.test\n keytab = /etc/wide.keytab\n }\n"
        " 10-narrow = {\n host = fs.lab.test\n deadline = 7s\n }\n"
        "[defaults]\n deadline = 20\n network = host\n");
    EXPECT_TRUE(findings().empty()) << findings().front();
    const auto set = load();
    const auto narrow = set.match(subject("fs.lab.test"));
    EXPECT_EQ("10-narrow", narrow.rule);
    EXPECT_EQ(7U, narrow.deadline_s);
    EXPECT_EQ(NetworkChoice::host, narrow.network);
    EXPECT_EQ("", narrow.keytab);
    const auto wide = set.match(subject("other.lab.test"));
    EXPECT_EQ("20-wide", wide.rule);
    EXPECT_EQ(20U, wide.deadline_s);
    EXPECT_EQ("/etc/wide.keytab", wide.keytab);
    EXPECT_EQ("", set.match(subject("elsewhere.test")).rule);
}

TEST_F(Rules, Parts_AreOrderedAmongTheFirst_AndTheirDefaultsWin) {
    write("[defaults]\n deadline = 5\n[rules]\n 50-all = {\n host = *\n deny = yes\n }\n");
    write_part("[rules]\n 10-mine = {\n host = fs.*\n }\n", "20-b.conf");
    write_part("[defaults]\n deadline = 9\n", "10-a.conf");
    write_part("this is no configuration", "README");
    EXPECT_TRUE(findings().empty()) << findings().front();
    const auto set = load();
    EXPECT_EQ("10-mine", set.match(subject("fs.lab.test")).rule);
    EXPECT_EQ(9U, set.match(subject("fs.lab.test")).deadline_s);
    EXPECT_TRUE(set.match(subject("other.lab.test")).deny);
}

TEST_F(Rules, EveryCondition_Matches) {
    const struct {
        const char* condition;
        Subject yes, no;
    } cases[] = {
        {"host = FS.lab.test", {.host = "fs.lab.test"}, {.host = "fs2.lab.test"}},
        {"host = a.test b.test", {.host = "b.test"}, {.host = "c.test"}},
        {"address = 10.0.0.0/8", {.address = "10.255.0.1"}, {.address = "11.0.0.1"}},
        {"address = 10.0.0.1", {.address = "10.0.0.1"}, {.address = "10.0.0.2"}},
        {"address = 2001:db8::/33", {.address = "2001:db8:7fff::1"}, {.address = "2001:db8:8000::1"}},
        {"address = 0.0.0.0/0", {.address = "1.2.3.4"}, {.address = "::1"}},
        {"user = svc-*", {.user = "svc-web"}, {.user = "alice"}},
        {"creduid = 1000-1999, 5000", {.creduid = 5000}, {.creduid = 2000}},
        {"creduid = 0-4294967295", {.creduid = 4294967294U}, {.host = ""}},
        {"cgroup = */kubepods*", {.cgroup = "/kubepods.slice/x"}, {.cgroup = "/system.slice"}},
        {"container = 0123*", {.container = "0123456"}, {.container = ""}},
        {"kind = container", {.kind = RequesterKind::container}, {.kind = RequesterKind::service}},
        {"kind = kernel host", {.kind = RequesterKind::host}, {.kind = RequesterKind::container}},
        {"upcall_target = mount", {.target_mount = true}, {.target_mount = false}},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.condition);
        write(fmt::format("[rules]\n r = {{\n {}\n }}\n", one.condition));
        ASSERT_TRUE(findings().empty()) << findings().front();
        EXPECT_EQ("r", load().match(one.yes).rule);
        if (std::string(one.condition) != "creduid = 0-4294967295") {
            EXPECT_EQ("", load().match(one.no).rule);
        }
    }
}

TEST_F(Rules, AllConditions_MustHold) {
    write("[rules]\n r = {\n host = fs.*\n user = bob\n }\n");
    EXPECT_EQ("", load().match(subject("fs.lab.test")).rule);
}

TEST_F(Rules, EverySetting_IsTaken) {
    write(
        "[rules]\n r = {\n deadline = 30s\n sources = keytab default\n ccache = FILE:/a/%{uid}\n"
        " ccache = DIR:/b\n host_ccache = FILE:/c/*\n service = cifs/x\n service = y\n keytab = FILE:/k\n"
        " principal = %{username}@R\n keytab_first_entry = yes\n environment = no\n"
        " host_fallback = true\n deny = off\n target = mounter\n network = host\n gssproxy = on-request\n "
        " ticket_cache = yes\n idmap_sources = map, winbind\n idmap_file = /m\n idmap_container_file = /c\n"
        " logon = yes\n logon_file = /l/%{uid}\n logon_file = /m\n }\n");
    ASSERT_TRUE(findings().empty()) << findings().front();
    const auto s = load().match(subject("x"));
    EXPECT_EQ(30U, s.deadline_s);
    EXPECT_EQ((std::vector{Source::keytab, Source::fallback}), s.sources);
    EXPECT_EQ((std::vector<std::string>{"FILE:/a/%{uid}", "DIR:/b"}), s.ccaches);
    EXPECT_EQ((std::vector<std::string>{"/c/*"}), s.host_ccaches);
    EXPECT_EQ((std::vector<std::string>{"cifs/x", "y"}), s.services);
    EXPECT_EQ("/k", s.keytab);
    EXPECT_EQ("%{username}@R", s.principal);
    EXPECT_TRUE(s.keytab_first_entry && s.host_fallback && !s.environment && !s.deny);
    EXPECT_EQ(TargetChoice::mounter, s.target);
    EXPECT_EQ(NetworkChoice::host, s.network);
    EXPECT_EQ(GssProxyChoice::on_request, s.gssproxy);
    EXPECT_TRUE(s.ticket_cache && s.logon == true);
    EXPECT_EQ((std::vector<std::string>{"map", "winbind"}), s.idmap_sources);
    EXPECT_EQ("/m", s.idmap_file);
    EXPECT_EQ("/c", s.idmap_container_file);
    EXPECT_EQ((std::vector<std::string>{"/l/%{uid}", "/m"}), s.logon_files);
    EXPECT_FALSE(load().defaults().logon.has_value() || load().defaults().ticket_cache);
}

TEST_F(Rules, Findings_NameFileAndLine) {
    write(
        "# comment\n[defaults]\n    deadline = never\n    host = x\n\n[rules]\n    10-a = {\n"
        "        host = a\n        colour = red\n        deadline = 5\n        deadline = 6\n    }\n"
        "    20-b = {\n        address = 10.0.0.0/99\n        ccache = /x/%{nonsense}\n"
        "        creduid = 5-1\n        sources = env\n        keytab = rel\n    }\n[other]\n  a = b\n");
    write_part("[rules]\n    10-a = {\n        host = q\n    }\n", "x.conf");
    const auto all = findings();
    const auto has = [&](const std::string& start) {
        return std::ranges::any_of(all, [&](const std::string& one) { return one.starts_with(start); });
    };
    for (const char* expected :
         {"nsupcall.conf:3: bad value \"never\"", "nsupcall.conf:4: \"host\" is a condition",
          "nsupcall.conf:9: rule 10-a: unknown key \"colour\"",
          "nsupcall.conf:11: rule 10-a: \"deadline\" is given twice",
          "nsupcall.conf:14: rule 20-b: bad value", "nsupcall.conf:15: rule 20-b: bad value",
          "nsupcall.conf:16: rule 20-b: bad value", "nsupcall.conf:17: rule 20-b: bad value",
          "nsupcall.conf:18: rule 20-b: bad value", "nsupcall.conf: unknown section [other]",
          "nsupcall.conf.d/x.conf:2: rule 10-a: another file"})
        EXPECT_TRUE(has(expected)) << expected << "\n got:\n" << fmt::format("{}", fmt::join(all, "\n"));
    EXPECT_EQ(11U, all.size());
}

TEST_F(Rules, OneNameInThreeFiles_AreThreeRulesOfWhichTheFirstHolds) {
    write("[rules]\n 10-a = {\n host = a\n keytab = /etc/a.keytab\n }\n 20-b = {\n host = b\n }\n");
    write_part("[rules]\n 10-a = {\n host = c\n deny = yes\n }\n 05-first = {\n host = d\n }\n", "1.conf");
    write_part("[rules]\n 10-a = {\n host = e\n }\n", "2.conf");
    const auto set = load();
    std::string all;
    for (const auto& rule : set.rules())
        all += fmt::format("{}:{}{} ", rule.name, fmt::join(rule.conditions.hosts, ","), rule.broken ? "!" : "");
    EXPECT_EQ("05-first:d 10-a:a 10-a:c! 10-a:e! 20-b:b ", all);
    EXPECT_EQ("/etc/a.keytab", set.match(subject("a")).keytab);
    EXPECT_TRUE(set.match(subject("c")).deny);
}

TEST_F(Rules, Unreachable_IsFound) {
    const std::pair<const char*, const char*> unreachable[] = {
        {"", "host = a"},
        {"host = *.lab.test", "host = fs.lab.test"},
        {"host = *.lab.test", "host = *.fs.lab.test"},
        {"host = FS*", "host = fsx\n user = alice"},
        {"address = 10.0.0.0/8", "address = 10.2.0.0/16 10.3.0.1"},
        {"creduid = 0-1000", "creduid = 5 7-9"},
        {"kind = container service", "kind = service"},
        {"upcall_target = app", "upcall_target = app"}};
    for (const auto& [first, second] : unreachable) {
        write(fmt::format("[rules]\n a = {{\n deadline = 9\n {}\n }}\n b = {{\n deadline = 8\n {}\n }}\n",
                          first, second));
        const auto all = findings();
        ASSERT_EQ(1U, all.size()) << first << " / " << second;
        EXPECT_EQ("nsupcall.conf:6: rule b: it is never reached: rule a takes all of its requests", all[0]);
    }
    const std::pair<const char*, const char*> reachable[] = {
        {"host = fs.lab.test", "host = *.lab.test"},   {"host = a\n user = b", "host = a"},
        {"address = 10.0.0.0/8", "address = ::/0"},    {"creduid = 0-1000", "creduid = 500-1500"},
        {"kind = container", "kind = container host"}, {"upcall_target = app", "host = a"}};
    for (const auto& [first, second] : reachable) {
        write(fmt::format("[rules]\n a = {{\n {}\n }}\n b = {{\n {}\n }}\n", first, second));
        EXPECT_TRUE(findings().empty()) << first << " / " << second;
    }
}

TEST_F(Rules, BrokenRule_KeepsItsPlace_AndGivesNothing) {
    write(
        "[rules]\n 10 = {\n host = fs.*\n colour = red\n keytab = /k\n gssproxy = yes\n }\n"
        " 20 = {\n host = *\n keytab = /wide\n }\n");
    const auto settings = load().match(subject("fs.lab.test"));
    EXPECT_EQ("10", settings.rule);
    EXPECT_EQ("", settings.keytab);
    EXPECT_EQ(GssProxyChoice::never, settings.gssproxy);
    EXPECT_EQ("/wide", load().match(subject("other")).keytab);
}

TEST_F(Rules, BrokenDeny_StillDenies) {
    write("[rules]\n 10 = {\n address = nonsense\n deny = yes\n }\n");
    EXPECT_TRUE(load().match(subject("x")).deny);
    write("[rules]\n 10 = {\n deny = perhaps\n }\n");
    EXPECT_TRUE(load().match(subject("x")).deny);
    write("[defaults]\n deny = perhaps\n");
    EXPECT_TRUE(load().match(subject("x")).deny);
}

TEST_F(Rules, LostFile_IsTheDefaults_ButForDeny) {
    const std::string grants = "[rules]\n 10 = {\n host = fs.*\n keytab = /k\n }\n";
    const std::string denies = "[rules]\n 05 = {\n host = bad.*\n deny = yes\n }\n";
    const std::string broken = "[rules]\n 01 = {\n host = a\n }\n }\n";
    write(grants);
    write_part(denies, "deny.conf");
    EXPECT_EQ("/k", load().match(subject("fs.x")).keytab);
    write_part(broken, "broken.conf");
    EXPECT_EQ("", load().match(subject("fs.x")).keytab);
    EXPECT_FALSE(load().match(subject("fs.x")).deny);
    EXPECT_TRUE(load().match(subject("bad.x")).deny);
    ASSERT_EQ(1U, findings().size());
    EXPECT_TRUE(findings()[0].starts_with("nsupcall.conf.d/broken.conf:5: ")) << findings()[0];
    // What a file that nobody can read would have denied, nobody knows.
    write_part(broken + "deny = yes\n", "broken.conf");
    EXPECT_TRUE(load().match(subject("fs.x")).deny);
    write_part(broken + "# deny = yes\n", "broken.conf");
    EXPECT_FALSE(load().match(subject("fs.x")).deny);
}

TEST_F(Rules, Insecure_IsRefused) {
    const std::string grants = "[rules]\n 10 = {\n keytab = /k\n }\n";
    write(grants);
    EXPECT_EQ("/k", load().match(subject("x")).keytab);
    for (const mode_t mode : {0664, 0646}) {
        ASSERT_EQ(0, ::chmod(path().c_str(), mode));
        EXPECT_EQ("", load().match(subject("x")).keytab);
        EXPECT_EQ("nsupcall.conf: others than root may write to it", findings().at(0));
    }
    ASSERT_EQ(0, ::chmod(path().c_str(), 0644));
    ASSERT_EQ(0, ::chown(path().c_str(), 12345, 0));
    EXPECT_EQ("", load().match(subject("x")).keytab);
    EXPECT_EQ("nsupcall.conf: it does not belong to root", findings().at(0));
    ASSERT_EQ(0, ::chown(path().c_str(), 0, 0));
    write_part(grants, "a.conf");
    ASSERT_EQ(0, ::chmod((path() + ".d").c_str(), 0777));
    EXPECT_EQ("", load().match(subject("x")).keytab);
}

TEST_F(Rules, DirectivesToOtherFiles_AreRefused) {
    for (const char* line : {"include /etc/passwd", "includedir /tmp", "module /tmp/evil.so:x"}) {
        write(fmt::format("# a\n{}\n[rules]\n 10 = {{\n keytab = /k\n }}\n", line));
        EXPECT_EQ("", load().match(subject("x")).keytab) << line;
        EXPECT_TRUE(findings().at(0).starts_with("nsupcall.conf:2: include")) << findings().at(0);
    }
}

TEST_F(Rules, Example_WithEverythingSwitchedOn_HasNoFindings) {
    const auto example = must(read_file(fs::path(NSUPCALL_DOCS) / "nsupcall.conf.example"));
    write(example);
    EXPECT_TRUE(findings().empty()) << findings().front();
    std::istringstream lines(example);
    std::string enabled;
    for (std::string line; std::getline(lines, line);) {
        const auto hash = line.find("# ");
        const bool is_setting = line.find(" = ") != std::string::npos || line.ends_with("# }");
        if (hash != std::string::npos && is_setting) line.erase(0, hash + 2);
        enabled += line + "\n";
    }
    write(enabled);
    EXPECT_TRUE(findings().empty()) << findings().front();
    EXPECT_EQ(10U, load().rules().size());
}

TEST_F(Rules, NoFile_OtherThanARegularOne_IsRead) {
    ASSERT_EQ(0, ::mkfifo(path().c_str(), 0600));
    EXPECT_EQ("nsupcall.conf: it is no regular file", findings().at(0));
}

TEST(RulesExpand, Values_AreFilledIn) {
    const Variables variables = {{"uid", "1000"}, {"username", "alice"}, {"realm", ""}};
    EXPECT_EQ("FILE:/tmp/1000/alice%", must(expand("FILE:/tmp/%{uid}/%{username}%%", variables)));
    EXPECT_EQ(ENODATA, expand("%{realm}", variables).error().code);
    EXPECT_EQ(ENODATA, expand("%{host}", variables).error().code);
    for (const char* bad : {"%", "%x", "%{uid", "%{nonsense}", "a%{}"})
        EXPECT_EQ(EINVAL, expand(bad, variables).error().code) << bad;
}

TEST(RulesExpand, Values_ThatLeadElsewhere_AreRefused) {
    for (const char* bad : {"../x", "a/b", ".", "*", "a?", "[a]", "a b", "a\nb", "%{uid}", "a\\b"})
        EXPECT_EQ(EINVAL, expand("/x/%{username}", {{"username", bad}}).error().code) << bad;
    for (const char* good : {"alice", "a.b", "svc$", "a-b_c", "ünï"})
        EXPECT_TRUE(expand("/x/%{username}", {{"username", good}})) << good;
}

}  // namespace
}  // namespace nsupcall::test
