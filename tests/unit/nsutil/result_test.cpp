#include "nsutil/result.hpp"

#include <gtest/gtest.h>

namespace nsutil {
namespace {

Result<int> inner() {
    return fail(ENOKEY, "no credentials");
}

Result<std::string> outer() {
    auto value = inner();
    if (!value) return propagate(value, "requester");
    return std::to_string(*value);
}

TEST(Result, Fail_CarriesCodeAndPlace) {
    const auto result = inner();
    ASSERT_FALSE(result);
    EXPECT_EQ(ENOKEY, result.error().code);
    EXPECT_EQ(ErrorDomain::errno_, result.error().domain);
    EXPECT_EQ("no credentials", result.error().what);
    EXPECT_TRUE(std::string_view(result.error().where.file_name()).ends_with("result_test.cpp"));
    EXPECT_EQ("no credentials", result.error().text());
}

TEST(Result, Propagate_AddsContextAndKeepsTheRest) {
    const auto result = outer();
    ASSERT_FALSE(result);
    EXPECT_EQ(ENOKEY, result.error().code);
    EXPECT_EQ("requester: no credentials", result.error().what);
    EXPECT_EQ(inner().error().where.line(), result.error().where.line());
}

TEST(Result, FailErrno_ReadsErrnoFirst) {
    errno = EACCES;
    const Result<void> result = fail_errno(std::string_view("open /x"));
    EXPECT_EQ(EACCES, result.error().code);
    EXPECT_EQ(EACCES, result.error().native);
    EXPECT_EQ("open /x: Permission denied", result.error().text());
}

TEST(Result, Text_OfAnotherDomain_ShowsItsNumber) {
    const Error error{EKEYREJECTED, ErrorDomain::krb5, -1765328377, "ticket", {}};
    EXPECT_EQ("ticket (-1765328377)", error.text());
}

TEST(Result, Text_OfUnknownErrno_IsStillText) {
    const Error error{4000, ErrorDomain::errno_, 4000, "odd", {}};
    EXPECT_EQ("odd", error.text());
}

TEST(ErrnoName, KnownAndUnknown) {
    EXPECT_EQ("ENOKEY", errno_name(ENOKEY));
    EXPECT_EQ("EKEYEXPIRED", errno_name(EKEYEXPIRED));
    EXPECT_EQ("errno 4000", errno_name(4000));
    EXPECT_EQ("errno -1", errno_name(-1));
}

}  // namespace
}  // namespace nsutil
