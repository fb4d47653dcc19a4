/// @file
/// nsupcall map over containers of bare namespaces. This kernel may lack cifs.ko: their mount tables get cifs
/// mounts by a file over /proc/<pid>/mountinfo, in a mount namespace of the command's own. Real mounts are
/// seen in tests/vm.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <thread>

#include "example_map.hpp"
#include "made_ccache.hpp"
#include "support/container.hpp"
#include "support/nsupcall_command.hpp"

namespace nsupcall::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class MapCommand : public testing::Test {
  protected:
    void SetUp() override { folder_.emplace(must(TempDir::create())); }

    /// A container with pid and user namespaces, whose user 1000 is `host_uid` outside.
    [[nodiscard]] static Container container(std::uint32_t host_uid, std::vector<ContainerFile> files,
                                             std::vector<std::string> environment = {}) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same({{0, host_uid - 1000, 65536}});
        spec.uid = spec.gid = 1000;
        spec.files = std::move(files);
        spec.environment = std::move(environment);
        return must(Container::start(spec));
    }

    [[nodiscard]] static ContainerFile ccache(const std::string& user, std::int64_t seconds,
                                              std::string path = "/tmp/krb5cc_1000") {
        return {std::move(path), made_ccache(user, seconds), 0600, 1000, 1000};
    }

    /// Adds a cifs mount to what the command will see of a container.
    void add_mount(const Container& container, const std::string& source, const std::string& target,
                   const std::string& options) {
        const auto file = folder_->path() / std::to_string(container.pid());
        if (!std::filesystem::exists(file))
            files_ += fmt::format("mount --bind {0} /proc/{1}/mountinfo || exit 99\n", file.string(),
                                  container.pid());
        static int device = 900;
        const auto text = read_file(file).value_or("1 0 8:1 / / rw - ext4 /dev/root rw\n");
        must(write_file(
            file, text + fmt::format("{0} 1 0:{0} / {1} rw,relatime - cifs {2} rw,vers=3.1.1,{3}\n", ++device,
                                     target, source, options)));
    }

    /// `nsupcall map ARGUMENTS...` with those mounts.
    [[nodiscard]] Finished map(const std::string& arguments,
                               std::vector<std::string> environment = {}) const {
        const auto script = files_ + fmt::format("exec {} map --session-dir={}/none {}",
                                                 NSUPCALL_COMMAND_PATH, folder_->path().string(), arguments);
        return must(run_program(
            {.argv = {"unshare", "--mount", "sh", "-c", script}, .environment = std::move(environment)}));
    }

    /// The place of a container in a map's document.
    [[nodiscard]] static nlohmann::json place_of(const nlohmann::json& document, const Container& container) {
        struct stat info = {};
        EXPECT_EQ(0, ::stat(fmt::format("/proc/{}/ns/mnt", container.pid()).c_str(), &info));
        for (const auto& place : document["places"])
            if (place["namespaces"]["mnt"] == info.st_ino) return place;
        ADD_FAILURE() << "no such place: " << document.dump(2);
        return {};
    }

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_->path(); }

  private:
    std::optional<TempDir> folder_;
    std::string files_;
};

TEST_F(MapCommand, CredentialsAndTheMountsOnThem_AreTold) {
    const auto good = container(701000, {ccache("alice", 7200)});
    const auto late = container(801000, {ccache("bob", -7200)});
    const auto none = container(901000, {});
    add_mount(good, "//fs.lab.test/share", "/mnt/data", "sec=krb5,cruid=701000");
    add_mount(late, "//fs.lab.test/share", "/mnt/data", "sec=krb5,cruid=801000");
    add_mount(none, "//fs.lab.test/share", "/mnt/data", "sec=krb5,cruid=901000");
    const auto finished = map("--json");
    EXPECT_EQ(1, finished.exit_code);
    const auto document = checked_json(finished.output, "map.schema.json");
    const auto user = place_of(document, good)["users"][0];
    EXPECT_EQ(701000, user["uid"]);
    EXPECT_EQ(1000, user["inside_uid"]);
    EXPECT_EQ("FILE:/tmp/krb5cc_1000", user["credentials"][0]["name"]);
    EXPECT_EQ("alice@LAB.TEST", user["credentials"][0]["principal"]);
    EXPECT_NEAR(7200, user["credentials"][0]["expires"].get<double>() - document["time"].get<double>(), 30);
    EXPECT_EQ("valid", user["mounts"][0]["credential"]["state"]);
    EXPECT_EQ("alice@LAB.TEST", user["mounts"][0]["credential"]["principal"]);
    EXPECT_EQ("/mnt/data", user["mounts"][0]["targets"][0]);
    EXPECT_EQ("expired", place_of(document, late)["users"][0]["mounts"][0]["credential"]["state"]);
    EXPECT_EQ("missing", place_of(document, none)["users"][0]["mounts"][0]["credential"]["state"]);
    EXPECT_EQ(nlohmann::json({{"valid", 1}, {"expired", 1}, {"missing", 1}, {"unknown", 0}}),
              document["mounts"]);

    const auto tree = map("");
    EXPECT_EQ(1, tree.exit_code);
    for (const char* text : {"uid 701000 (1000 inside)", "alice@LAB.TEST", "//fs.lab.test/share on /mnt/data",
                             "expired 2 h ago", "no credential found", "1 valid, 1 expired, 1 missing"})
        EXPECT_THAT(tree.output, HasSubstr(text));
    EXPECT_THAT(tree.output, Not(HasSubstr("\033")));
}

TEST_F(MapCommand, Environment_NamesTheCcache) {
    const auto one = container(701000, {ccache("carol", 3600, "/tmp/mine"), ccache("alice", 7200)},
                               {"KRB5CCNAME=FILE:/tmp/mine"});
    const auto document = checked_json(map("--json").output, "map.schema.json");
    const auto credentials = place_of(document, one)["users"][0]["credentials"];
    ASSERT_EQ(2U, credentials.size());
    EXPECT_EQ("KRB5CCNAME", credentials[0]["source"]);
    EXPECT_EQ("carol@LAB.TEST", credentials[0]["principal"]);
    EXPECT_EQ("alice@LAB.TEST", credentials[1]["principal"]);
}

TEST_F(MapCommand, HostileContainers_SteerNothing) {
    const std::string evil = "\033]0;x\007<b>\"&\xe2\x80\xae\xff";
    const auto path = "/tmp/" + evil;
    const auto one = container(701000, {ccache(evil, 7200, path)}, {"KRB5CCNAME=FILE:" + path});
    add_mount(one, "//" + evil + "/share", "/mnt/" + evil, "sec=krb5,cruid=701000,username=" + evil);
    // A process of the host's with such a name.
    const auto program = folder() / "\033]0;x\007<b>";
    std::filesystem::copy_file("/bin/sleep", program);
    const auto named = must(Daemon::start(
        {.argv = {"setpriv", "--reuid=61987", "--regid=61987", "--clear-groups", program.string(), "100"}}));
    for (int tries = 0;
         tries < 100 &&
         !read_file(fmt::format("/proc/{}/comm", named.pid())).value_or("").starts_with('\033');
         ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));

    const auto page = folder() / "page.html";
    EXPECT_EQ(0, map("--all --html=" + page.string()).exit_code);
    const auto dot = map("--all --dot");
    const auto html = must(read_file(page));
    for (const auto& text : {map("--all").output, dot.output, html, map("--json").output}) {
        EXPECT_THAT(text, HasSubstr("share"));
        for (const char* raw : {"\033", "\007", "\xe2\x80\xae", "\xff"})
            EXPECT_THAT(text, Not(HasSubstr(raw)));
    }
    EXPECT_THAT(html, Not(HasSubstr("<b>")));
    EXPECT_THAT(html, HasSubstr("\\x1b]0;x\\x07&lt;b&gt;"));
    EXPECT_THAT(map("--all").output, HasSubstr("uid 61987, \\x1b]0;x\\x07<b>"));
    const auto document = checked_json(map("--json").output, "map.schema.json");
    EXPECT_EQ("valid", place_of(document, one)["users"][0]["mounts"][0]["credential"]["state"]);

    must(write_file(folder() / "graph", dot.output));
    const auto drawn = must(run_program({.argv = {"dot", "-Tplain", (folder() / "graph").string()}}));
    EXPECT_EQ(0, drawn.exit_code) << drawn.output;
    EXPECT_THAT(drawn.output, HasSubstr("x07<b>"));
}

TEST_F(MapCommand, ContainerThatHangs_CostsItsOwnPartOnly) {
    // What libkrb5 would read is a FIFO, a folder, and a file that belongs to somebody else.
    const auto good = container(701000, {ccache("alice", 7200)});
    const auto odd = container(801000, {{"/tmp/krb5cc_1000/folder", "", 0644, 1000, 1000}},
                               {"KRB5CCNAME=FILE:/dev/stdin"});
    const auto foreign = container(901000, {{"/tmp/krb5cc_1000", "x", 0644, 7, 7}});
    const auto document = checked_json(map("--json").output, "map.schema.json");
    EXPECT_EQ("good", place_of(document, good)["users"][0]["credentials"][0]["verdict"]);
    EXPECT_EQ("malformed", place_of(document, odd)["users"][0]["credentials"][0]["verdict"]);
    EXPECT_EQ("not owned by the user", place_of(document, foreign)["users"][0]["credentials"][0]["verdict"]);
}

TEST_F(MapCommand, WithoutTime_ItSaysWhomItLeftOut) {
    const auto one = container(701000, {ccache("alice", 7200)});
    add_mount(one, "//fs.lab.test/share", "/mnt", "sec=krb5,cruid=701000");
    const auto document = checked_json(map("--json --within=0").output, "map.schema.json");
    EXPECT_GT(document["not_seen"]["users"], 1);
    const auto user = place_of(document, one)["users"][0];
    EXPECT_EQ(false, user["looked"]);
    EXPECT_EQ("unknown", user["mounts"][0]["credential"]["state"]);
    EXPECT_THAT(map("--within=0").output, HasSubstr("left out"));
}

TEST_F(MapCommand, Colours_AreForTerminals) {
    const auto one = container(701000, {ccache("bob", -7200)});
    const auto command = fmt::format("script -qec '{} map' /dev/null", NSUPCALL_COMMAND_PATH);
    const auto on_terminal = [&](std::vector<std::string> environment) {
        return must(run_program({.argv = {"sh", "-c", command}, .environment = std::move(environment)}))
            .output;
    };
    EXPECT_THAT(on_terminal({"TERM=xterm"}), HasSubstr("\033[31m"));
    EXPECT_THAT(on_terminal({"TERM=xterm", "LC_ALL=C.UTF-8"}), HasSubstr("\u2514"));
    EXPECT_THAT(on_terminal({"TERM=xterm", "NO_COLOR=1"}), Not(HasSubstr("\033[")));
    EXPECT_THAT(on_terminal({"TERM=dumb"}), Not(HasSubstr("\033[")));
}

TEST_F(MapCommand, Unprivileged_SaysWhatItCouldNotSee) {
    const auto one = container(701000, {ccache("alice", 7200)});
    const auto finished =
        must(run_program({.argv = {"setpriv", "--reuid=61987", "--regid=61987", "--clear-groups",
                                   NSUPCALL_COMMAND_PATH, "map", "--all"}}));
    EXPECT_EQ(0, finished.exit_code);
    EXPECT_THAT(finished.output, HasSubstr("may not be looked at"));
    EXPECT_THAT(finished.output, Not(HasSubstr("alice")));
}

TEST_F(MapCommand, HiddenProcesses_AreSaidToBe) {
    const auto hidden = [](const std::string& arguments) {
        return must(
            run_program({.argv = {"unshare", "--mount", "sh", "-c",
                                  "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid=61987 "
                                  "--regid=61987 --clear-groups " NSUPCALL_COMMAND_PATH " " +
                                      arguments}}));
    };
    EXPECT_THAT(hidden("map").output, HasSubstr("processes of other users are hidden"));
    const auto document = checked_json(hidden("map --json").output, "map.schema.json");
    EXPECT_EQ(true, document["not_seen"]["others_hidden"]);
    EXPECT_THAT(hidden("explain --container 0123456789ab --host fs.lab.test").output,
                HasSubstr("processes of other users are hidden"));
    EXPECT_EQ(false, checked_json(map("--json").output, "map.schema.json")["not_seen"]["others_hidden"]);
}

// So many that several processes share them out.
TEST_F(MapCommand, ManyContainers_AreAllLookedAt) {
    constexpr std::uint32_t kCount = 40, kFirst = 2'000'000, kStep = 70'000;
    std::vector<Container> containers;
    for (std::uint32_t i = 0; i < kCount; ++i)
        containers.push_back(container(kFirst + i * kStep, {ccache("user" + std::to_string(i), 7200)}));
    const auto document = checked_json(map("--json --within=60000").output, "map.schema.json");
    for (std::uint32_t i = 0; i < kCount; ++i) {
        const auto user = place_of(document, containers[i])["users"][0];
        EXPECT_EQ(kFirst + i * kStep, user["uid"]);
        EXPECT_EQ(1000, user["inside_uid"]);
        EXPECT_EQ(true, user["looked"]);
        ASSERT_EQ(1U, user["credentials"].size()) << user.dump(1);
        EXPECT_EQ("user" + std::to_string(i) + "@LAB.TEST", user["credentials"][0]["principal"]);
    }
    // Nobody is left behind.
    EXPECT_EQ(document["processes"],
              checked_json(map("--json --within=0").output, "map.schema.json")["processes"]);
}

TEST_F(MapCommand, Watch_LooksAgain) {
    const auto out = folder() / "watched";
    auto watcher =
        must(Daemon::start({.argv = {NSUPCALL_COMMAND_PATH, "map", "--json", "--watch", "--interval=1"},
                            .log_file = out.string()}));
    const auto lines = [&] { return std::ranges::count(read_file(out).value_or(""), '\n'); };
    const auto one = container(701000, {ccache("alice", 7200)});
    for (int tries = 0; tries < 400 && lines() < 3; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_GE(lines(), 3);
    watcher.stop();
    const auto text = must(read_file(out));
    const auto last = text.substr(text.rfind('\n', text.size() - 2) + 1);
    EXPECT_EQ("alice@LAB.TEST", place_of(checked_json(last, "map.schema.json"),
                                         one)["users"][0]["credentials"][0]["principal"]);
}

TEST_F(MapCommand, Page_IsWhole_AndItsOwners) {
    const auto page = folder() / "page.html";
    must(write_file(page, "older", 0644));
    EXPECT_EQ(0, map("--html=" + page.string()).exit_code);
    struct stat info = {};
    ASSERT_EQ(0, ::stat(page.c_str(), &info));
    EXPECT_EQ(0600U, info.st_mode & 07777U);
    EXPECT_THAT(must(read_file(page)), testing::EndsWith("</html>\n"));
    EXPECT_EQ(2, map("--html=/proc/no/such").exit_code);
    EXPECT_EQ(64, map("--json --dot").exit_code);
}

}  // namespace
}  // namespace nsupcall::test
