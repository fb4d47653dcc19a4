/// @file
/// The administrator's command, asked about podman's containers by what people call them.

#include <nlohmann/json.hpp>

#include "container/podman_fixture.hpp"

namespace nsupcall::test {
namespace {

using nlohmann::json;

/// Runs the command where the storage of this podman is the machine's, as it is for an administrator.
Finished run_command(const Podman& podman, std::vector<std::string> arguments) {
    Command command;
    command.argv = {"unshare",
                    "--mount",
                    "--propagation=private",
                    "sh",
                    "-c",
                    "mount -t tmpfs -o mode=755 none /var/lib && mkdir -p /var/lib/containers/storage && "
                    "mount --bind \"$0\" /var/lib/containers/storage && exec \"$@\"",
                    podman.folder() + "/root",
                    NSUPCALL_COMMAND_PATH};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    return must(run_program(command));
}

json command_json(const Podman& podman, std::vector<std::string> arguments) {
    const auto finished = run_command(podman, std::move(arguments));
    EXPECT_EQ(0, finished.exit_code) << finished.output;
    const auto document = json::parse(finished.output, nullptr, false);
    EXPECT_TRUE(document.is_object()) << finished.output;
    return document;
}

class PodmanCommand : public PodmanRun {};

TEST_P(PodmanCommand, Explain_ByNameAndById_FindsTheContainersTicket) {
    start("one");
    must(podman().put("one", "/tmp/krb5cc_" + inside_uid("one"), ticket("alice").ccache));
    const auto id = must(podman().id_of("one"));
    // Names of rootless containers are in their owner's home, which is not read.
    std::vector<std::string> words = {id, id.substr(0, 12)};
    if (GetParam().has_cgroup) words.emplace_back("one");
    for (const auto& word : words) {
        SCOPED_TRACE(word);
        const auto told =
            command_json(podman(), {"explain", "--container", word, "--host", host(), "--json"});
        EXPECT_EQ("succeeds", told["outcome"]["prospect"]) << told.dump(1);
        EXPECT_EQ(realm().principal("alice"), told["client"]);
        EXPECT_EQ(id, told["requester"]["container"]["id"]);
        if (GetParam().has_cgroup) {
            EXPECT_EQ("one", told["requester"]["container"]["name"]);
        }
    }
    const auto text = run_command(podman(), {"explain", "--container", id.substr(0, 12), "--host", host()});
    EXPECT_NE(std::string::npos, text.output.find(GetParam().has_cgroup ? "one" : id.substr(0, 12)))
        << text.output;
}

TEST_P(PodmanCommand, Explain_AfterTheTicketIsGone_SaysWhatToDo) {
    start("one");
    const auto finished =
        run_command(podman(), {"explain", "--container", must(podman().id_of("one")), "--host", host()});
    EXPECT_EQ(1, finished.exit_code);
    EXPECT_NE(std::string::npos, finished.output.find("would fail with ENOKEY")) << finished.output;
    EXPECT_NE(std::string::npos, finished.output.find("what to do")) << finished.output;
}

TEST_P(PodmanCommand, Map_NamesTheContainer_WithItsUserAndTicket) {
    start("one");
    must(podman().put("one", "/tmp/krb5cc_" + inside_uid("one"), ticket("alice").ccache));
    const auto id = must(podman().id_of("one"));
    const auto map = command_json(podman(), {"map", "--json", "--session-dir=/nonexistent"});
    std::size_t found = 0;
    for (const auto& place : map["places"]) {
        if (place["container"].is_null() || place["container"]["id"] != id) continue;
        ++found;
        EXPECT_EQ("container", place["kind"]);
        EXPECT_EQ(GetParam().has_cgroup ? "one" : id.substr(0, 12), place["title"]);
        ASSERT_EQ(1U, place["users"].size()) << place.dump(1);
        EXPECT_EQ(inside_uid("one"), std::to_string(place["users"][0]["inside_uid"].get<unsigned>()));
        ASSERT_EQ(1U, place["users"][0]["credentials"].size()) << place.dump(1);
        EXPECT_EQ(realm().principal("alice"), place["users"][0]["credentials"][0]["principal"]);
        EXPECT_EQ("valid", place["users"][0]["credentials"][0]["state"]);
    }
    EXPECT_EQ(1U, found) << map.dump(1);
}

TEST_P(PodmanCommand, Inspect_DrawsTheIdMapAndNamesTheContainer) {
    start("one");
    const auto told =
        command_json(podman(), {"inspect", "--json", std::to_string(must(podman().process_of("one")))});
    const auto& process = told["processes"][0];
    EXPECT_EQ(must(podman().id_of("one")), process["requester"]["container"]["id"]);
    const auto map =
        must(read_file("/proc/" + std::to_string(must(podman().process_of("one"))) + "/uid_map"));
    std::size_t lines = 0;
    for (const char c : map) lines += c == '\n' ? 1 : 0;
    EXPECT_EQ(lines, process["requester"]["uid_map"].size());
}

INSTANTIATE_TEST_SUITE_P(Kinds, PodmanCommand, podman_kinds(), name_of_kind);

TEST_F(PodmanPlayKube, Explain_ByTheContainersName_FindsTheVolume) {
    const auto folder = fs::path(podman().folder()) / "tickets";
    fs::create_directories(folder);
    must(write_file(folder / "ccache", ticket("alice").ccache, 0600));
    play(fmt::format("hostPath: {{path: {}, type: Directory}}", folder.string()));
    const auto told =
        command_json(podman(), {"explain", "--container", "pod-app", "--host", host(), "--json"});
    EXPECT_EQ("succeeds", told["outcome"]["prospect"]) << told.dump(1);
    EXPECT_EQ("pod-app", told["requester"]["container"]["name"]);
    bool volume_told = false;
    for (const auto& candidate : told["candidates"])
        volume_told = volume_told || (candidate["verdict"] == "used" && candidate["mount"].is_object() &&
                                      candidate["mount"]["target"] == "/secrets");
    EXPECT_TRUE(volume_told) << told["candidates"].dump(1);
}

}  // namespace
}  // namespace nsupcall::test
