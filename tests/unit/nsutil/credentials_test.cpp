#include "nsutil/credentials.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace nsutil {
namespace {

/// A task that has given everything up.
TaskStatus dropped() {
    TaskStatus status;
    status.uids = {5001, 5001, 5001, 5001};
    status.gids = {65534, 65534, 65534, 65534};
    status.groups = {7, 12};
    return status;
}

TEST(ShowsOnly, ExactlyThis_InAnyOrderOfGroups) {
    EXPECT_TRUE(shows_only(dropped(), 5001, 65534, std::vector<gid_t>{7, 12}));
    EXPECT_TRUE(shows_only(dropped(), 5001, 65534, std::vector<gid_t>{12, 7}));
}

TEST(ShowsOnly, AnyDifference_IsSeen) {
    struct {
        const char* what;
        void (*spoil)(TaskStatus&);
    } const cases[] = {
        {"real uid", [](TaskStatus& s) { s.uids.real = 0; }},
        {"effective uid", [](TaskStatus& s) { s.uids.effective = 0; }},
        {"saved uid", [](TaskStatus& s) { s.uids.saved = 0; }},
        {"file system uid", [](TaskStatus& s) { s.uids.filesystem = 0; }},
        {"real gid", [](TaskStatus& s) { s.gids.real = 0; }},
        {"effective gid", [](TaskStatus& s) { s.gids.effective = 0; }},
        {"saved gid", [](TaskStatus& s) { s.gids.saved = 0; }},
        {"file system gid", [](TaskStatus& s) { s.gids.filesystem = 0; }},
        {"one group more", [](TaskStatus& s) { s.groups.push_back(27); }},
        {"one group less", [](TaskStatus& s) { s.groups.pop_back(); }},
        {"another group", [](TaskStatus& s) { s.groups[0] = 0; }},
        {"no group", [](TaskStatus& s) { s.groups.clear(); }},
        {"permitted", [](TaskStatus& s) { s.cap_permitted = 1; }},
        {"effective", [](TaskStatus& s) { s.cap_effective = 1ULL << 40U; }},
        {"inheritable", [](TaskStatus& s) { s.cap_inheritable = 2; }},
        {"ambient", [](TaskStatus& s) { s.cap_ambient = 1ULL << 63U; }},
        {"bounding", [](TaskStatus& s) { s.cap_bounding = 1; }},
    };
    for (const auto& [what, spoil] : cases) {
        auto status = dropped();
        spoil(status);
        EXPECT_FALSE(shows_only(status, 5001, 65534, std::vector<gid_t>{7, 12})) << what;
    }
    EXPECT_FALSE(shows_only(dropped(), 5002, 65534, std::vector<gid_t>{7, 12}));
    EXPECT_FALSE(shows_only(dropped(), 5001, 0, std::vector<gid_t>{7, 12}));
    EXPECT_FALSE(shows_only(dropped(), 5001, 65534, std::vector<gid_t>{7, 7}));
}

}  // namespace
}  // namespace nsutil
