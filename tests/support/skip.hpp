#pragma once
/// @file
/// Skipping a test, loudly.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

namespace nsupcall::test {

/// True where a skip must count as a failure: a machine that is meant to run everything (CI).
[[nodiscard]] inline bool skips_are_failures() {
    const char* value = std::getenv("NSUPCALL_NO_SKIP");
    return value != nullptr && std::string_view(value) == "1";
}

}  // namespace nsupcall::test

/// Leaves the current test, saying why it can't run here. Fails it instead where NSUPCALL_NO_SKIP=1.
#define NSUPCALL_SKIP(reason)                                          \
    do {                                                               \
        if (::nsupcall::test::skips_are_failures()) {                  \
            FAIL() << "skipped, and NSUPCALL_NO_SKIP=1: " << (reason); \
        } else {                                                       \
            GTEST_SKIP() << (reason);                                  \
        }                                                              \
    } while (false)
