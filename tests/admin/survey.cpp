/// @file
/// The survey of all processes, over containers of bare namespaces.

#include "admin/survey.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/container.hpp"
#include "support/must.hpp"

namespace nsupcall::test {
namespace {

using admin::Survey;
using admin::SurveyedPlace;

const SurveyedPlace* place_of(const Survey& survey, pid_t tgid) {
    struct stat info = {};
    if (::stat(("/proc/" + std::to_string(tgid) + "/ns/mnt").c_str(), &info) != 0) return nullptr;
    for (const auto& place : survey.places)
        if (place.mount == nsutil::NamespaceId{info.st_dev, info.st_ino}) return &place;
    return nullptr;
}

TEST(Survey, ContainersAreFound_WithTheirUsersAsTheHostHasThem) {
    ContainerSpec rootless;
    rootless.pid_namespace = true;
    rootless.user = UserNamespaceSpec::same({{0, 700000, 65536}});
    rootless.uid = rootless.gid = 1000;
    const auto first = must(Container::start(rootless));
    ContainerSpec plain;
    plain.pid_namespace = true;
    const auto second = must(Container::start(plain));

    const auto survey = must(Survey::take({}));
    ASSERT_TRUE(survey.places.front().is_host);
    EXPECT_TRUE(survey.places.front().users.contains(0));
    const auto* place = place_of(survey, first.pid());
    ASSERT_NE(nullptr, place);
    EXPECT_FALSE(place->is_host);
    EXPECT_FALSE(place->host_service);
    ASSERT_TRUE(place->users.contains(701000));
    EXPECT_EQ(first.pid(), place->users.at(701000).tgid);
    EXPECT_NE(survey.places.front().user, place->user);
    const auto* other = place_of(survey, second.pid());
    ASSERT_NE(nullptr, other);
    EXPECT_NE(place, other);
    EXPECT_TRUE(other->users.contains(0));
    EXPECT_EQ(survey.places.front().user, other->user);
}

TEST(Survey, ServicesOfTheHost_AreTold) {
    ContainerSpec service;  // its own mounts, nothing else: as with PrivateTmp
    const auto process = must(Container::start(service));
    const auto survey = must(Survey::take({}));
    const auto* place = place_of(survey, process.pid());
    ASSERT_NE(nullptr, place);
    EXPECT_TRUE(place->host_service);
}

TEST(Survey, KernelThreadsAndTheDead_AreLeftOut) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t info = {};
    ASSERT_EQ(0, ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT));
    const auto survey = must(Survey::take({}));
    for (const auto& place : survey.places)
        for (const auto& [uid, inhabitant] : place.users) EXPECT_NE(child, inhabitant.tgid);
    ASSERT_EQ(0, ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED));
}

}  // namespace
}  // namespace nsupcall::test
