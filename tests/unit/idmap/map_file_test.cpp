#include "idmap/map_file.hpp"

#include <gtest/gtest.h>

#include "idmap/chain.hpp"
#include "idmap/fixed_sids.hpp"

namespace nsupcall {
namespace {

std::string ask(const MapFile& file, std::string_view question) {
    const auto answer = file.find(IdQuestion::parse(question).value());
    return answer ? text_of(*answer) : "none";
}

TEST(IdQuestion, Parse_TakesTheFourFormsExactly) {
    for (const auto* text : {"os:S-1-5-18", "gs:S-1-5-21-1-2-3-513", "oi:0", "gi:4294967294"}) {
        const auto question = IdQuestion::parse(text);
        ASSERT_TRUE(question) << text;
        EXPECT_EQ(text, question->text());
    }
    for (const auto* text :
         {"", "os", "os:", "xos:S-1-5-18", " os:S-1-5-18", "os:S-1-5-18 ", "os:18", "oi:S-1-5-18",
          "oi:", "oi:-1", "oi:4294967295", "oi:01", "gi:1;", "OS:S-1-5-18", "os:os:S-1-5-18"}) {
        const auto question = IdQuestion::parse(text);
        ASSERT_FALSE(question) << text;
        EXPECT_EQ(EINVAL, question.error().code) << text;
    }
}

TEST(MapFile, Lines_MapBothWays) {
    const auto file = MapFile::parse(
        "# comment\n\n user\tS-1-5-21-1-2-3-1103  7001 # alice\r\n"
        "group S-1-5-21-1-2-3-513 100\nboth S-1-5-21-1-2-3-2000..2009 9000");
    ASSERT_TRUE(file) << file.error().text();
    EXPECT_EQ("7001", ask(*file, "os:S-1-5-21-1-2-3-1103"));
    EXPECT_EQ("none", ask(*file, "gs:S-1-5-21-1-2-3-1103"));
    EXPECT_EQ("100", ask(*file, "gs:S-1-5-21-1-2-3-513"));
    EXPECT_EQ("S-1-5-21-1-2-3-513", ask(*file, "gi:100"));
    EXPECT_EQ("none", ask(*file, "oi:100"));
    EXPECT_EQ("9000", ask(*file, "os:S-1-5-21-1-2-3-2000"));
    EXPECT_EQ("9009", ask(*file, "gs:S-1-5-21-1-2-3-2009"));
    EXPECT_EQ("none", ask(*file, "gs:S-1-5-21-1-2-3-2010"));
    EXPECT_EQ("none", ask(*file, "gs:S-1-5-21-1-2-3-1999"));
    EXPECT_EQ("S-1-5-21-1-2-3-2009", ask(*file, "oi:9009"));
    EXPECT_EQ("none", ask(*file, "oi:9010"));
    EXPECT_EQ("none", ask(*file, "os:S-1-5-21-1-2-4-2000"));
}

TEST(MapFile, FirstLineThatFits_Counts) {
    const auto file =
        MapFile::parse("user S-1-5-21-1-2-3-5 1\nuser S-1-5-21-1-2-3-0..9 100\nuser S-1-5-21-1-2-3-6 1\n");
    ASSERT_TRUE(file);
    EXPECT_EQ("1", ask(*file, "os:S-1-5-21-1-2-3-5"));
    EXPECT_EQ("106", ask(*file, "os:S-1-5-21-1-2-3-6"));
    EXPECT_EQ("S-1-5-21-1-2-3-5", ask(*file, "oi:1"));
}

TEST(MapFile, Malformed_IsEinvalWithTheLine) {
    for (const auto* line :
         {"user", "user S-1-5-18", "user S-1-5-18 x", "user S-1-5-18 1 2", "users S-1-5-18 1",
          "user 1 S-1-5-18", "user S-1-5-18 4294967295", "user S-1-5-18 -1", "both S-1-5-21-9..3 100",
          "both S-1-5-21-3.. 100", "both S-1-5-21-0..4294967295 0", "both S-1-5-21-0..10 4294967290"}) {
        const auto file = MapFile::parse(std::string("# first\n") + line + "\n");
        ASSERT_FALSE(file) << line;
        EXPECT_EQ(EINVAL, file.error().code);
        EXPECT_NE(std::string::npos, file.error().what.find("line 2")) << file.error().what;
    }
    EXPECT_EQ(EFBIG, MapFile::parse(std::string(MapFile::kTextLimit + 1, '\n')).error().code);
}

TEST(FixedSids, GroupsAreNoUsers) {
    EXPECT_FALSE(ask_unix(IdQuestion::parse("os:S-1-22-2-5").value()));
    EXPECT_FALSE(ask_unix(IdQuestion::parse("gs:S-1-22-1-5").value()));
    EXPECT_FALSE(ask_unix(IdQuestion::parse("os:S-1-22-1").value()));
    EXPECT_FALSE(ask_unix(IdQuestion::parse("os:S-1-22-1-4294967295").value()));
    EXPECT_FALSE(ask_unix(IdQuestion::parse("os:S-1-5-88-3-420").value()));
    EXPECT_FALSE(ask_builtin(IdQuestion::parse("os:S-1-5-32-545").value()));
    EXPECT_FALSE(ask_well_known(IdQuestion::parse("oi:0").value()));
}

TEST(Chain, Parse_TakesNamesOnce) {
    const auto chain = IdmapOptions::parse_chain("container-map,map,winbind");
    ASSERT_TRUE(chain);
    EXPECT_EQ((std::vector{IdSource::container_map, IdSource::map, IdSource::winbind}), *chain);
    for (const auto* bad : {"", "map,", ",map", "map,map", "Map", "map winbind", "nonsense"})
        EXPECT_FALSE(IdmapOptions::parse_chain(bad)) << bad;
}

}  // namespace
}  // namespace nsupcall
