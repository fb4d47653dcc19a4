#include <gtest/gtest.h>

#include "trace/trace.hpp"

namespace nsupcall {
namespace {

using namespace std::string_view_literals;

TEST(Escape, Table) {
    struct {
        const char* what;
        std::string_view text, escaped;
    } const cases[] = {
        {"nothing", "", ""},
        {"plain", "FILE:/tmp/krb5cc_0", "FILE:/tmp/krb5cc_0"},
        {"all of printable ASCII but two", " !#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~",
         " !#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~"},
        {"quote and backslash", "a\"b\\c", "a\\x22b\\x5cc"},
        {"line ends, so that no log line is forged", "a\nb\r", "a\\x0ab\\x0d"},
        {"NUL", "a\0b"sv, "a\\x00b"},
        {"DEL", "\x7f", "\\x7f"},
        {"clear the screen", "\x1b[2J", "\\x1b[2J"},
        {"set the window's title", "\x1b]0;evil\x07", "\\x1b]0;evil\\x07"},
        {"an eight-bit control sequence introducer",
         "\x9b"
         "2J",
         "\\x9b2J"},
        {"the same as UTF-8 (U+009B)",
         "\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J"},
        {"U+0080, U+009F", "\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f"},
        {"U+00A0, the first that is none", "\xc2\xa0", "\xc2\xa0"},
        {"two, three and four bytes", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"right-to-left override (U+202E)",
         "a\xe2\x80\xae"
         "b",
         "a\\xe2\\x80\\xaeb"},
        {"isolates (U+2066, U+2069)", "\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
        {"zero width (U+200B)", "\xe2\x80\x8b", "\\xe2\\x80\\x8b"},
        {"line separator (U+2028)", "\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
        {"their neighbours (U+200A, U+2010, U+202F, U+2065, U+206A)",
         "\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
         "\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"},
        {"a lone continuation byte", "\x80", "\\x80"},
        {"a lone lead byte", "\xc3", "\\xc3"},
        {"a lead byte before ASCII", "\xc3(", "\\xc3("},
        {"cut three bytes", "\xe2\x82", "\\xe2\\x82"},
        {"cut four bytes", "\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
        {"overlong '/'", "\xc0\xaf", "\\xc0\\xaf"},
        {"overlong in three", "\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
        {"overlong in four", "\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},
        {"a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"the last before them", "\xed\x9f\xbf", "\xed\x9f\xbf"},
        {"U+10FFFF", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"above U+10FFFF", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"five bytes", "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
        {"0xFE, 0xFF", "\xfe\xff", "\\xfe\\xff"},
    };
    for (const auto& [what, text, escaped] : cases) EXPECT_EQ(escaped, escape(text)) << what;
}

TEST(Escape, Limit_CutsBetweenCharacters) {
    EXPECT_EQ("abcd", escape("abcd", 4));
    EXPECT_EQ("abc...", escape("abcd", 3));
    EXPECT_EQ("...", escape("a", 0));
    EXPECT_EQ("", escape("", 0));
    EXPECT_EQ("a...", escape("a\n", 4));  // \x0a would end past the limit
    EXPECT_EQ("\\x0a", escape("\n", 4));
    EXPECT_EQ("a...", escape("a\xe2\x82\xac", 3));  // no half of a character
    EXPECT_EQ("a\xe2\x82\xac", escape("a\xe2\x82\xac", 4));
}

TEST(Escape, EveryByteAlone_IsPrintableAscii) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const auto text = escape({&c, 1});
        for (const char out : text) ASSERT_TRUE(out >= ' ' && out <= '~') << byte;
        EXPECT_EQ(byte >= ' ' && byte <= '~' && c != '"' && c != '\\', text.size() == 1) << byte;
    }
}

TEST(Escape, DefaultLimit_Is256) {
    EXPECT_EQ(256U, escape(std::string(256, 'x')).size());
    EXPECT_EQ(std::string(256, 'x') + "...", escape(std::string(100000, 'x')));
}

}  // namespace
}  // namespace nsupcall
