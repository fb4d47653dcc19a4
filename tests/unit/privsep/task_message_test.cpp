#include "privsep/task_message.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "credentials/host_profile.hpp"
#include "support/must.hpp"

namespace nsupcall {
namespace {

using namespace std::chrono_literals;
using nsutil::Deadline;
using nsutil::NamespaceSet;
using nsutil::UniqueFd;
using test::must;

UniqueFd open_file(const char* path) {
    return UniqueFd(::open(path, O_RDONLY | O_CLOEXEC));
}

std::pair<dev_t, ino_t> identity(int fd) {
    struct stat info = {};
    EXPECT_EQ(0, ::fstat(fd, &info));
    return {info.st_dev, info.st_ino};
}

/// Copies, as the kernel makes them.
std::vector<UniqueFd> copies_of(const std::vector<int>& descriptors) {
    std::vector<UniqueFd> copies;
    for (const int fd : descriptors) copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    return copies;
}

class TaskMessages : public testing::Test {
  protected:
    /// A task in which nothing has its usual value.
    [[nodiscard]] WorkerTask full_task() const {
        WorkerTask task{.namespaces = namespaces_, .host_uid = 4000000000U, .inside_uid = 7, .host_gid = 8};
        task.host_groups = {9, 10, 4000000001U};
        task.environ_dir = environ_.get();
        task.security = Security::mskrb5;
        auto& query = task.query;
        query.host = "files.lab.test";
        query.address = "10.0.0.1";
        query.user = "LAB\\alice";
        query.inside_uid = 7;
        query.host_uid = 4000000000U;
        query.container = "0123abcd";
        query.environment.note = "switched off";
        query.session_ccache = "FILE:/tmp/x";
        query.kept_tickets = {std::byte{1}, std::byte{0}, std::byte{2}};
        query.trust_dns = true;
        auto& settings = query.settings;
        settings.sources = {Source::keytab, Source::environment};
        settings.ccaches = {"FILE:/a/%{uid}", ""};
        settings.services = {"cifs/%{label}"};
        settings.principal = "%{label}$";
        settings.keytab_first_entry = true;
        settings.ticket_cache = true;
        settings.network = NetworkChoice::host;
        settings.rule = "20-web";
        return task;
    }

    UniqueFd environ_ = open_file("/proc/self");
    NamespaceSet namespaces_ =
        NamespaceSet::adopt(open_file("/dev/null"), UniqueFd(), open_file("/dev/zero"), open_file("/"));
    Deadline deadline_ = Deadline::after(7s);
};

TEST_F(TaskMessages, WholeTask_ArrivesAsItWas) {
    const auto task = full_task();
    const auto message = must(encode_task(task, {"cifs.upcall", "77"}, deadline_));
    auto received = must(decode_task(message.bytes, copies_of(message.descriptors)));
    EXPECT_EQ("cifs.upcall", received.title.name);
    EXPECT_EQ("77", received.title.word);
    EXPECT_EQ(deadline_.end(), received.deadline.end());
    const auto& got = received.task;
    EXPECT_EQ(task.host_uid, got.host_uid);
    EXPECT_EQ(task.inside_uid, got.inside_uid);
    EXPECT_EQ(task.host_gid, got.host_gid);
    EXPECT_EQ(task.host_groups, got.host_groups);
    EXPECT_EQ(task.security, got.security);
    EXPECT_EQ(nullptr, got.profile);
    EXPECT_EQ(nullptr, got.examine);
    EXPECT_EQ(task.query.host, got.query.host);
    EXPECT_EQ(task.query.address, got.query.address);
    EXPECT_EQ(task.query.user, got.query.user);
    EXPECT_EQ(task.query.inside_uid, got.query.inside_uid);
    EXPECT_EQ(task.query.host_uid, got.query.host_uid);
    EXPECT_EQ(task.query.container, got.query.container);
    EXPECT_EQ(task.query.environment.note, got.query.environment.note);
    EXPECT_EQ(task.query.session_ccache, got.query.session_ccache);
    EXPECT_EQ(task.query.kept_tickets, got.query.kept_tickets);
    EXPECT_EQ(task.query.trust_dns, got.query.trust_dns);
    const auto& settings = task.query.settings;
    EXPECT_EQ(settings.sources, got.query.settings.sources);
    EXPECT_EQ(settings.ccaches, got.query.settings.ccaches);
    EXPECT_EQ(settings.services, got.query.settings.services);
    EXPECT_EQ(settings.principal, got.query.settings.principal);
    EXPECT_EQ(settings.keytab_first_entry, got.query.settings.keytab_first_entry);
    EXPECT_EQ(settings.ticket_cache, got.query.settings.ticket_cache);
    EXPECT_EQ(settings.network, got.query.settings.network);
    EXPECT_EQ(settings.rule, got.query.settings.rule);
}

TEST_F(TaskMessages, Descriptors_ArriveInTheirPlaces) {
    const auto message = must(encode_task(full_task(), {}, deadline_));
    ASSERT_EQ(4U, message.descriptors.size());
    auto received = must(decode_task(message.bytes, copies_of(message.descriptors)));
    const auto sent = namespaces_.handles();
    const auto got = received.task.namespaces.handles();
    EXPECT_EQ(identity(sent.mount), identity(got.mount));
    EXPECT_EQ(-1, got.net);
    EXPECT_EQ(identity(sent.user), identity(got.user));
    EXPECT_EQ(identity(sent.root), identity(got.root));
    EXPECT_EQ(identity(environ_.get()), identity(received.task.environ_dir));
}

TEST_F(TaskMessages, NothingToEnter_NeedsNoDescriptor) {
    const auto none = NamespaceSet::none({});
    const WorkerTask task{.namespaces = none};
    const auto message = must(encode_task(task, {}, deadline_));
    EXPECT_TRUE(message.descriptors.empty());
    auto received = must(decode_task(message.bytes, {}));
    EXPECT_EQ(-1, received.task.environ_dir);
    EXPECT_EQ(-1, received.task.namespaces.handles().root);
}

TEST_F(TaskMessages, WrongNumberOfDescriptors_IsRefused) {
    const auto message = must(encode_task(full_task(), {}, deadline_));
    auto few = copies_of(message.descriptors);
    few.pop_back();
    EXPECT_FALSE(decode_task(message.bytes, std::move(few)));
    auto many = copies_of(message.descriptors);
    many.push_back(open_file("/dev/null"));
    EXPECT_FALSE(decode_task(message.bytes, std::move(many)));
    EXPECT_FALSE(decode_task(message.bytes, {}));
}

TEST_F(TaskMessages, CutOffAnywhere_IsRefused) {
    const auto message = must(encode_task(full_task(), {"cifs.upcall", "77"}, deadline_));
    for (std::size_t size = 0; size < message.bytes.size(); ++size)
        ASSERT_FALSE(decode_task(std::span(message.bytes).first(size), copies_of(message.descriptors)))
            << size;
}

TEST_F(TaskMessages, BytesLeftOver_AreRefused) {
    auto message = must(encode_task(full_task(), {}, deadline_));
    message.bytes.push_back(std::byte{0});
    EXPECT_FALSE(decode_task(message.bytes, copies_of(message.descriptors)));
}

TEST_F(TaskMessages, AnyByteChanged_IsRefusedOrStaysWithinLimits) {
    const auto message = must(encode_task(full_task(), {"cifs.upcall", "77"}, deadline_));
    std::size_t refused = 0;
    for (std::size_t at = 0; at < message.bytes.size(); ++at) {
        auto bytes = message.bytes;
        bytes[at] ^= std::byte{0xff};
        const auto received = decode_task(bytes, copies_of(message.descriptors));
        if (!received) {
            ++refused;
            EXPECT_EQ(EPROTO, received.error().code);
            continue;
        }
        EXPECT_LE(received->task.security, Security::mskrb5);
        EXPECT_LE(received->task.query.settings.network, NetworkChoice::host);
        for (const auto source : received->task.query.settings.sources) EXPECT_LE(source, Source::gssproxy);
    }
    EXPECT_GT(refused, 50U);
}

TEST_F(TaskMessages, WhatOnlyAForkCarries_IsNotSent) {
    const auto refusal = [&](const auto& change) {
        auto task = full_task();
        change(task);
        const auto message = encode_task(task, {}, deadline_);
        return message ? 0 : message.error().code;
    };
    EXPECT_EQ(0, refusal([](WorkerTask&) {}));
    EXPECT_EQ(ENOTSUP, refusal([](WorkerTask& task) { task.query.host_keytab = "MEMORY:x"; }));
    EXPECT_EQ(ENOTSUP, refusal([](WorkerTask& task) { task.query.rule_keytab = "MEMORY:x"; }));
    EXPECT_EQ(ENOTSUP, refusal([](WorkerTask& task) { task.query.host_ccaches = {{"/a", "MEMORY:x", ""}}; }));
    EXPECT_EQ(ENOTSUP, refusal([](WorkerTask& task) {
                  task.examine = [](krb5_context, const CredentialQuery&, Reply&) {
                      return nsutil::Result<void>();
                  };
              }));
    for (const auto choice : {GssProxyChoice::on_request, GssProxyChoice::always})
        EXPECT_EQ(ENOTSUP, refusal([&](WorkerTask& task) { task.query.settings.gssproxy = choice; }));
    EXPECT_EQ(ENOTSUP,
              refusal([](WorkerTask& task) { task.profile = reinterpret_cast<const HostProfile*>(&task); }));
}

TEST_F(TaskMessages, TooMuchOfAnything_IsNotSent) {
    const auto fits = [&](const auto& change) {
        auto task = full_task();
        change(task);
        return encode_task(task, {}, deadline_).has_value();
    };
    EXPECT_TRUE(fits([](WorkerTask& task) { task.query.session_ccache.assign(4096, 'x'); }));
    EXPECT_FALSE(fits([](WorkerTask& task) { task.query.session_ccache.assign(4097, 'x'); }));
    EXPECT_TRUE(fits([](WorkerTask& task) { task.host_groups.assign(8192, 1); }));
    EXPECT_FALSE(fits([](WorkerTask& task) { task.host_groups.assign(8193, 1); }));
    EXPECT_FALSE(fits([](WorkerTask& task) { task.query.settings.ccaches.assign(257, "x"); }));
    EXPECT_FALSE(
        fits([](WorkerTask& task) { task.query.settings.ccaches.assign(200, std::string(4000, 'x')); }));
}

}  // namespace
}  // namespace nsupcall
