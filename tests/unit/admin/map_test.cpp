/// @file
/// What the map makes of mounts, credentials and session records, and how it is printed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../admin/example_map.hpp"
#include "admin/json_text.hpp"
#include "admin/map_output.hpp"
#include "admin/map_text.hpp"

namespace nsupcall::test {
namespace {

using admin::CredentialState;
using admin::MapMount;
using admin::MapPlace;
using admin::NodeMap;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kNow = 1'800'000'000;

/// A line as fs/proc_namespace.c prints it.
std::string line(const std::string& device, const std::string& target, const std::string& type,
                 const std::string& source, const std::string& options) {
    static int id = 100;
    return std::to_string(++id) + " 1 " + device + " / " + target + " rw,relatime shared:1 - " + type + " " +
           source + " rw," + options + "\n";
}

TEST(KerberosMounts, AreTold_OneForEachFileSystem) {
    const auto mounts = admin::kerberos_mounts(
        line("8:1", "/", "ext4", "/dev/sda1", "errors=remount-ro") +
        line("0:50", "/mnt/a\\040b", "cifs", "//fs.lab.test/share",
             "vers=3.1.1,sec=krb5i,cruid=3392013288,cache=strict,username=alice,uid=0,addr=192.0.2.7") +
        line("0:50", "/mnt/again", "cifs", "//fs.lab.test/share",
             "vers=3.1.1,sec=krb5i,cruid=3392013288,addr=192.0.2.7") +
        line("0:51", "/ntlm", "cifs", "//fs.lab.test/other",
             "vers=3.1.1,sec=ntlmssp,username=bob,addr=192.0.2.7") +
        line("0:52", "/multi", "smb3", "//FS2/x", "vers=3.1.1,sec=krb5,cruid=0,multiuser,addr=2001:db8::1"));
    ASSERT_TRUE(mounts.has_value());
    ASSERT_EQ(2U, mounts->size());
    const auto& first = (*mounts)[0];
    EXPECT_EQ("fs.lab.test", first.server);
    EXPECT_EQ("//fs.lab.test/share", first.source);
    EXPECT_EQ(3392013288U, first.cruid);
    EXPECT_EQ("alice", first.username);
    EXPECT_EQ("192.0.2.7", first.address);
    EXPECT_THAT(first.targets, ElementsAre("/mnt/a b", "/mnt/again"));
    EXPECT_FALSE(first.multiuser);
    EXPECT_TRUE((*mounts)[1].multiuser);
    EXPECT_EQ("FS2", (*mounts)[1].server);
    EXPECT_FALSE(admin::kerberos_mounts("nonsense\n").has_value());
}

TEST(KerberosMounts, ManyTargets_AreCounted) {
    std::string text;
    for (int at = 0; at < 9; ++at)
        text += line("0:50", "/mnt/" + std::to_string(at), "cifs", "//fs/share", "sec=krb5,cruid=1");
    const auto mounts = admin::kerberos_mounts(text);
    ASSERT_TRUE(mounts.has_value());
    ASSERT_EQ(1U, mounts->size());
    EXPECT_EQ(MapMount::kTargetsMost, mounts->front().targets.size());
    EXPECT_EQ(9 - MapMount::kTargetsMost, mounts->front().more_targets);
    EXPECT_THAT(admin::mount_words(mounts->front()), HasSubstr("and 5 more"));
}

const MapMount& only_mount(const NodeMap& map, std::size_t place, std::size_t user = 0) {
    return map.places.at(place).users.at(user).mounts.at(0);
}

/// A host and a container; the container's user 1000 has a mount of device 9.
NodeMap small_map() {
    NodeMap map;
    map.taken_at = kNow;
    MapPlace host;
    host.is_host = true;
    host.mount.inode = host.user.inode = 1;
    host.users.push_back(made_user(1000, "", 0));
    map.places.push_back(host);
    auto place = made_place(2, "web-0", "app");
    place.users.push_back(made_user(1000, "java", 1));
    place.users.back().mounts.push_back(made_mount("//fs.lab.test/share", "/data", 9, 1000));
    map.places.push_back(place);
    return map;
}

StoredSession record_in(const MapPlace& place, std::string principal, std::string ccache) {
    SessionRecord record;
    record.key.host = "FS.lab.test";
    record.key.creduid = 1000;
    record.of_host = place.is_host;
    record.place.view.ids[static_cast<std::size_t>(nsutil::NamespaceKind::mount)] = place.mount;
    record.place.view.ids[static_cast<std::size_t>(nsutil::NamespaceKind::user)] = place.user;
    record.principal = std::move(principal);
    record.ccache = std::move(ccache);
    return {record, "file"};
}

TEST(SettleMounts, OwnCredential_ComesBeforeTheHosts) {
    auto map = small_map();
    map.places[0].users[0].credentials.push_back(
        made_credential("FILE:/h", "host@R", Verdict::good, kNow + 1));
    map.places[1].users[0].credentials.push_back(
        made_credential("FILE:/c", "own@R", Verdict::good, kNow + 2));
    settle_mounts(map, {});
    EXPECT_EQ(CredentialState::valid, only_mount(map, 1).state);
    EXPECT_EQ("own@R", only_mount(map, 1).principal);
    EXPECT_EQ(kNow + 2, only_mount(map, 1).expires);
    EXPECT_EQ("", only_mount(map, 1).elsewhere);
}

TEST(SettleMounts, TheHostsCredential_ServesWhereTheDriverMounted) {
    auto map = small_map();
    map.places[0].users[0].credentials.push_back(
        made_credential("FILE:/var/lib/kubelet/kerberos/x", "app@R", Verdict::good, kNow + 1));
    map.places[1].users[0].credentials.push_back(
        made_credential("FILE:/c", "old@R", Verdict::expired, kNow - 2));
    settle_mounts(map, {});
    EXPECT_EQ(CredentialState::valid, only_mount(map, 1).state);
    EXPECT_EQ("app@R", only_mount(map, 1).principal);
    EXPECT_EQ("host", only_mount(map, 1).elsewhere);
    EXPECT_EQ(-1, admin::credential_of(map.places[1].users[0], only_mount(map, 1)));
}

TEST(SettleMounts, Username_ChoosesThePrincipal) {
    auto map = small_map();
    auto& user = map.places[1].users[0];
    user.credentials.push_back(made_credential("FILE:/a", "alice@R", Verdict::good, kNow + 1));
    user.credentials.push_back(made_credential("FILE:/b", "bob@R", Verdict::good, kNow + 2));
    user.mounts[0].username = "LAB\\Bob";
    settle_mounts(map, {});
    EXPECT_EQ("bob@R", only_mount(map, 1).principal);
    EXPECT_EQ(1, admin::credential_of(user, only_mount(map, 1)));
}

TEST(SettleMounts, ExpiredMissingAndUnknown_AreToldApart) {
    auto map = small_map();
    settle_mounts(map, {});
    EXPECT_EQ(CredentialState::missing, only_mount(map, 1).state);

    map = small_map();
    map.places[1].users[0].looked = false;
    map.places[1].users[0].problem = "not permitted";
    settle_mounts(map, {});
    EXPECT_EQ(CredentialState::unknown, only_mount(map, 1).state);
    EXPECT_EQ("not permitted", only_mount(map, 1).why);

    map = small_map();
    map.places[1].users[0].credentials.push_back(
        made_credential("FILE:/c", "old@R", Verdict::expired, kNow - 2));
    settle_mounts(map, {});
    EXPECT_EQ(CredentialState::expired, only_mount(map, 1).state);
    EXPECT_EQ(1U, map.mounts_in(CredentialState::expired));
    EXPECT_THAT(admin::summary_words(map), HasSubstr("1 cifs mount with Kerberos: 1 expired"));
}

TEST(SettleMounts, SessionRecord_SaysWhoItIs) {
    auto map = small_map();
    auto& user = map.places[1].users[0];
    user.credentials.push_back(made_credential("FILE:/a", "alice@R", Verdict::good, kNow + 9));
    user.credentials.push_back(made_credential("FILE:/b", "bob@R", Verdict::expired, kNow - 9));
    settle_mounts(map, {record_in(map.places[1], "bob@R", "FILE:/b")});
    EXPECT_EQ("bob@R", only_mount(map, 1).principal);
    EXPECT_EQ(CredentialState::expired, only_mount(map, 1).state);

    map = small_map();
    settle_mounts(map, {record_in(map.places[1], "bob@R", "FILE:/b")});
    EXPECT_EQ(CredentialState::missing, only_mount(map, 1).state);
    EXPECT_EQ("the ccache that served is gone", only_mount(map, 1).why);

    map = small_map();
    settle_mounts(map, {record_in(map.places[1], "bob@R", "")});
    EXPECT_EQ(CredentialState::valid, only_mount(map, 1).state);
    EXPECT_EQ("from a keytab", only_mount(map, 1).why);

    map = small_map();
    settle_mounts(map, {record_in(made_place(77, "", ""), "bob@R", "FILE:/b")});
    EXPECT_EQ(CredentialState::missing, only_mount(map, 1).state);
    EXPECT_THAT(only_mount(map, 1).why, HasSubstr("gone"));

    map = small_map();
    map.places[0].users[0].credentials.push_back(
        made_credential("FILE:/h", "bob@R", Verdict::good, kNow + 5));
    settle_mounts(map, {record_in(map.places[0], "bob@R", "FILE:/h")});
    EXPECT_EQ("host", only_mount(map, 1).elsewhere);
    EXPECT_EQ(kNow + 5, only_mount(map, 1).expires);
}

TEST(SettleMounts, MultiuserMount_IsSharedByAllWithCredentials) {
    auto map = small_map();
    auto& place = map.places[1];
    place.users[0].processes = 0;
    place.users[0].mounts[0].multiuser = true;
    place.users.push_back(made_user(2000, "a", 1));
    place.users.back().credentials.push_back(made_credential("FILE:/a", "alice@R", Verdict::good, kNow + 9));
    place.users.push_back(made_user(3000, "b", 1));
    settle_mounts(map, {});
    ASSERT_EQ(2U, place.users.size());  // the mounter does not live there
    EXPECT_EQ("alice@R", only_mount(map, 1, 0).principal);
    EXPECT_TRUE(place.users[1].mounts.empty());
}

/// Whether a text could steer whatever shows it.
void expect_harmless(const std::string& text) {
    for (const char* raw : {"\033", "\007", "\xe2\x80\xae", "\xff"}) EXPECT_THAT(text, Not(HasSubstr(raw)));
}

TEST(MapOutput, HostileNames_AreEscapedEverywhere) {
    const auto map = hostile_map(kNow);
    const admin::MapView view = {.everything = true};
    const auto tree = admin::map_tree(map, view, admin::Painter(false));
    ASSERT_TRUE(tree.has_value());
    expect_harmless(*tree);
    EXPECT_THAT(*tree, HasSubstr("\\x1b]0;x\\x07<b"));

    const auto json = admin::print_json(admin::map_document(map));
    expect_harmless(json);
    EXPECT_FALSE(nlohmann::json::parse(json)["places"][0]["users"][0]["comm"].get<std::string>().empty());

    const auto dot = admin::map_dot(map, view);
    expect_harmless(dot);
    EXPECT_THAT(dot, HasSubstr("\\\\x1b]0;x"));
    EXPECT_THAT(dot, HasSubstr("\\\\x22"));

    const auto page = admin::map_page(map, view, {});
    expect_harmless(page);
    EXPECT_THAT(page, Not(HasSubstr("<b onload")));
    EXPECT_THAT(page, Not(HasSubstr("='x'")));
    EXPECT_THAT(page, HasSubstr("\\x1b]0;x\\x07&lt;b onload=&#39;x&#39;&gt;\\x22&amp;\\x5cn"));
    EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(MapOutput, Tree_ShowsWhatRestsOnWhat) {
    const auto map = example_map(kNow);
    const auto plain = admin::map_tree(map, {}, admin::Painter(false));
    ASSERT_TRUE(plain.has_value());
    EXPECT_THAT(*plain, Not(HasSubstr("\033")));
    const auto web = plain->find("shop/web-0/app"), cache = plain->find("web@LAB.TEST"),
               share = plain->find("/orders on /data");
    EXPECT_LT(web, cache);
    EXPECT_LT(cache, share);
    EXPECT_LT(share, plain->size());
    EXPECT_THAT(*plain, HasSubstr("expired 3 h ago"));
    EXPECT_THAT(*plain, HasSubstr("no credential found"));
    EXPECT_THAT(*plain, HasSubstr("uid 3392013288 (1000 inside)"));
    EXPECT_THAT(*plain, Not(HasSubstr("proxy-x2")));
    EXPECT_THAT(*plain, HasSubstr("6 cifs mounts with Kerberos: 4 valid, 1 expired, 1 missing"));
    EXPECT_THAT(admin::map_tree(map, {.everything = true}, admin::Painter(false)).value(),
                HasSubstr("proxy-x2"));
    const auto coloured = admin::map_tree(map, {}, admin::Painter(true));
    EXPECT_THAT(coloured.value(), HasSubstr("\033[31m"));
    EXPECT_THAT(coloured.value(), HasSubstr("\033[32m"));
}

TEST(MapOutput, Bar_IsAsFullAsTimeIsLeft) {
    EXPECT_DOUBLE_EQ(1, admin::bar_fill(kNow + 99 * 3600, kNow));
    EXPECT_DOUBLE_EQ(0.5, admin::bar_fill(kNow + 5 * 3600, kNow));
    EXPECT_DOUBLE_EQ(0, admin::bar_fill(kNow - 1, kNow));
    EXPECT_EQ(admin::Tone::warning, admin::tone_of(CredentialState::valid, kNow + 60, kNow));
    EXPECT_EQ(admin::Tone::good, admin::tone_of(CredentialState::valid, 0, kNow));
}

}  // namespace
}  // namespace nsupcall::test
