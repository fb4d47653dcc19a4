#include "session/session_record.hpp"

#include <gtest/gtest.h>

namespace nsupcall {
namespace {

SessionRecord full_record() {
    SessionRecord record;
    record.key = {"fs.lab.test", "10.99.0.1", "LAB\\user name", 4294967294U, true};
    record.place.view.ids = {{{4, 4026532178}, {4, 4026531840}, {4, 4026532999}, {4, 4026532182}}};
    record.place.view.root_device = 0xfffff00001ULL;
    record.place.view.root_inode = 18446744073709551615ULL;
    record.place.serials = {122, 3, 121};
    record.place.container = std::string(64, 'a');
    record.anchor = {2147483647, 99};
    record.alive_ticks = 12345;
    record.boot_id = "0b1c2d3e-0000-1111-2222-333344445555";
    record.principal = "host/fs%1\n@LAB.TEST";
    record.ccache = "FILE:/tmp/\xc3\xa4 b=c";
    record.written = 1795438806;
    return record;
}

TEST(SessionRecord, PrintedAndParsed_IsTheSame) {
    const auto record = full_record();
    const auto text = print_session(record);
    const auto parsed = parse_session(text);
    ASSERT_TRUE(parsed) << parsed.error().text() << "\n" << text;
    EXPECT_EQ(record, *parsed);
    EXPECT_EQ(text, print_session(*parsed));
}

TEST(SessionRecord, TextOfOthers_CannotBringLinesIn) {
    auto record = full_record();
    record.key.user = "x\nprincipal=root@LAB.TEST\n";
    const auto text = print_session(record);
    EXPECT_EQ(std::string::npos, text.find("\nprincipal=root"));
    EXPECT_EQ(record, parse_session(text).value());
}

TEST(SessionRecord, EveryPrefixAndEveryLostLine_IsRefused) {
    const auto text = print_session(full_record());
    for (std::size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(parse_session(text.substr(0, size)));
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at) + 1;
        EXPECT_FALSE(parse_session(text.substr(0, at) + text.substr(end))) << text.substr(at, end - at);
        at = end;
    }
    EXPECT_FALSE(parse_session(text + "\n"));
    EXPECT_FALSE(parse_session(text + "more=1\n"));
}

std::string with_line(const std::string& name, const std::string& value) {
    auto text = print_session(full_record());
    const auto begin = text.find("\n" + name + "=") + 1;
    const auto end = text.find('\n', begin);
    return text.replace(begin, end - begin, name + "=" + value);
}

TEST(SessionRecord, MalformedValues_AreRefused) {
    const std::pair<const char*, const char*> cases[] = {
        {"creduid", "4294967295"},
        {"creduid", "-1"},
        {"creduid", ""},
        {"creduid", "1x"},
        {"of_host", "2"},
        {"anchor_tgid", "2147483648"},
        {"mnt_inode", "18446744073709551616"},
        {"host", ""},
        {"address", ""},
        {"principal", ""},
        {"boot_id", ""},
        {"host", "a b"},
        {"host", "a%4"},
        {"host", "a%"},
        {"host", "a%4g"},
        {"host", "a%0a"},
        {"host", "a\x7f"},
        {"user", "\xc3\xa4"},
    };
    for (const auto& [name, value] : cases)
        EXPECT_FALSE(parse_session(with_line(name, value))) << name << "=" << value;
}

TEST(SessionRecord, LongText_IsRefused) {
    EXPECT_EQ(EFBIG, parse_session(std::string(kSessionTextLimit + 1, 'x')).error().code);
    EXPECT_FALSE(parse_session(with_line("user", std::string(4097, 'x'))));
    EXPECT_TRUE(parse_session(with_line("user", std::string(4096, 'x'))));
}

TEST(SessionKey, SameSession_IgnoresTheAddressAlone) {
    const auto key = full_record().key;
    auto other = key;
    other.address = "10.99.0.2";
    EXPECT_TRUE(key.same_session(other));
    for (auto* text : {&other.host, &other.user}) {
        const auto kept = *text;
        *text += "x";
        EXPECT_FALSE(key.same_session(other));
        *text = kept;
    }
    ++other.creduid;
    EXPECT_FALSE(key.same_session(other));
    --other.creduid;
    other.from_mount = !other.from_mount;
    EXPECT_FALSE(key.same_session(other));
}

}  // namespace
}  // namespace nsupcall
