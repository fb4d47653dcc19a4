/// @file
/// nsupcall doctor on kernels of other kinds: files of /proc that say so, and another release.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/must.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DoctorKernel : public testing::Test {
  protected:
    /// What `nsupcall doctor` says of one thing: "status: text; fix", a line each.
    static std::string examine(const std::string& id, const std::vector<std::string>& before) {
        std::vector<std::string> argv = before;
        argv.insert(argv.end(), {NSUPCALL_COMMAND_PATH, "doctor", "--json", "--no-kdc", "--no-self-test"});
        const auto finished = must(run_program({.argv = argv}));
        const auto document = nlohmann::json::parse(finished.output, nullptr, false);
        if (!document.is_object()) return "no JSON: " + finished.output;
        std::string all;
        for (const auto& check : document["checks"])
            if (check["id"] == id)
                all += fmt::format("{}: {}; {}\n", check["status"].get<std::string>(),
                                   check["text"].get<std::string>(),
                                   check["fix"].is_null() ? "" : check["fix"].get<std::string>());
        return all;
    }
    /// The same where the file at `path` has other contents.
    static std::string examine_with(const std::string& id, const std::string& path, const std::string& text) {
        const auto folder = must(TempDir::create());
        const auto file = (folder.path() / "file").string();
        must(write_file(file, text, 0644));
        return examine(id, {"unshare", "--mount", "sh", "-c",
                            "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"", file, path});
    }
};

TEST_F(DoctorKernel, UsersNearTheQuotaOfKeys_AreNamed) {
    const std::string ends = " 1001:     9 9/9 9/200 90/20000\n";
    EXPECT_THAT(examine_with("key-quota", "/proc/key-users",
                             "    0:    80 79/79 69/1000000 1500/25000000\n"
                             " 1000:   190 190/190 190/200 4000/20000\n" +
                                 ends),
                AllOf(HasSubstr("warning: uid 1000 holds 190 of 200 keys"), HasSubstr("kernel.keys.maxkeys"),
                      Not(HasSubstr("uid 0")), Not(HasSubstr("uid 1001"))));
    EXPECT_THAT(examine_with("key-quota", "/proc/key-users", "    0:    5 5/5 5/1000 24999/25000\n" + ends),
                AllOf(HasSubstr("warning: uid 0 holds"), HasSubstr("kernel.keys.root_maxbytes")));
    EXPECT_THAT(examine_with("key-quota", "/proc/key-users", ends), HasSubstr("ok: no user of 1 is near"));
}

TEST_F(DoctorKernel, UserNamespacesThatAreSwitchedOff_AreTold) {
    const std::string limit = "/proc/sys/user/max_user_namespaces";
    EXPECT_THAT(examine_with("user-namespaces", limit, "0\n"),
                AllOf(HasSubstr("warning: user namespaces are switched off"), HasSubstr("sysctl")));
    EXPECT_THAT(examine_with("user-namespaces", limit, "15000\n"),
                HasSubstr("user namespaces: 15000 at most"));
}

TEST_F(DoctorKernel, KnownHole_IsToldByTheRelease) {
    if (std::filesystem::exists("/sys/module/cifs"))
        NSUPCALL_SKIP("the kernel itself says whether it has the hole");
    // A release of 2.6, which no kernel that this runs on has.
    EXPECT_THAT(examine("forged-requests", {"setarch", "--uname-2.6"}),
                AllOf(HasSubstr("Linux 2.6."), HasSubstr("CVE-2026-46243"), HasSubstr("kernel update"),
                      Not(HasSubstr("ok: "))));
}

}  // namespace
}  // namespace nsupcall::test
