/// @file
/// Descriptions that no kernel sends are refused with EINVAL. Each is asked for beside a requester that has a
/// valid ticket, so that a helper which overlooks the flaw answers with a token.

#include <fmt/format.h>

#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

struct Row {
    const char* name;
    /// {H} is the host, {U} the user in hex, {P} the thread in hex.
    std::string description;
};

class Malformed : public UpcallTest, public testing::WithParamInterface<Row> {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        container_ = std::make_unique<Container>(
            must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid()))));
    }
    static void TearDownTestSuite() {
        container_.reset();
        UpcallTest::TearDownTestSuite();
    }

    static std::string filled_in(std::string text) {
        const std::pair<std::string, std::string> words[] = {
            {"{H}", host()},
            {"{U}", fmt::format("{:#x}", unused_uid())},
            {"{P}", fmt::format("{:#x}", container_->tid())}};
        for (const auto& [from, to] : words) {
            for (std::size_t at; (at = text.find(from)) != std::string::npos;)
                text.replace(at, from.size(), to);
        }
        return text;
    }

    inline static std::unique_ptr<Container> container_;
};

TEST_P(Malformed, Description_IsEinval) {
    const auto description = filled_in(GetParam().description);
    // Not every one begins as the rule wants: this one has a rule of its own, without a wildcard.
    add_rule(description);
    const auto answer = ask_text(description);
    EXPECT_EQ("EINVAL", refusal(answer)) << description;
}

const Row kRows[] = {
    {"NoVersion", "host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"OldVersion", "ver=0x1;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"NewVersion", "ver=0x3;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"DecimalVersion", "ver=2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"NoHost", "ver=0x2;ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"EmptyHost", "ver=0x2;host=;ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"LongHost",
     "ver=0x2;host={H}" + std::string(1100, 'x') + ";ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"HostWithSlash", "ver=0x2;host={H}/x;ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"HostWithRealm", "ver=0x2;host={H}@OTHER.TEST;ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"HostInjectsAddress",
     "ver=0x2;host={H};ip4=127.0.0.1;ip4=127.0.0.2;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"HostInjectsUid", "ver=0x2;host={H};creduid={U};ip4=127.0.0.1;sec=krb5;uid={U};creduid=0x0;pid={P}"},
    {"NoAddress", "ver=0x2;host={H};sec=krb5;uid={U};creduid={U};pid={P}"},
    {"EmptyAddress", "ver=0x2;host={H};ip4=;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"BadAddress", "ver=0x2;host={H};ip4=127.0.0.256;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"HostNameAsAddress", "ver=0x2;host={H};ip4=localhost;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"Ip6InIp4", "ver=0x2;host={H};ip4=::1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"BadIp6", "ver=0x2;host={H};ip6=fe80::1::2;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"NoSec", "ver=0x2;host={H};ip4=127.0.0.1;uid={U};creduid={U};pid={P}"},
    {"UnknownSec", "ver=0x2;host={H};ip4=127.0.0.1;sec=ntlm;uid={U};creduid={U};pid={P}"},
    {"SecWithTail", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5x;uid={U};creduid={U};pid={P}"},
    {"NoUid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;creduid={U};pid={P}"},
    {"EmptyUid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid=;creduid={U};pid={P}"},
    {"DecimalUid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid=1000;creduid={U};pid={P}"},
    {"NegativeUid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid=0x-1;creduid={U};pid={P}"},
    {"UidBeyond32Bits", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid=0x100000000;creduid={U};pid={P}"},
    {"UidWithTail", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid=0x0g;creduid={U};pid={P}"},
    {"NoCreduid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};pid={P}"},
    {"CreduidBeyond32Bits", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid=0x100000000;pid={P}"},
    {"CreduidOfNobodyAtAll", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid=0xffffffff;pid={P}"},
    {"CreduidUpperCase", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid=0X3E8;pid={P}"},
    {"CreduidBeforeUid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;creduid={U};uid={U};pid={P}"},
    {"UserInjectsCreduid",
     "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};user=x;creduid=0x0;pid={P}"},
    {"UserInjectsPid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};user=x;pid=0x1;pid={P}"},
    {"UserInjectsTarget",
     "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};user=x;pid={P};upcall_target=mount;pid={"
     "P}"},
    {"TwoUsers", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};user=x;user=y;pid={P}"},
    {"LongUser", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};user=" +
                     std::string(1100, 'u') + ";pid={P}"},
    {"UserWithControlCharacter",
     "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};user=a\x01z;pid={P}"},
    {"NoPid", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U}"},
    {"PidZero", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid=0x0"},
    {"PidNegative", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid=0xffffffff"},
    {"PidDecimal", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid=1"},
    {"PidTwice", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P};pid={P}"},
    {"UnknownTarget",
     "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P};upcall_target=host"},
    {"EmptyTarget", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P};upcall_target="},
    {"TargetTwice",
     "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P};upcall_target=app;upcall_target="
     "app"},
    {"UnknownField",
     "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P};upcall_target=app;x=y"},
    {"TrailingSemicolon", "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P};"},
    {"EmptyField", "ver=0x2;host={H};;ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P}"},
    {"OnlyVersion", "ver=0x2;x={P}"},
    {"Nothing", "{H}{P}"},
};

INSTANTIATE_TEST_SUITE_P(Table, Malformed, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(Malformed, WellFormed_IsServed) {
    // The control: what makes each row wrong is the flaw alone.
    (void)expect_token(
        ask_text(filled_in(
            "ver=0x2;host={H};ip4=127.0.0.1;sec=krb5;uid={U};creduid={U};pid={P};upcall_target=app")),
        "alice");
}

}  // namespace
}  // namespace nsupcall::test
