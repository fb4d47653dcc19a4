/// @file
/// nsupcall explain beside the upcall that it explains: what it foretells is what the kernel then gets.

#include "admin/explain_test.hpp"

namespace nsupcall::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST_F(ExplainCommand, GoodTicket_SucceedsAndNothingIsAsked) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto path = fmt::format("/tmp/krb5cc_{}", uid);
    const auto before = ccache_in(container, path);
    const auto log = questions();
    const auto told = explain(container);
    EXPECT_EQ(log, questions());
    EXPECT_EQ(before, ccache_in(container, path));
    EXPECT_FALSE(std::filesystem::exists(folder_->path() / "sessions"));
    EXPECT_EQ(0, told.exit_code) << told.output;
    EXPECT_THAT(told.output,
                AllOf(HasSubstr("FILE:" + path), HasSubstr("cifs/" + host()), HasSubstr("KDC  "),
                      HasSubstr("accepts connections"), HasSubstr("not the host's"),
                      ContainsRegex("expires in (9|10) h"), HasSubstr(fmt::format("owner uid {}", uid)),
                      HasSubstr("on tmpfs /tmp"), HasSubstr("it is not set"), HasSubstr("--ticket")));
    (void)expect_foretold(container, uid, "");
}

TEST_F(ExplainCommand, Json_TellsTheSame) {
    constexpr std::uint32_t kBase = 800000, kInside = 1000;
    auto spec = spec_with_ticket(must(realm().ticket("alice")), kInside);
    spec.user = UserNamespaceSpec::same({{0, kBase, 65536}});
    const auto container = must(Container::start(spec));
    const auto told = explain_json(container, 0);
    EXPECT_EQ("succeeds", told["outcome"]["prospect"]);
    EXPECT_TRUE(told["outcome"]["errno"].is_null());
    EXPECT_EQ(kBase + kInside, told["request"]["creduid"]);
    EXPECT_EQ(kInside, told["request"]["creduid_inside"]);
    EXPECT_EQ("container", told["requester"]["kind"]);
    EXPECT_EQ(container.tid(), told["requester"]["tid"]);
    EXPECT_EQ(kBase, told["requester"]["uid_map"][0]["host"]);
    const auto& used = told["candidates"][0];
    EXPECT_EQ("used", used["verdict"]);
    EXPECT_EQ("FILE", used["type"]);
    EXPECT_EQ(kInside, used["owner_inside"]);
    EXPECT_EQ(kBase + kInside, used["owner"]);
    EXPECT_EQ("0600", used["mode"]);
    EXPECT_EQ("/tmp", used["mount"]["target"]);
    EXPECT_EQ("tmpfs", used["mount"]["type"]);
    EXPECT_EQ(realm().principal("alice"), used["principal"]);
    EXPECT_EQ("answers", told["kdcs"][0]["state"]);
    EXPECT_EQ(realm().name(), told["kdcs"][0]["realm"]);
    EXPECT_FALSE(told["ticket_there"].get<bool>());
    const auto asked = explain_json(container, 0, {"--ticket"});
    EXPECT_TRUE(asked["ticket_there"].get<bool>());
    EXPECT_GT(asked["ticket_expires"].get<std::int64_t>(), std::time(nullptr));
    const auto refused = explain_json(container, 1, {"--uid", "1"});
    EXPECT_EQ("EACCES", refused["outcome"]["errno"]);
    EXPECT_TRUE(refused["request"]["creduid_inside"].is_null());
    EXPECT_FALSE(refused["advice"].empty());
}

TEST_F(ExplainCommand, WithTicket_TheKdcIsAsked_AndNothingIsStored) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto path = fmt::format("/tmp/krb5cc_{}", uid);
    const auto before = ccache_in(container, path);
    const auto log = questions();
    const auto told = explain(container, {"--ticket"});
    EXPECT_LT(log, questions());
    EXPECT_EQ(before, ccache_in(container, path));
    EXPECT_EQ(0, told.exit_code) << told.output;
    EXPECT_THAT(told.output, AllOf(HasSubstr("a ticket for it is there"), Not(HasSubstr("--ticket"))));
}

TEST_F(ExplainCommand, UnknownService_ShowsWithTicketOnly) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto pid = std::to_string(container.tid());
    const auto quiet = nsupcall_command({"explain", "--pid", pid, "--host", "nowhere.lab.test"});
    EXPECT_EQ(0, quiet.exit_code) << quiet.output;
    const auto told = nsupcall_command({"explain", "--pid", pid, "--host", "nowhere.lab.test", "--ticket"});
    EXPECT_EQ(1, told.exit_code);
    EXPECT_THAT(told.output,
                AllOf(HasSubstr("would fail with EKEYREJECTED"), HasSubstr("KDC refused"),
                      HasSubstr("setspn -L"), HasSubstr("knows no service cifs/nowhere.lab.test")));
}

TEST_F(ExplainCommand, Expired_TellsSinceWhenAndHowToRenew) {
    const auto uid = unused_uid();
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().expired_ticket("alice")), uid)));
    const auto told = expect_foretold(container, uid, "EKEYEXPIRED");
    EXPECT_THAT(told.output, ContainsRegex("expired [0-9]+ s ago"));
    EXPECT_THAT(told.output, HasSubstr("kinit " + realm().principal("alice")));
}

TEST_F(ExplainCommand, NoTicket_NamesEveryPlace) {
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.uid = spec.gid = unused_uid(1);
    spec.files = {krb5_conf_file()};
    const auto container = must(Container::start(spec));
    const auto uid = unused_uid();
    const auto told = expect_foretold(container, uid, "ENOKEY");
    EXPECT_THAT(told.output,
                AllOf(HasSubstr(fmt::format("FILE:/tmp/krb5cc_{}", uid)), HasSubstr("by default keytab"),
                      HasSubstr(fmt::format("does not count: the requester is uid {}", unused_uid(1))),
                      HasSubstr("owns no ticket")));
}

TEST_F(ExplainCommand, UserNamespace_IdsAreShownOnBothSides) {
    constexpr std::uint32_t kBase = 800000, kInside = 1000;
    ContainerSpec spec = spec_with_ticket(must(realm().ticket("alice")), kInside);
    spec.user = UserNamespaceSpec::same({{0, kBase, 65536}});
    const auto container = must(Container::start(spec));
    const auto told = expect_foretold(container, kBase + kInside, "");
    EXPECT_THAT(told.output,
                AllOf(HasSubstr("uid 1000 (801000 here)"), ContainsRegex("user +[0-9]+ +not the host's"),
                      ContainsRegex("net +[0-9]+ +the host's")));
    const auto unmapped = expect_foretold(container, kInside, "EACCES");
    EXPECT_THAT(unmapped.output,
                AllOf(HasSubstr("which has no id inside"), HasSubstr("800000-865535"),
                      HasSubstr("Its own uid 1000 is 801000 here"), HasSubstr("--uid 801000")));
}

TEST_F(ExplainCommand, AllCandidates_HaveAVerdict_ThoseBehindTheUsedOneToo) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
    spec.environment = {"KRB5CCNAME=FILE:/tmp/mine"};
    spec.files.front() = krb5_conf_file("    default_keytab_name = FILE:/tmp/server.keytab\n");
    spec.files.push_back(ccache_file(must(realm().ticket("alice")), "/tmp/mine", uid));
    spec.files.push_back(ccache_file(must(realm().ticket("bob")), fmt::format("/tmp/krb5cc_{}_x", uid), uid));
    spec.files.push_back(
        {.path = fmt::format("/tmp/krb5cc_{}_y", uid), .content = "x", .mode = 0600, .uid = 0});
    spec.files.push_back(
        {.path = "/tmp/server.keytab", .content = must(realm().keytab_of("bob")), .mode = 0644, .uid = 0});
    const auto container = must(Container::start(spec));
    const auto told = expect_foretold(container, uid, "");
    EXPECT_THAT(told.output,
                AllOf(HasSubstr("counts: FILE:/tmp/mine"), ContainsRegex("used +FILE:/tmp/mine"),
                      ContainsRegex(fmt::format("good +FILE:/tmp/krb5cc_{}  by", uid)),
                      ContainsRegex(fmt::format("good +FILE:/tmp/krb5cc_{}_x", uid)),
                      ContainsRegex(fmt::format("unreadable +FILE:/tmp/krb5cc_{}_y", uid)),
                      HasSubstr(realm().principal("bob")), ContainsRegex("FILE:/tmp/server.keytab")));
}

TEST_F(ExplainCommand, Keytab_IsForetoldWithoutAsking) {
    const auto uid = unused_uid();
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.uid = spec.gid = uid;
    spec.environment = {"KRB5_CLIENT_KTNAME=/tmp/alice.keytab"};
    spec.files = {
        krb5_conf_file(),
        {.path = "/tmp/alice.keytab", .content = must(realm().keytab_of("alice")), .mode = 0600, .uid = uid}};
    const auto container = must(Container::start(spec));
    const auto log = questions();
    const auto told = explain(container);
    EXPECT_EQ(log, questions());
    EXPECT_EQ(0, told.exit_code) << told.output;
    EXPECT_THAT(told.output, ContainsRegex("used +FILE:/tmp/alice.keytab  by KRB5_CLIENT_KTNAME"));
    (void)expect_foretold(container, uid, "");
}

TEST_F(ExplainCommand, DeadKdc_IsSeenFromTheRequestersNetwork) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
    spec.net_namespace = true;  // its loopback is not the one that the KDC listens on
    const auto container = must(Container::start(spec));
    const auto told = expect_foretold(container, uid, "EHOSTUNREACH");
    EXPECT_THAT(told.output, AllOf(HasSubstr("refuses connections"), HasSubstr("network = host"),
                                   HasSubstr("KDC unreachable")));
}

TEST_F(ExplainCommand, RealmWithoutKdc_IsTold) {
    const auto uid = unused_uid();
    auto ticket = must(realm().ticket("alice"));
    auto spec = spec_with_ticket(ticket, uid);
    spec.files.front().content =
        "[libdefaults]\n    default_realm = OTHER.TEST\n    dns_lookup_kdc = false\n    dns_lookup_realm = "
        "false\n";
    const auto container = must(Container::start(spec));
    const auto told = expect_foretold(container, uid, "EHOSTUNREACH");
    EXPECT_THAT(told.output,
                AllOf(HasSubstr("names no KDC of the realm"), HasSubstr("its default is OTHER.TEST")));
}

TEST_F(ExplainCommand, Rule_IsNamedWithItsLine) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    must(write_file(config_, fmt::format("[rules]\n    # a comment\n    no-files = {{\n        creduid = {}\n"
                                         "        deny = yes\n    }}\n",
                                         uid)));
    const auto told = expect_foretold(container, uid, "EACCES");
    EXPECT_THAT(told.output,
                AllOf(HasSubstr("no-files (" + config_ + ":3)"), HasSubstr("denied by rule no-files"),
                      HasSubstr("Rule no-files forbids it")));
}

TEST_F(ExplainCommand, ServiceOfTheHost_FallsBackToTheHost) {
    const auto uid = unused_uid();
    ContainerSpec spec;  // its own mounts alone, as with PrivateTmp
    spec.uid = spec.gid = uid;
    spec.files = {krb5_conf_file()};
    const auto container = must(Container::start(spec));
    const auto told = explain(container);
    EXPECT_EQ(1, told.exit_code) << told.output;
    EXPECT_THAT(told.output, AllOf(HasSubstr("a service of the host"), HasSubstr(", requester's"),
                                   HasSubstr(", host's"), HasSubstr("the namespaces of the host")));
}

}  // namespace
}  // namespace nsupcall::test
