#include "helpers/options.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace nsupcall {
namespace {

/// A command line, and what became of it.
struct Parsed {
    explicit Parsed(std::initializer_list<const char*> words) {
        std::vector<std::string> copies{"cifs.upcall"};
        copies.insert(copies.end(), words.begin(), words.end());
        std::vector<char*> argv;
        for (auto& word : copies) argv.push_back(word.data());
        argv.push_back(nullptr);
        result = HelperOptions::parse(static_cast<int>(copies.size()), argv.data(), key);
    }
    KeySerial key = 0;
    nsutil::Result<HelperOptions> result;
};

TEST(HelperOptions, KeyAlone_HasTheDefaults) {
    const Parsed parsed{"452463932"};
    ASSERT_TRUE(parsed.result) << parsed.result.error().text();
    EXPECT_EQ(452463932, parsed.result->key);
    EXPECT_EQ(452463932, parsed.key);
    EXPECT_FALSE(parsed.result->spnego.trust_dns);
    EXPECT_FALSE(parsed.result->spnego.legacy_uid);
    EXPECT_TRUE(parsed.result->spnego.probe_environment);
    EXPECT_EQ("", parsed.result->spnego.krb5_conf);
    EXPECT_EQ("", parsed.result->spnego.keytab);
    EXPECT_EQ(600U, parsed.result->expire_seconds);
    EXPECT_FALSE(parsed.result->debug);
    EXPECT_FALSE(parsed.result->krb5_only);
    EXPECT_FALSE(parsed.result->thread_keyring);
    EXPECT_EQ("", parsed.result->test_type);
}

TEST(HelperOptions, ShortOnes) {
    const Parsed parsed{"-tlEcd", "-k", "/etc/krb5.conf", "-K/etc/krb5.keytab", "-e", "30", "7"};
    ASSERT_TRUE(parsed.result) << parsed.result.error().text();
    EXPECT_TRUE(parsed.result->spnego.trust_dns);
    EXPECT_TRUE(parsed.result->spnego.legacy_uid);
    EXPECT_FALSE(parsed.result->spnego.probe_environment);
    EXPECT_TRUE(parsed.result->debug);
    EXPECT_EQ("/etc/krb5.conf", parsed.result->spnego.krb5_conf);
    EXPECT_EQ("/etc/krb5.keytab", parsed.result->spnego.keytab);
    EXPECT_EQ(30U, parsed.result->expire_seconds);
    EXPECT_EQ(7, parsed.result->key);
}

TEST(HelperOptions, LongOnes) {
    const Parsed parsed{"--trust-dns",    "--legacy-uid",
                        "--krb5conf=/a",  "--keytab=/b",
                        "--no-env-probe", "--expire=1",
                        "--debug",        "--thread-keyring=608768781",
                        "--krb5",         "--test-type=cifs.spnego",
                        "2147483647"};
    ASSERT_TRUE(parsed.result) << parsed.result.error().text();
    EXPECT_TRUE(parsed.result->spnego.trust_dns);
    EXPECT_TRUE(parsed.result->spnego.legacy_uid);
    EXPECT_FALSE(parsed.result->spnego.probe_environment);
    EXPECT_EQ("/a", parsed.result->spnego.krb5_conf);
    EXPECT_EQ("/b", parsed.result->spnego.keytab);
    EXPECT_EQ(1U, parsed.result->expire_seconds);
    EXPECT_TRUE(parsed.result->debug);
    EXPECT_TRUE(parsed.result->krb5_only);
    EXPECT_EQ(608768781, parsed.result->thread_keyring);
    EXPECT_EQ("cifs.spnego", parsed.result->test_type);
    EXPECT_EQ(2147483647, parsed.result->key);
}

TEST(HelperOptions, VersionAndHelp_NeedNoKey) {
    for (const char* word : {"-v", "--version"})
        EXPECT_TRUE(Parsed{word}.result.value().show_version) << word;
    for (const char* word : {"-h", "--help"}) EXPECT_TRUE(Parsed{word}.result.value().show_help) << word;
}

TEST(HelperOptions, Wrong_IsEinval) {
    const std::vector<const char*> lines[] = {
        {},
        {"x"},
        {"0"},
        {"-5"},
        {"2147483648"},
        {"18446744073709551617"},
        {"1 "},
        {"0x1"},
        {""},
        {"1", "2"},
        {"-q", "1"},
        {"--unknown", "1"},
        {"--krb5conf"},
        {"-k"},
        {"-e", "0", "1"},
        {"-e", "-1", "1"},
        {"-e", "x", "1"},
        {"-e", "4294967296", "1"},
        {"--thread-keyring=", "1"},
        {"--thread-keyring=x", "1"},
        {"--thread-keyring=-1", "1"},
        {"--test-type=", "1"},
        {"--test-type=user", "1"},
        {"--trust-dns=yes", "1"},
    };
    for (const auto& line : lines) {
        std::vector<std::string> copies{"cifs.upcall"};
        copies.insert(copies.end(), line.begin(), line.end());
        std::string shown;
        std::vector<char*> argv;
        for (auto& word : copies) {
            shown += word + ' ';
            argv.push_back(word.data());
        }
        argv.push_back(nullptr);
        KeySerial key = 0;
        const auto options = HelperOptions::parse(static_cast<int>(copies.size()), argv.data(), key);
        ASSERT_FALSE(options) << shown;
        EXPECT_EQ(EINVAL, options.error().code) << shown;
    }
}

TEST(HelperOptions, WrongButWithAKey_TellsTheKey) {
    // So that the kernel's caller is not left waiting for a command line's sake.
    EXPECT_EQ(7, (Parsed{"--unknown", "7"}.key));
    EXPECT_EQ(7, (Parsed{"-e", "x", "7"}.key));
    EXPECT_EQ(0, (Parsed{"--unknown", "x"}.key));
}

TEST(HelperOptions, Usage_NamesEveryOption) {
    const std::string_view usage = helper_usage();
    for (const char* word : {"-t, --trust-dns", "-l, --legacy-uid", "-k, --krb5conf", "-K, --keytab",
                             "-E, --no-env-probe", "-e, --expire", "-c ", "--krb5 ", "--thread-keyring",
                             "--test-type", "-d, --debug", "-v, --version", "-h, --help"})
        EXPECT_TRUE(usage.contains(word)) << word;
}

}  // namespace
}  // namespace nsupcall
