#include "nsutil/proc_text.hpp"

#include <gtest/gtest.h>

#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::must;
using namespace std::string_literals;
using namespace std::string_view_literals;

// As Linux 6.18 prints it for a mount.cifs of uid 5001, shortened where nothing is read.
constexpr std::string_view kStatus =
    "Name:\tmount.cifs\n"
    "Umask:\t0022\n"
    "State:\tS (sleeping)\n"
    "Tgid:\t1250\n"
    "Ngid:\t0\n"
    "Pid:\t1251\n"
    "PPid:\t1\n"
    "TracerPid:\t0\n"
    "Uid:\t5001\t0\t5003\t3392012288\n"
    "Gid:\t6001\t6002\t6003\t4294967294\n"
    "FDSize:\t64\n"
    "Groups:\t0 27 4000000000 \n"
    "NStgid:\t1250\t12\n"
    "VmPeak:\t    2624 kB\n"
    "CapInh:\t0000000800000000\n"
    "CapPrm:\t000001ffffffffff\n"
    "CapEff:\t0000000000000003\n"
    "CapBnd:\tffffffffffffffff\n"
    "CapAmb:\t0000000000000001\n"
    "NoNewPrivs:\t1\n"
    "Seccomp:\t2\n"
    "Seccomp_filters:\t1\n"
    "Cpus_allowed_list:\t0-1\n";

TEST(ParseStatus, Real_EveryField) {
    const auto status = must(parse_status(kStatus));
    EXPECT_EQ("mount.cifs", status.name);
    EXPECT_EQ(1250, status.tgid);
    EXPECT_EQ(5001U, status.uids.real);
    EXPECT_EQ(0U, status.uids.effective);
    EXPECT_EQ(5003U, status.uids.saved);
    EXPECT_EQ(3392012288U, status.uids.filesystem);
    EXPECT_EQ(6001U, status.gids.real);
    EXPECT_EQ(6002U, status.gids.effective);
    EXPECT_EQ(6003U, status.gids.saved);
    EXPECT_EQ(4294967294U, status.gids.filesystem);
    EXPECT_EQ((std::vector<gid_t>{0, 27, 4000000000U}), status.groups);
    EXPECT_EQ(0x800000000ULL, status.cap_inheritable);
    EXPECT_EQ(0x1ffffffffffULL, status.cap_permitted);
    EXPECT_EQ(3U, status.cap_effective);
    EXPECT_EQ(0xffffffffffffffffULL, status.cap_bounding);
    EXPECT_EQ(1U, status.cap_ambient);
    EXPECT_TRUE(status.no_new_privs);
    EXPECT_EQ(2, status.seccomp_mode);
}

/// kStatus with the line that begins with `key` replaced ("" removes it).
std::string with_line(std::string_view key, std::string_view line) {
    std::string text(kStatus);
    const auto begin = text.find("\n"s + std::string(key) + ":") + 1;
    const auto end = text.find('\n', begin) + 1;
    return text.replace(begin, end - begin, line);
}

TEST(ParseStatus, NeededLineAbsentOrMalformed_IsEinval) {
    const std::string texts[] = {
        "",
        "\n\n\n",
        with_line("Tgid", ""),
        with_line("Uid", ""),
        with_line("Gid", ""),
        with_line("Groups", ""),
        with_line("Tgid", "Tgid:\t\n"),
        with_line("Tgid", "Tgid:\t-5\n"),
        with_line("Tgid", "Tgid:\t2147483648\n"),
        with_line("Uid", "Uid:\t1\t2\t3\n"),
        with_line("Uid", "Uid:\t1\t2\t3\t\n"),
        with_line("Uid", "Uid:\t1\t2\t3\tx\n"),
        with_line("Uid", "Uid:\t1\t2\t3\t-4\n"),
        with_line("Uid", "Uid:\t4294967296\t2\t3\t4\n"),
        with_line("Gid", "Gid:\t1\n"),
        with_line("Groups", "Groups:\t1 x \n"),
        with_line("Groups", "Groups:\t4294967296 \n"),
        with_line("CapEff", "CapEff:\tg\n"),
        with_line("CapPrm", "CapPrm:\t\n"),
        with_line("CapPrm", "CapPrm:\t1ffffffffffffffff\n"),
        with_line("Seccomp", "Seccomp:\tyes\n"),
        with_line("NoNewPrivs", "NoNewPrivs:\t\n"),
    };
    for (const auto& text : texts) {
        const auto status = parse_status(text);
        ASSERT_FALSE(status) << text;
        EXPECT_EQ(EINVAL, status.error().code);
    }
}

TEST(ParseStatus, KernelsWithoutSeccomp_AreFine) {
    const auto status = must(parse_status(with_line("Seccomp", "")));
    EXPECT_EQ(0, status.seccomp_mode);
}

TEST(ParseStatus, NoGroups_AreNone) {
    EXPECT_TRUE(must(parse_status(with_line("Groups", "Groups:\t \n"))).groups.empty());
    EXPECT_TRUE(must(parse_status(with_line("Groups", "Groups:\n"))).groups.empty());
}

TEST(ParseStatus, AsManyGroupsAsTheKernelAllows_AndNotOneMore) {
    std::string line = "Groups:\t";
    for (std::size_t count = 0; count < kGroupsMost; ++count) line += "4294967294 ";
    const auto most = with_line("Groups", line + "\n");
    EXPECT_LT(most.size(), kStatusLimit);
    EXPECT_EQ(kGroupsMost, must(parse_status(most)).groups.size());
    EXPECT_FALSE(parse_status(with_line("Groups", line + "1 \n")));
}

TEST(ParseStatus, HostileName_BringsNoFieldIn) {
    // The kernel escapes line ends and backslashes of a comm in this file.
    const auto status = must(parse_status("Name:\tx\\nUid:\\t0\n"s + std::string(kStatus.substr(17))));
    EXPECT_EQ("x\\nUid:\\t0", status.name);
    EXPECT_EQ(5001U, status.uids.real);
    EXPECT_EQ("", must(parse_status("Name:\t\n"s + std::string(kStatus.substr(17)))).name);
}

TEST(TaskIds, All_SeesEachOfTheFour) {
    EXPECT_TRUE((TaskIds{7, 7, 7, 7}.all(7)));
    EXPECT_FALSE((TaskIds{8, 7, 7, 7}.all(7)));
    EXPECT_FALSE((TaskIds{7, 8, 7, 7}.all(7)));
    EXPECT_FALSE((TaskIds{7, 7, 8, 7}.all(7)));
    EXPECT_FALSE((TaskIds{7, 7, 7, 8}.all(7)));
}

std::string stat_of(std::string_view comm, std::string_view rest) {
    return "1251 (" + std::string(comm) + ") " + std::string(rest);
}
constexpr std::string_view kStatRest =
    "S 1 1251 1251 34816 1251 4194304 120 0 0 0 0 0 0 0 20 0 1 0 8643 2686976 210 18446744073709551615 1 1\n";

TEST(ParseStat, Real) {
    const auto stat = must(parse_stat(stat_of("mount.cifs", kStatRest)));
    EXPECT_EQ("mount.cifs", stat.comm);
    EXPECT_EQ('S', stat.state);
    EXPECT_EQ(1, stat.parent);
    EXPECT_EQ(4194304U, stat.flags);
    EXPECT_EQ(8643U, stat.start_ticks);
    EXPECT_FALSE(stat.is_kernel_thread());
}

TEST(ParseStat, KernelThread) {
    const auto stat = must(parse_stat(
        "9 (kworker/0:0+cifsiod) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 18446744073709551615 0 0\n"));
    EXPECT_EQ("kworker/0:0+cifsiod", stat.comm);
    EXPECT_TRUE(stat.is_kernel_thread());
    EXPECT_EQ(18446744073709551615ULL, stat.start_ticks);
}

TEST(ParseStat, HostileComm_ChangesNoField) {
    for (const auto comm : {"a) R 1 (b"sv, ")"sv, "("sv, ")))"sv, ""sv, " "sv, "a\nb"sv,
                            ") Z 0 0 0 0 0 2097152 ("sv, "1 (x) S 1"sv, "\xff\x1b[2J"sv}) {
        SCOPED_TRACE(std::string(comm));
        const auto stat = must(parse_stat(stat_of(comm, kStatRest)));
        EXPECT_EQ(comm, stat.comm);
        EXPECT_EQ('S', stat.state);
        EXPECT_EQ(1, stat.parent);
        EXPECT_FALSE(stat.is_kernel_thread());
        EXPECT_EQ(8643U, stat.start_ticks);
    }
}

TEST(ParseStat, Malformed_IsEinval) {
    const std::string texts[] = {
        "",
        "1251",
        "1251 comm S 1",
        ")(",
        "1251 (comm",
        "1251 comm) S 1",
        stat_of("c", ""),
        stat_of("c", "S"),
        stat_of("c", "SS 1 1 1 0 1 0 0 0 0 0 0 0 0 0 20 0 1 0 8643"),
        stat_of("c", "S x 1 1 0 1 0 0 0 0 0 0 0 0 0 20 0 1 0 8643"),
        stat_of("c", "S -1 1 1 0 1 0 0 0 0 0 0 0 0 0 20 0 1 0 8643"),
        stat_of("c", "S 1 1 1 0 1 x 0 0 0 0 0 0 0 0 20 0 1 0 8643"),
        stat_of("c", "S 1 1 1 0 1 4294967296 0 0 0 0 0 0 0 0 20 0 1 0 8643"),
        stat_of("c", "S 1 1 1 0 1 0 0 0 0 0 0 0 0 0 20 0 1 0"),
        stat_of("c", "S 1 1 1 0 1 0 0 0 0 0 0 0 0 0 20 0 1 0 x"),
        stat_of("c", "S 1 1 1 0 1 0 0 0 0 0 0 0 0 0 20 0 1 0 -1"),
    };
    for (const auto& text : texts) {
        const auto stat = parse_stat(text);
        ASSERT_FALSE(stat) << text;
        EXPECT_EQ(EINVAL, stat.error().code);
    }
}

TEST(FindInEnviron, Edges) {
    using Found = std::optional<std::string_view>;
    struct {
        const char* name;
        std::string_view text, variable;
        Found value;
    } const cases[] = {
        {"empty text", ""sv, "A", std::nullopt},
        {"only NULs", "\0\0\0"sv, "A", std::nullopt},
        {"first", "A=1\0B=2\0"sv, "A", "1"},
        {"last", "A=1\0B=2\0"sv, "B", "2"},
        {"last without NUL", "A=1\0B=2"sv, "B", "2"},
        {"the first of two counts", "A=1\0A=2\0"sv, "A", "1"},
        {"an empty value", "A=\0B=2\0"sv, "A", ""},
        {"a value that holds '='", "A=b=c\0"sv, "A", "b=c"},
        {"a longer name", "AB=1\0"sv, "A", std::nullopt},
        {"a shorter name", "A=1\0"sv, "AB", std::nullopt},
        {"no '='", "A\0A=2\0"sv, "A", "2"},
        {"the name inside a value", "X=A=1\0"sv, "A", std::nullopt},
        {"the name behind a line end", "X=1\nA=2\0"sv, "A", std::nullopt},
        {"empty entries between", "\0\0A=1\0"sv, "A", "1"},
        {"an entry of '=' alone", "=\0=x\0A=1\0"sv, "A", "1"},
        {"case matters", "a=1\0"sv, "A", std::nullopt},
        {"overwritten by a title (setproctitle)", "daemon: waiting"sv, "KRB5CCNAME", std::nullopt},
        {"text cut within the name", "KRB5CCNA"sv, "KRB5CCNAME", std::nullopt},
    };
    for (const auto& [name, text, variable, value] : cases)
        EXPECT_EQ(value, find_in_environ(text, variable)) << name;
}

TEST(FindInEnviron, InA200KibEnvironment) {
    std::string text;
    while (text.size() < 200 * 1024)
        text += "FILLER_" + std::to_string(text.size()) + "=KRB5CCNAME=no" + '\0';
    EXPECT_EQ(std::nullopt, find_in_environ(text, "KRB5CCNAME"));
    text += "KRB5CCNAME=FILE:/tmp/x"s + '\0';
    EXPECT_EQ("FILE:/tmp/x", find_in_environ(text, "KRB5CCNAME"));
}

TEST(ParseNumber, Whole) {
    EXPECT_EQ(0U, parse_number<std::uint32_t>("0"));
    EXPECT_EQ(4294967295U, parse_number<std::uint32_t>("4294967295"));
    EXPECT_EQ(255U, parse_number<std::uint32_t>("ff", 16));
    EXPECT_EQ(18446744073709551615ULL, parse_number<std::uint64_t>("18446744073709551615"));
    for (const char* text : {"", " 1", "1 ", "-1", "+1", "4294967296", "1a", "0x1", "1\n"})
        EXPECT_EQ(std::nullopt, parse_number<std::uint32_t>(text)) << '"' << text << '"';
    EXPECT_EQ(std::nullopt, parse_number<std::uint64_t>("18446744073709551616"));
    EXPECT_EQ(std::nullopt, parse_number<std::uint32_t>("1\0"sv));
}

}  // namespace
}  // namespace nsutil
