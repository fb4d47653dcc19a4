/// @file
/// cifs.idmap through the running kernel: every source but the daemons, and what a container may claim.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "jobs/job_test.hpp"

namespace nsupcall::test {
namespace {

/// The payload of an id.
std::string id_payload(std::uint32_t id) {
    std::string payload(sizeof id, '\0');
    std::memcpy(payload.data(), &id, sizeof id);
    return payload;
}

class Idmap : public JobTest {
  protected:
    void SetUp() override {
        JobTest::SetUp();
        // A domain of this test's own makes descriptions that no other run asks for.
        static std::uint32_t number = 0;
        domain_ = fmt::format("S-1-5-21-{}-{}-7", ::getpid(), ++number);
    }

    [[nodiscard]] std::string sid(std::uint32_t rid) const { return fmt::format("{}-{}", domain_, rid); }

    /// The rule for SIDs of this test's domain.
    void serve_domain(const std::vector<std::string>& options) {
        for (const char* form : {"os:", "gs:"}) serve(form + domain_ + "-*", options);
    }
    void serve(const std::string& pattern, std::vector<std::string> options) {
        options.insert(options.begin(), "--test-type=cifs.idmap");
        add_rule("user", pattern, NSUPCALL_IDMAP_HELPER_PATH, options);
    }

    [[nodiscard]] JobAnswer map(const std::string& description) {
        return ask({.type = "user", .description = description});
    }
    [[nodiscard]] JobAnswer map_in(const Container& container, const std::string& description) {
        return ask_in(container, {.type = "user", .description = description});
    }

    /// The host's map file, on the command line as an option.
    std::string map_file(const std::string& content, mode_t mode = 0644, uid_t owner = 0) {
        const auto path = folder_.path() / "idmap";
        must(write_file(path, content, mode, owner));
        return "--map-file=" + path.string();
    }

    static ContainerSpec container_with_map(const std::string& content, std::uint32_t host_first,
                                            std::uint32_t count) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same({{0, host_first, count}});
        spec.files = {{.path = "/tmp/own.idmap", .content = content}};
        return spec;
    }
    static std::vector<std::string> own_map_options() {
        return {"--sources=container-map,map", "--container-map-file=/tmp/own.idmap",
                "--map-file=/nonexistent/idmap"};
    }

  private:
    std::string domain_;
    TempDir folder_ = must(TempDir::create());
};

TEST_F(Idmap, MapFile_BothDirectionsAndRanges) {
    const auto file = map_file("# users\nuser " + sid(1103) + " 7001\ngroup " + sid(513) +
                               " 7513  # domain users\n" + "both " + sid(2000) + "..2999 300000\n");
    serve_domain({file});
    const auto owner = map("os:" + sid(1103));
    EXPECT_EQ(id_payload(7001), owner.payload);
    EXPECT_TRUE(owner.timeout == "10m" || owner.timeout == "9m") << owner.timeout;
    EXPECT_EQ(id_payload(7513), map("gs:" + sid(513)).payload);
    EXPECT_EQ("ENOKEY", map("gs:" + sid(1103)).text()) << "a line for users is none for groups";
    EXPECT_EQ(id_payload(300000), map("os:" + sid(2000)).payload);
    EXPECT_EQ(id_payload(300999), map("gs:" + sid(2999)).payload);
    EXPECT_EQ("ENOKEY", map("os:" + sid(3000)).text());

    const auto id = 1'900'000'000U + static_cast<std::uint32_t>(::getpid());
    serve(fmt::format("oi:{}", id),
          {map_file("both " + sid(5000) + "..5009 " + std::to_string(id - 3) + "\n")});
    // S-1-5-21-<pid>-<n>-7-5003: revision, six sub-authorities, authority 5, little-endian numbers.
    const auto payload = map(fmt::format("oi:{}", id)).payload;
    ASSERT_EQ(8U + 5 * 4, payload.size());
    EXPECT_EQ(std::string("\1\5\0\0\0\0\0\5", 8), payload.substr(0, 8));
    EXPECT_EQ(id_payload(21), payload.substr(8, 4));
    EXPECT_EQ(id_payload(static_cast<std::uint32_t>(::getpid())), payload.substr(12, 4));
    EXPECT_EQ(id_payload(7), payload.substr(20, 4));
    EXPECT_EQ(id_payload(5003), payload.substr(24, 4));
}

TEST_F(Idmap, Timeout_IsTheLifeOfTheKey) {
    serve_domain({map_file("user " + sid(1) + " 7001\n"), "-t", "40"});
    const auto answer = map("os:" + sid(1));
    EXPECT_EQ(id_payload(7001), answer.payload);
    EXPECT_TRUE(answer.timeout == "40s" || answer.timeout == "39s") << answer.timeout;
}

TEST_F(Idmap, BrokenMapFile_IsRefusedNotPassedOver) {
    serve_domain({map_file("user " + sid(1) + " 7001\nuser nonsense 1\n")});
    EXPECT_EQ("EINVAL", map("os:" + sid(1)).text());
}

TEST_F(Idmap, MapFileThatOthersCanWrite_IsRefused) {
    serve_domain({map_file("user " + sid(1) + " 0\n", 0666)});
    EXPECT_EQ("EACCES", map("os:" + sid(1)).text());
    serve_domain({map_file("user " + sid(2) + " 0\n", 0644, unused_uid())});
    EXPECT_EQ("EACCES", map("os:" + sid(2)).text());
}

TEST_F(Idmap, UnixSids_AreTheirNumbers) {
    const auto id = 1'800'000'000U + static_cast<std::uint32_t>(::getpid());
    const std::vector<std::string> none = {"--map-file=/nonexistent/idmap",
                                           "--sources=map,unix,well-known,builtin"};
    serve(fmt::format("os:S-1-22-1-{}", id), none);
    serve(fmt::format("gs:S-1-22-2-{}", id), none);
    serve(fmt::format("os:S-1-5-88-1-{}", id), none);
    serve(fmt::format("os:S-1-22-2-{}", id), none);
    serve(fmt::format("oi:{}", id), none);
    serve(fmt::format("gi:{}", id), none);
    EXPECT_EQ(id_payload(id), map(fmt::format("os:S-1-22-1-{}", id)).payload);
    EXPECT_EQ(id_payload(id), map(fmt::format("gs:S-1-22-2-{}", id)).payload);
    EXPECT_EQ(id_payload(id), map(fmt::format("os:S-1-5-88-1-{}", id)).payload);
    EXPECT_EQ("ENOKEY", map(fmt::format("os:S-1-22-2-{}", id)).text());
    EXPECT_EQ(std::string("\1\2\0\0\0\0\0\x16\1\0\0\0", 12) + id_payload(id),
              map(fmt::format("oi:{}", id)).payload);
    EXPECT_EQ(std::string("\1\2\0\0\0\0\0\x16\2\0\0\0", 12) + id_payload(id),
              map(fmt::format("gi:{}", id)).payload);
}

TEST_F(Idmap, WellKnownAndBuiltinSids) {
    const struct {
        const char* description;
        std::uint32_t id;
    } known[] = {{"os:S-1-5-18", 0},        {"os:S-1-5-7", 65534},  {"gs:S-1-1-0", 65534},
                 {"gs:S-1-5-32-544", 0},    {"os:S-1-5-32-544", 0}, {"gs:S-1-5-32-545", 100},
                 {"gs:S-1-5-32-546", 65534}};
    for (const auto& [description, id] : known) {
        serve(description, {"--map-file=/nonexistent/idmap", "--sources=map,well-known,builtin"});
        EXPECT_EQ(id_payload(id), map(description).payload) << description;
    }
}

TEST_F(Idmap, MalformedDescriptions_AreEinval) {
    // A pattern for each: the forms must be exact, not found somewhere inside.
    for (const auto* tail : {"", "-", "-4294967296", "-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15", "-01", "x"}) {
        const auto description = "os:" + sid(1) + tail;
        if (*tail == '\0') continue;
        serve(description, {});
        EXPECT_EQ("EINVAL", map(description).text()) << description;
    }
    const auto word = unique_word();
    for (const auto& description :
         {word + "os:S-1-5-18", word + "oi:0", "oi:" + word, "xx:" + word, "gs:" + word}) {
        serve(description, {});
        EXPECT_EQ("EINVAL", map(description).text()) << description;
    }
}

TEST_F(Idmap, WithoutTestType_AUserKeyIsRefused) {
    add_rule("user", "os:" + sid(1), NSUPCALL_IDMAP_HELPER_PATH, {});
    EXPECT_EQ("EINVAL", map("os:" + sid(1)).text());
}

TEST_F(Idmap, HostSources_AnswerForAContainerWhoseRequestIsTheKernels) {
    serve_domain({map_file("user " + sid(1) + " 7001\n")});
    const auto container = must(Container::start(container_with_map("", unused_uid(), 1)));
    EXPECT_EQ(id_payload(7001), map_in(container, "os:" + sid(1)).payload);
}

TEST_F(Idmap, ContainersOwnMap_IsTranslatedToTheHostsIds) {
    serve_domain(own_map_options());
    const auto first = unused_uid();
    const auto container = must(Container::start(container_with_map(
        "user " + sid(1) + " 5\nuser " + sid(2) + " 0\ngroup " + sid(3) + " 7\n", first, 16)));
    EXPECT_EQ(id_payload(first + 5), map_in(container, "os:" + sid(1)).payload);
    // Its own root, never the host's.
    EXPECT_EQ(id_payload(first), map_in(container, "os:" + sid(2)).payload);
    EXPECT_EQ(id_payload(first + 7), map_in(container, "gs:" + sid(3)).payload);
}

TEST_F(Idmap, ContainerThatClaimsForeignIds_IsRefused) {
    serve_domain(own_map_options());
    const auto first = unused_uid();
    // Another container's range, an id of the host as the host numbers it, and the id behind the last one.
    const auto container = must(Container::start(container_with_map(
        fmt::format("user {} {}\nuser {} 1000\nuser {} 16\n", sid(1), first + 100, sid(2), sid(3)), first,
        16)));
    for (const std::uint32_t rid : {1U, 2U, 3U}) {
        const auto answer = map_in(container, "os:" + sid(rid));
        EXPECT_EQ("EACCES", answer.text()) << rid;
        EXPECT_FALSE(answer.has_key) << rid;
    }
}

TEST_F(Idmap, ContainerThatDoesNotMapZero_CannotClaimIt) {
    serve_domain(own_map_options());
    ContainerSpec spec = container_with_map("user " + sid(1) + " 0\n", unused_uid(), 1);
    spec.user = UserNamespaceSpec::same({{1000, unused_uid(), 1}});
    spec.uid = 1000;
    spec.gid = 1000;
    spec.files[0].uid = 1000;
    spec.files[0].gid = 1000;
    const auto container = must(Container::start(spec));
    const auto answer = ask_in(container, {.type = "user", .description = "os:" + sid(1)}, 1000, 1000);
    EXPECT_EQ("EACCES", answer.text());
}

TEST_F(Idmap, ContainerWithoutAUserNamespace_IsNotAskedWhoOwnsWhat) {
    serve_domain(own_map_options());
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.files = {{.path = "/tmp/own.idmap", .content = "user " + sid(1) + " 0\n"}};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", map_in(container, "os:" + sid(1)).text());
}

TEST_F(Idmap, ContainersOwnMap_IsNotAskedWithoutARule) {
    serve_domain({"--map-file=/nonexistent/idmap", "--container-map-file=/tmp/own.idmap"});
    const auto container =
        must(Container::start(container_with_map("user " + sid(1) + " 5\n", unused_uid(), 16)));
    EXPECT_EQ("ENOKEY", map_in(container, "os:" + sid(1)).text());
}

TEST_F(Idmap, ContainersMapThatIsAFifo_DoesNotHoldAnybodyUp) {
    serve_domain({"--sources=container-map", "--container-map-file=/tmp/fifo"});
    const auto container = must(Container::start(container_with_map("", unused_uid(), 16)));
    ASSERT_EQ(0, must(container.run([] { return ::mkfifo("/tmp/fifo", 0666); }, 0, 0)));
    const auto answer = map_in(container, "os:" + sid(1));
    EXPECT_EQ("EINVAL", answer.text());
    EXPECT_LT(answer.elapsed_ms, 2000);
}

TEST_F(Idmap, ByHand_PrintsAndTellsByItsExitStatus) {
    const auto file = map_file("user " + sid(1) + " 7001\n");
    const auto good = by_hand({NSUPCALL_HELPER_PATH, file, "uid.sids", sid(1)});
    EXPECT_EQ(0, good.exit_code);
    EXPECT_EQ("7001\n", good.output);
    const auto json = by_hand({NSUPCALL_HELPER_PATH, file, "--json", "uid.idmap", "7001"});
    EXPECT_EQ(0, json.exit_code);
    EXPECT_EQ("{\"call\":\"uid.idmap\",\"argument\":\"7001\",\"answer\":\"" + sid(1) +
                  "\",\"lives_seconds\":600}\n",
              json.output);
    const auto none = by_hand({NSUPCALL_HELPER_PATH, file, "gid.sids", sid(1)});
    EXPECT_EQ(1, none.exit_code);
    EXPECT_NE(std::string::npos, none.output.find("ENOKEY")) << none.output;
    const auto none_json = by_hand({NSUPCALL_HELPER_PATH, file, "--json", "gid.sids", sid(1)});
    EXPECT_EQ(1, none_json.exit_code);
    EXPECT_NE(std::string::npos, none_json.output.find("\"error\":\"ENOKEY\"")) << none_json.output;
}

TEST_F(Idmap, CallTypesWithAKeyId_AnswerTheKey) {
    const auto file = map_file("user " + sid(1) + " 7001\n");
    add_rule("user", sid(1), NSUPCALL_HELPER_PATH, {"--test-type=cifs.idmap", file, "uid.sids"});
    EXPECT_EQ(id_payload(7001), map(sid(1)).payload);
}

TEST_F(Idmap, WrongCommandLine_IsEinvalOnTheKey) {
    serve_domain({"--sources=nonsense"});
    EXPECT_EQ("EINVAL", map("os:" + sid(1)).text());
    const auto finished = by_hand({NSUPCALL_IDMAP_HELPER_PATH, "--nonsense"});
    EXPECT_EQ(64, finished.exit_code);
    EXPECT_EQ(0, by_hand({NSUPCALL_IDMAP_HELPER_PATH, "-h"}).exit_code);
    EXPECT_EQ(0, by_hand({NSUPCALL_IDMAP_HELPER_PATH, "-v"}).output.find("nsupcall "));
}

}  // namespace
}  // namespace nsupcall::test
