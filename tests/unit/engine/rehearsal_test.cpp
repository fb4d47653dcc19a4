#include "engine/rehearsal.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace nsupcall::engine {
namespace {

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        count += entry.exists() ? 1 : 0;
    return count;
}

TEST(ServantsRehearsal, ComesToItsEnd_AndLeavesNoDescriptor) {
    PreparedRules rules("/nowhere/nsupcall.conf");
    rules.refresh();
    const auto before = open_descriptors();
    EXPECT_TRUE(rehearse_answer(rules));
    EXPECT_TRUE(rehearse_answer(rules));
    EXPECT_EQ(before, open_descriptors());
}

}  // namespace
}  // namespace nsupcall::engine
