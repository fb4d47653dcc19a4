/// @file
/// main() of every test executable.

#include <gtest/gtest.h>

namespace {
/// ctest's SKIP_RETURN_CODE in nsupcall_add_test.
constexpr int kSkipped = 77;
}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const int failed = RUN_ALL_TESTS();
    const auto& run = *testing::UnitTest::GetInstance();
    if (run.total_test_count() == 0) return 1;  // an executable without tests proves nothing
    if (failed == 0 && run.skipped_test_count() > 0) return kSkipped;
    return failed;
}
