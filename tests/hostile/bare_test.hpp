#pragma once
/// @file
/// A container with nothing in it but what a test lays out, and no realm.

#include <fmt/format.h>
#include <sys/stat.h>

#include "support/upcall_test.hpp"

namespace nsupcall::test {

class BareTest : public UpcallTest {
  protected:
    static void SetUpTestSuite() {}  // no realm: nothing here asks for a token
    void SetUp() override {}
    void TearDown() override {}

    /// A container with the intruder (a library that leaves a mark where it is loaded) under these paths.
    static Container start(const std::vector<std::string>& libraries, const std::vector<ContainerFile>& files,
                           bool user_namespace) {
        ContainerSpec spec;
        spec.root = RootKind::scratch;
        spec.pid_namespace = true;
        spec.uid = spec.gid = inside_uid(user_namespace);
        if (user_namespace) spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
        const auto intruder = must(read_file(INTRUDER_PATH));
        for (const auto& path : libraries)
            spec.files.push_back({.path = path, .content = intruder, .mode = 0755});
        for (const auto& file : files) spec.files.push_back(file);
        return must(Container::start(spec));
    }
    static std::uint32_t host_uid() { return unused_uid(10); }
    static std::uint32_t inside_uid(bool user_namespace) { return user_namespace ? 10 : host_uid(); }

    static constexpr const char* kMark = "/tmp/intruder-was-here";
    static bool marked(const Container& container) {
        struct stat info {};
        return ::lstat(fmt::format("/proc/{}/root{}", container.pid(), kMark).c_str(), &info) == 0;
    }
};

}  // namespace nsupcall::test
