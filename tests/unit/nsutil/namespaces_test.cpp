#include "nsutil/namespaces.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::must;

TEST(NamespaceView, Own_IsThatOfOwnTask) {
    const auto own = must(NamespaceView::own());
    EXPECT_EQ(own, must(NamespaceView::of_task(must(Task::open(::getpid())))));
    for (const auto kind :
         {NamespaceKind::mount, NamespaceKind::net, NamespaceKind::user, NamespaceKind::pid}) {
        // What stat(2) says must be the number that readlink(2) shows to people.
        const std::string path = std::string("/proc/self/ns/") + namespace_name(kind);
        char link[64] = {};
        ASSERT_GT(::readlink(path.c_str(), link, sizeof link - 1), 0);
        EXPECT_EQ(std::string(namespace_name(kind)) + ":[" + std::to_string(own.of(kind).inode) + "]", link);
        EXPECT_TRUE(own.same(kind, own));
    }
    EXPECT_TRUE(own.same_root(own));
}

TEST(NamespaceView, Comparison_SeesDeviceInodeAndRoot) {
    const auto own = must(NamespaceView::own());
    auto other = own;
    other.ids[0].inode++;
    EXPECT_FALSE(own.same(NamespaceKind::mount, other));
    EXPECT_TRUE(own.same(NamespaceKind::net, other));
    EXPECT_NE(own, other);
    other = own;
    other.ids[2].device++;
    EXPECT_FALSE(own.same(NamespaceKind::user, other));
    other = own;
    other.root_inode++;
    EXPECT_FALSE(own.same_root(other));
    EXPECT_NE(own, other);
    other = own;
    other.root_device++;
    EXPECT_FALSE(own.same_root(other));
}

TEST(NamespaceSet, OfOneself_EntersNothing) {
    const auto own = must(NamespaceView::own());
    const auto set = must(NamespaceSet::open(must(Task::open(::getpid())), own));
    for (const auto kind :
         {NamespaceKind::mount, NamespaceKind::net, NamespaceKind::user, NamespaceKind::pid})
        EXPECT_FALSE(set.enters(kind)) << namespace_name(kind);
    EXPECT_FALSE(set.enters_root());
    EXPECT_EQ(own, set.view());
    EXPECT_EQ(IdMap::identity(), set.uid_map());
    EXPECT_EQ(0, set.enter_user());
}

TEST(NamespaceSet, None_IsTheOwnView) {
    const auto own = must(NamespaceView::own());
    const auto set = NamespaceSet::none(own);
    EXPECT_EQ(own, set.view());
    EXPECT_FALSE(set.enters(NamespaceKind::user));
    EXPECT_FALSE(set.enters_root());
    EXPECT_EQ(IdMap::identity(), set.uid_map());
}

}  // namespace
}  // namespace nsutil
