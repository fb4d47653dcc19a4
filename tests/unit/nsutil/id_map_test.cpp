#include "nsutil/id_map.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::must;
using Id = std::optional<std::uint32_t>;

/// One look-up that must hold in both directions; nothing: the id has no counterpart.
struct Lookup {
    Id host, inside;
};

struct MapCase {
    const char* name;
    const char* text;
    std::size_t ranges;
    std::vector<Lookup> pairs;
    std::vector<std::uint32_t> unmapped_host, unmapped_inside;
};

// The first column is the id inside, as user_namespaces(7) has it. Blanks as the kernel prints them.
const MapCase kMaps[] = {
    {"not written yet", "", 0, {}, {0, 1, 4294967294U}, {0, 1, 65534}},
    {"initial namespace",
     "         0          0 4294967295\n",
     1,
     {{0, 0}, {1000, 1000}, {2147483648U, 2147483648U}, {4294967294U, 4294967294U}},
     {4294967295U},
     {4294967295U}},
    {"one id", "         0       5001          1\n", 1, {{5001, 0}}, {0, 5000, 5002}, {1, 5001}},
    {"one id, not root inside", "1000 5001 1\n", 1, {{5001, 1000}}, {0, 1000}, {0, 5001}},
    {"uidmap, auto",
     "         0     200000      65536\n",
     1,
     {{200000, 0}, {205001, 5001}, {265535, 65535}},
     {0, 5001, 199999, 265536},
     {65536, 200000}},
    {"rootless",
     "         0       5990          1\n         1     300000      65536\n",
     2,
     {{5990, 0}, {300000, 1}, {365535, 65536}},
     {0, 5991, 299999, 365536},
     {65537}},
    {"rootless keep-id, three lines, seen from the initial namespace",
     "         0     300000       5990\n      5990       5990          1\n      5991     305990      59546\n",
     3,
     {{300000, 0}, {305989, 5989}, {5990, 5990}, {305990, 5991}, {365535, 65536}},
     {0, 5989, 5991, 299999, 365536},
     {65537}},
    {"above 2^31",
     "         0 3392012288      65536\n",
     1,
     {{3392012288U, 0}, {3392017289U, 5001}, {3392077823U, 65535}},
     {0, 3392012287U, 3392077824U, 4294967295U},
     {65536, 3392012288U}},
    {"across 2^31",
     "0 2147483000 65534\n",
     1,
     {{2147483647U, 647}, {2147483648U, 648}},
     {2147482999U},
     {65534}},
    {"the last ids there are",
     "4294967290 4294967290 5\n",
     1,
     {{4294967294U, 4294967294U}},
     {4294967289U},
     {0}},
    {"nested: what is not mapped on the way is absent",
     "         0     200100        100\n       100     200300         50\n",
     2,
     {{200100, 0}, {200199, 99}, {200300, 100}, {200349, 149}},
     {200000, 200200, 200299, 200350},
     {150}},
    {"without a line end", "0 5001 1", 1, {{5001, 0}}, {0}, {1}},
    {"ranges that touch on both sides", "0 100 10\n10 110 10\n", 2, {{109, 9}, {110, 10}}, {99, 120}, {20}},
    {"ranges that swap places", "0 1 1\n1 0 1\n", 2, {{0, 1}, {1, 0}}, {2}, {2}},
};

TEST(IdMap, Parse_RealMaps_TranslateBothWays) {
    for (const auto& test : kMaps) {
        SCOPED_TRACE(test.name);
        const auto map = IdMap::parse(test.text);
        ASSERT_TRUE(map) << map.error().text();
        EXPECT_EQ(test.ranges, map->ranges().size());
        for (const auto& [host, inside] : test.pairs) {
            EXPECT_EQ(inside, map->to_inside(*host)) << "host " << *host;
            EXPECT_EQ(host, map->to_host(*inside)) << "inside " << *inside;
        }
        for (const auto id : test.unmapped_host) EXPECT_EQ(Id(), map->to_inside(id)) << "host " << id;
        for (const auto id : test.unmapped_inside) EXPECT_EQ(Id(), map->to_host(id)) << "inside " << id;
    }
}

TEST(IdMap, Parse_Malformed_IsEinval) {
    const char* const texts[] = {
        "0",
        "0 0",
        "0 0 ",
        "0 0 1 1",
        "0 0 0",  // a count of none
        "-1 0 1",
        "0 -1 1",
        "0 0 -1",
        "+0 0 1",
        "0x0 0 1",
        "0 0 1x",
        "a b c",
        "0,0,1",
        "0\t0\t1",                   // the kernel prints blanks
        "0 0 4294967296",            // one more than 32 bit
        "18446744073709551616 0 1",  // one more than 64 bit
        "4294967295 0 1",            // (uid_t)-1 is no id
        "0 4294967295 1",
        "1 0 4294967295",  // runs past the last id inside
        "0 1 4294967295",  // runs past the last id of the host
        "4294967294 0 2",
        "0 4294967294 2",
        "\n",
        "0 0 1\n\n",
        "0 0 1\n\n1 1 1\n",
        " \n",
        "0 0 1\r\n",
        "0 0 1\n0 5 1\n",          // the same id inside twice
        "0 5 1\n1 5 1\n",          // the same id of the host twice
        "0 0 10\n9 100 10\n",      // overlap of one, inside
        "0 100 10\n100 109 10\n",  // overlap of one, host
        "5 100 1\n0 200 10\n",     // one within the other
        "0 0 4294967295\n7 7 1\n",
        "0 2147483648 65536\n65536 2147483649 1\n",
    };
    for (const char* text : texts) {
        const auto map = IdMap::parse(text);
        ASSERT_FALSE(map) << '"' << text << '"';
        EXPECT_EQ(EINVAL, map.error().code) << '"' << text << '"';
    }
}

TEST(IdMap, Parse_NulByte_IsEinval) {
    using namespace std::string_view_literals;
    EXPECT_FALSE(IdMap::parse("0 0 1\0"sv));
    EXPECT_FALSE(IdMap::parse("0 0\0 1"sv));
}

std::string map_of(std::size_t lines) {
    std::string text;
    for (std::size_t line = 0; line < lines; ++line)
        text += std::to_string(2 * line) + " " + std::to_string(3000000000U + 2 * line) + " 1\n";
    return text;
}

TEST(IdMap, Parse_AsManyLinesAsTheKernelAllows) {
    const auto text = map_of(IdMap::kRangesMost);
    EXPECT_LT(text.size(), IdMap::kTextLimit);
    const auto map = must(IdMap::parse(text));
    EXPECT_EQ(340U, map.ranges().size());
    EXPECT_EQ(Id(678), map.to_inside(3000000678U));
    EXPECT_EQ(Id(), map.to_inside(3000000679U));
}

TEST(IdMap, Parse_OneLineMore_IsEinval) {
    const auto map = IdMap::parse(map_of(IdMap::kRangesMost + 1));
    ASSERT_FALSE(map);
    EXPECT_EQ(EINVAL, map.error().code);
}

TEST(IdMap, KernelsWidestText_FitsIntoTheLimit) {
    // "%10u %10u %10u\n" of uid_m_show is 33 bytes.
    EXPECT_LE(IdMap::kRangesMost * 33, IdMap::kTextLimit);
}

TEST(IdMap, Identity_EqualsTheInitialMap) {
    const auto identity = IdMap::identity();
    EXPECT_EQ(must(IdMap::parse("0 0 4294967295\n")), identity);
    EXPECT_EQ(Id(4294967294U), identity.to_inside(4294967294U));
    EXPECT_EQ(Id(), identity.to_inside(4294967295U));
    EXPECT_EQ(Id(), identity.to_host(4294967295U));
}

TEST(IdMap, Comparison_SeesEveryField) {
    const auto map = must(IdMap::parse("0 1 2"));
    EXPECT_NE(map, must(IdMap::parse("1 1 2")));
    EXPECT_NE(map, must(IdMap::parse("0 2 2")));
    EXPECT_NE(map, must(IdMap::parse("0 1 3")));
    EXPECT_EQ(map, must(IdMap::parse("   0   1   2\n")));
}

}  // namespace
}  // namespace nsutil
