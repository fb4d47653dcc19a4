#include "keys/reject_seconds.hpp"

#include <gtest/gtest.h>
#include <keyutils.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace nsupcall {
namespace {

TEST(RejectSeconds, LastHalfASecond_ByTheKernelsOwnClock) {
    ASSERT_GT(::keyctl_join_session_keyring(nullptr), 0);
    // Both sides of a second's beginning, where the precise clock is ahead of the kernel's, and of its
    // middle.
    constexpr long kMillisecond = 1'000'000, kSecond = 1000 * kMillisecond;
    for (const long begin : {kSecond - 2 * kMillisecond, 0L, kMillisecond / 10, kMillisecond,
                             3 * kMillisecond, kSecond / 2 - kMillisecond, kSecond / 2}) {
        SCOPED_TRACE(begin);
        const auto key = ::add_key("user", "nsupcall-reject-seconds", "x", 1, KEY_SPEC_SESSION_KEYRING);
        ASSERT_GT(key, 0);
        timespec now = {};
        do ASSERT_EQ(0, ::clock_gettime(CLOCK_REALTIME, &now));
        while (now.tv_nsec < begin || now.tv_nsec > begin + kMillisecond / 2);
        timespec coarse = {};
        ASSERT_EQ(0, ::clock_gettime(kRejectClock, &coarse));
        // The life that a rejected key gets is reckoned in the same way (Linux key_set_timeout,
        // key_reject_and_link).
        ASSERT_EQ(0, ::keyctl_set_timeout(key, reject_seconds(coarse.tv_nsec)));
        char byte = 0;
        constexpr useconds_t kAWhile = 250'000;
        (void)::usleep(kAWhile);
        EXPECT_EQ(1, ::keyctl_read(key, &byte, 1)) << ::strerror(errno);
        ASSERT_EQ(0, ::keyctl_invalidate(key));
    }
}

}  // namespace
}  // namespace nsupcall
