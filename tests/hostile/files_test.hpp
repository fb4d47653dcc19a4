#pragma once
/// @file
/// The fixture of tests that lay out files for the helper: containers with and without a user namespace.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <functional>

#include "hostile/unprotected.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {

inline constexpr auto kDeadline = std::chrono::milliseconds(2000);
inline constexpr auto kLimit = kDeadline + std::chrono::milliseconds(3000);

/// Once in mounts of its own, once in a user namespace as well.
class Files : public UpcallTest, public testing::WithParamInterface<bool> {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        alice_ = must(realm().ticket("alice"));
        bob_ = must(realm().ticket("bob"));
    }
    void SetUp() override {
        UpcallTest::SetUp();
        use_options({"--test-type=cifs.spnego", fmt::format("--deadline={}", kDeadline.count())});
    }

    static std::uint32_t host_uid() { return unused_uid(10); }
    static std::uint32_t uid() { return GetParam() ? 10 : unused_uid(10); }
    /// Somebody else in the same container.
    static std::uint32_t other_uid() { return GetParam() ? 11 : unused_uid(11); }

    /// Without a ticket; `name` is its KRB5CCNAME.
    static ContainerSpec spec_naming(const std::string& name) {
        ContainerSpec spec;
        spec.root = RootKind::scratch;
        spec.pid_namespace = true;
        spec.uid = spec.gid = uid();
        if (GetParam()) spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
        spec.files = {krb5_conf_file()};
        spec.environment = {"KRB5CCNAME=" + name};
        return spec;
    }
    static ContainerSpec spec_with_alice() {
        auto spec = spec_naming("/tmp/cc");
        spec.files.push_back(ccache_file(alice_, "/tmp/cc", uid()));
        return spec;
    }

    /// Lays something out as the user, before the question is asked.
    static void as_user(const Container& container, const std::function<int()>& body) {
        ASSERT_EQ(0, must(container.run(body, uid(), uid())));
    }

    std::string ask_for(const Container& container) {
        const auto answer = ask(fields_for(container.tid(), host_uid()));
        EXPECT_LT(answer.elapsed, kLimit);
        if (answer.error != 0) return refusal(answer);
        const auto payload = must(parse_payload(answer.payload));
        return must(accept_token(payload.blob, realm().service_keytab(), realm().krb5_conf_path())).client;
    }
    static std::string alice() { return realm().principal("alice"); }

    inline static Ticket alice_, bob_;
};

}  // namespace nsupcall::test
