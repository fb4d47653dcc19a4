/// @file
/// The page of nsupcall map, looked at in a real browser.

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>

#include "admin/map_output.hpp"
#include "example_map.hpp"
#include "support/must.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

/// Runs look_at_page, which fails where the browser shows something else than `expected`.
void look_at(const std::string& page, std::vector<std::string> expected) {
    const auto folder = must(TempDir::create());
    const auto file = folder.path() / "page.html";
    must(write_file(file, page));
    std::vector<std::string> argv = {NSUPCALL_LOOK_PATH, file.string()};
    argv.insert(argv.end(), expected.begin(), expected.end());
    std::vector<std::string> environment = {"HOME=" + folder.path().string()};
    if (const char* keep = std::getenv("NSUPCALL_SCREENSHOT"))
        environment.push_back(std::string("NSUPCALL_SCREENSHOT=") + keep);
    const auto seen = must(run_program(
        {.argv = std::move(argv), .environment = std::move(environment), .limit = std::chrono::seconds(240)}));
    EXPECT_EQ(0, seen.exit_code) << seen.output;
}

TEST(MapPage, Browser_ShowsThePicture) {
    // Cards: 5 places, 5 users, 5 credentials, 6 mounts.
    look_at(admin::map_page(example_map(std::time(nullptr)), {}, {.title = "nsupcall map of node1"}),
            {"--cards=21", "--curves=16", "--text=shop/web-0/app", "--text=report@LAB.TEST",
             "--text=no credential found", "--text=//fs.lab.test/orders on /data", "--colour=cf222e",
             "--colour=1a7f37", "--colour=9a6700"});
}

TEST(MapPage, Browser_TakesHostileNamesAsText) {
    look_at(admin::map_page(hostile_map(std::time(nullptr)), {.everything = true}, {}),
            {"--cards=14", "--no-element=b", "--no-element=script",
             "--text=\\x1b]0;x\\x07<b onload='x'>\\x22&\\x5cn"});
}

}  // namespace
}  // namespace nsupcall::test
