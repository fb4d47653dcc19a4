#pragma once
/// @file
/// Tests whose effects can't be undone (namespaces, ids, filters) run in a forked child.
///
///     FORKED_TEST(Credentials, Drop_AsRoot_CannotRegain) { ... ASSERT_... }
///
/// Inside a fixture: `TEST_F(Fixture, name) { run_forked([&] { ... }); }`.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

namespace nsupcall::test {

/// Runs `body` in a forked child and reports every failure (and skip) of it here, at its own file and line.
///
/// A child that dies of a signal, exits by itself or is not done after `limit` (it is killed then) is a
/// failure as well. Nothing that the child changes in memory is seen here.
void run_forked(const std::function<void()>& body, std::chrono::seconds limit = std::chrono::seconds(60));

}  // namespace nsupcall::test

#define FORKED_TEST(suite, name)                                         \
    static void nsupcall_forked_##suite##_##name();                      \
    TEST(suite, name) {                                                  \
        ::nsupcall::test::run_forked(&nsupcall_forked_##suite##_##name); \
    }                                                                    \
    static void nsupcall_forked_##suite##_##name()
