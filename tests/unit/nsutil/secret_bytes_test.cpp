#include "nsutil/secret_bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace nsutil {
namespace {

TEST(SecretBytes, Allocator_WipesBeforeItFrees) {
    // Freed memory cannot be looked at, so the wiping is seen through an allocation that stays mapped: glibc
    // keeps small chunks in its cache and overwrites only their first two words.
    constexpr std::size_t kBytes = 512;
    [[maybe_unused]] constexpr std::size_t kHeapWords = 16;
    WipingAllocator<std::byte> allocator;
    std::byte* at = allocator.allocate(kBytes);
    std::fill_n(at, kBytes, std::byte{0xa5});
#if defined(__SANITIZE_ADDRESS__)
    allocator.deallocate(at, kBytes);
    GTEST_SUCCEED() << "the sanitizer forbids the look";
#else
    const auto address = reinterpret_cast<std::uintptr_t>(at);
    allocator.deallocate(at, kBytes);
    const auto* seen = reinterpret_cast<const volatile unsigned char*>(address);
    for (std::size_t index = kHeapWords; index < kBytes; ++index) ASSERT_EQ(0, seen[index]) << index;
#endif
}

TEST(SecretBytes, BehavesAsAVector) {
    SecretBytes bytes(3, std::byte{7});
    const SecretBytes copy = bytes;
    bytes.resize(10000);
    EXPECT_EQ(std::byte{7}, bytes[2]);
    EXPECT_EQ(std::byte{0}, bytes[9999]);
    EXPECT_EQ(3U, copy.size());
    const SecretBytes moved = std::move(bytes);
    EXPECT_EQ(10000U, moved.size());
    EXPECT_NE(copy, moved);
}

}  // namespace
}  // namespace nsutil
