/// @file
/// nsupcall idmap: the chain of sources, asked by hand.

#include <gmock/gmock.h>

#include "support/nsupcall_command.hpp"

namespace nsupcall::test {
namespace {

using testing::HasSubstr;

class Idmap : public testing::Test {
  protected:
    void SetUp() override {
        folder_.emplace(must(TempDir::create()));
        write("map", "user S-1-5-21-1-2-3-1104 1104\ngroup S-1-5-21-1-2-3-513 2000\n");
        write("conf", "");
    }
    void write(const std::string& name, const std::string& text) const {
        must(write_file(folder_->path() / name, text, 0644));
    }
    [[nodiscard]] std::vector<std::string> arguments(std::vector<std::string> more) const {
        more.insert(more.begin(), {"idmap", "--map-file", folder_->path() / "map", "--config",
                                   folder_->path() / "conf", "--sources", "map,unix,well-known"});
        return more;
    }
    [[nodiscard]] Finished run(std::vector<std::string> more) const {
        return nsupcall_command(arguments(std::move(more)));
    }
    std::optional<TempDir> folder_;
};

TEST_F(Idmap, SidsAndIds_AreAnsweredWithTheirSource) {
    EXPECT_EQ("os:S-1-5-21-1-2-3-1104 -> uid:1104  (map)\n", run({"os:S-1-5-21-1-2-3-1104"}).output);
    EXPECT_EQ("gs:S-1-5-21-1-2-3-513 -> gid:2000  (map)\n", run({"gs:S-1-5-21-1-2-3-513"}).output);
    EXPECT_EQ("uid:1104 -> S-1-5-21-1-2-3-1104  (map)\n", run({"uid:1104"}).output);
    EXPECT_EQ("gid:77 -> S-1-22-2-77  (unix)\n", run({"gid:77"}).output);
    EXPECT_EQ("oi:77 -> S-1-22-1-77  (unix)\n", run({"oi:77"}).output);
    EXPECT_EQ(0, run({"uid:1104", "gid:2000"}).exit_code);
}

TEST_F(Idmap, SidOfUnknownKind_IsAskedAsBoth) {
    const auto one = run({"S-1-5-21-1-2-3-513"});
    EXPECT_EQ(0, one.exit_code) << one.output;
    EXPECT_THAT(one.output, HasSubstr("S-1-5-21-1-2-3-513 (uid) -> ENOKEY"));
    EXPECT_THAT(one.output, HasSubstr("S-1-5-21-1-2-3-513 -> gid:2000  (map)"));
}

TEST_F(Idmap, WhatNobodyKnows_IsToldBySource) {
    const auto none = run({"os:S-1-5-21-9-9-9-9"});
    EXPECT_EQ(1, none.exit_code);
    EXPECT_THAT(none.output, HasSubstr("os:S-1-5-21-9-9-9-9 (uid) -> ENOKEY: "));
    EXPECT_THAT(none.output, HasSubstr("\n    map: absent"));
    EXPECT_EQ(1, run({"uid:1104", "os:S-1-5-21-9-9-9-9"}).exit_code);
    write("map", "nonsense\n");
    const auto broken = run({"uid:1104"});
    EXPECT_EQ(1, broken.exit_code);
    EXPECT_THAT(broken.output, HasSubstr("EINVAL"));
}

TEST_F(Idmap, WrongQuestions_AreWrongUsage) {
    for (const char* text : {"alice", "uid:", "uid:x", "S-1", "os:1000", "oi:S-1-5-32-544", "\033[31m"}) {
        const auto refused = run({text});
        EXPECT_EQ(64, refused.exit_code) << text;
        EXPECT_THAT(refused.output, HasSubstr("is none of SID"));
        EXPECT_EQ(std::string::npos, refused.output.find('\033'));
    }
    EXPECT_EQ(64, nsupcall_command({"idmap"}).exit_code);
    EXPECT_EQ(64, nsupcall_command({"idmap", "--sources", "nonsense", "uid:1"}).exit_code);
}

TEST_F(Idmap, Json_FollowsItsSchema) {
    const auto document =
        nsupcall_json(arguments({"--json", "uid:1104", "os:S-1-5-21-1-2-3-1104"}), "idmap.schema.json");
    ASSERT_EQ(2U, document["answers"].size());
    EXPECT_EQ("S-1-5-21-1-2-3-1104", document["answers"][0]["answer"]);
    EXPECT_EQ("map", document["answers"][0]["source"]);
    EXPECT_EQ("oi:1104", document["answers"][0]["description"]);
    EXPECT_EQ(1104, document["answers"][1]["answer"]);
    EXPECT_TRUE(document["answers"][1]["errno"].is_null());
}

}  // namespace
}  // namespace nsupcall::test
