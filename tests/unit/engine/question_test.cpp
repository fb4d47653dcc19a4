#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "engine/channel.hpp"

namespace nsupcall::engine {
namespace {

struct Parts {
    Ask ask;
    std::string arguments, description;

    Parts() {
        std::copy_n(NSUPCALL_VERSION, sizeof NSUPCALL_VERSION, ask.version);
        ask.key = 77;
        ask.started_ns = 123456789;
        use({"cifs.upcall", "-k", "", "77"});
        describe("cifs.spnego;0;0;3f010000;ver=0x2;host=a");
    }
    void use(const std::vector<std::string>& words) {
        arguments.clear();
        for (const auto& word : words) arguments.append(word).push_back('\0');
        ask.arguments = static_cast<std::uint32_t>(words.size());
        ask.argument_bytes = static_cast<std::uint32_t>(arguments.size());
    }
    void describe(const std::string& text) {
        description = text;
        ask.description_bytes = static_cast<std::uint32_t>(text.size());
    }
    [[nodiscard]] std::string bytes() const {
        return std::string(reinterpret_cast<const char*>(&ask), sizeof ask) + arguments + description;
    }
};

bool parses(const std::string& bytes) {
    return parse_question(bytes).has_value();
}

TEST(Question, WellFormed_IsTakenApart) {
    const Parts parts;
    const auto question = parse_question(parts.bytes());
    ASSERT_TRUE(question) << question.error().text();
    EXPECT_EQ(77, question->key);
    EXPECT_EQ(123456789U, question->started_ns);
    EXPECT_EQ((std::vector<std::string>{"cifs.upcall", "-k", "", "77"}), question->arguments);
    EXPECT_EQ(parts.description, question->description);
    EXPECT_FALSE(question->keys);
}

TEST(Question, LongestAllowed_IsTaken) {
    Parts parts;
    parts.use(std::vector<std::string>(kArgumentsMost, "w"));
    parts.describe(std::string(kDescriptionMost, 'd'));
    EXPECT_TRUE(parses(parts.bytes()));
    parts.use({std::string(kArgumentBytesMost - 1, 'w')});
    EXPECT_TRUE(parses(parts.bytes()));
    EXPECT_EQ(kAskMost, parts.bytes().size());
}

TEST(Question, PastALimit_IsRefused) {
    Parts words, bytes, description;
    words.use(std::vector<std::string>(kArgumentsMost + 1, "w"));
    EXPECT_FALSE(parses(words.bytes()));
    bytes.use({std::string(kArgumentBytesMost, 'w')});
    EXPECT_FALSE(parses(bytes.bytes()));
    description.describe(std::string(kDescriptionMost + 1, 'd'));
    EXPECT_FALSE(parses(description.bytes()));
}

TEST(Question, WrongHead_IsRefused) {
    const auto with = [](auto change) {
        Parts parts;
        change(parts.ask);
        return parses(parts.bytes());
    };
    EXPECT_FALSE(with([](Ask& ask) { ask.magic ^= 1; }));
    EXPECT_FALSE(with([](Ask& ask) { ++ask.protocol; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.version[0] = '9'; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.version[kVersionSize - 1] = 'x'; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.key = 0; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.key = -1; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.arguments = 0; }));
    EXPECT_FALSE(with([](Ask& ask) { ++ask.arguments; }));
    EXPECT_FALSE(with([](Ask& ask) { --ask.arguments; }));
    EXPECT_FALSE(with([](Ask& ask) { ++ask.argument_bytes; }));
    EXPECT_FALSE(with([](Ask& ask) { --ask.argument_bytes; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.argument_bytes = 0xfffffff0U; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.description_bytes = 0; }));
    EXPECT_FALSE(with([](Ask& ask) { ask.description_bytes = 0xffffffffU; }));
}

TEST(Question, WrongBody_IsRefused) {
    const Parts good;
    for (std::size_t size = 0; size < good.bytes().size(); ++size)
        EXPECT_FALSE(parses(good.bytes().substr(0, size))) << size;
    EXPECT_FALSE(parses(good.bytes() + "x"));
    Parts unended;
    unended.arguments.back() = 'x';
    EXPECT_FALSE(parses(unended.bytes()));
    Parts with_nul;
    with_nul.describe(std::string("user;0;0;3f010000;a\0b", 21));
    EXPECT_FALSE(parses(with_nul.bytes()));
}

}  // namespace
}  // namespace nsupcall::engine
