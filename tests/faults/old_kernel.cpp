/// @file
/// A kernel without the calls that came after Linux 5.0 (openat2, pidfd_*, close_range, clone3, landlock_*,
/// and setns with a pidfd): every kind of requester has its token all the same, by a helper and by an engine.

#include <fmt/format.h>

#include "fault_test.hpp"
#include "nsutil/task.hpp"

namespace nsupcall::test {
namespace {

enum class Asker : std::uint8_t { host, mount_namespace, user_namespace, kernel_thread, keytab_rule };

struct Row {
    const char* name;
    Asker asker;
    bool engine;
    friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class OldKernel : public FaultTest, public testing::WithParamInterface<Row> {
  protected:
    void SetUp() override {
        FaultTest::SetUp();
        make_asker(GetParam().asker);
    }

    void make_asker(Asker asker) {
        const auto alice = must(realm().ticket("alice"));
        auto spec = spec_with_ticket(alice, user());
        if (asker == Asker::host) {
            spec.mount_namespace = spec.pid_namespace = false;
            spec.files.clear();
            const auto ccache = folder_->path() / "ccache";
            must(write_file(ccache, alice.ccache, 0600, user(), user()));
            std::filesystem::permissions(folder_->path(), std::filesystem::perms(0711));
            spec.environment = {"KRB5CCNAME=FILE:" + ccache.string()};
            options_ = {"-k", realm().krb5_conf_path().string()};
        } else if (asker == Asker::user_namespace) {
            spec = spec_with_ticket(alice, 10);
            spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
        } else if (asker == Asker::keytab_rule) {
            spec.files.pop_back();
            const auto keytab = folder_->path() / "keytab", rules = folder_->path() / "rules";
            must(write_file(keytab, must(realm().keytab_of("alice")), 0600));
            must(write_file(rules, fmt::format("[rules]\n r = {{\n kind = container\n keytab = {}\n"
                                               " keytab_first_entry = yes\n }}\n",
                                               keytab.string())));
            options_ = {"--config=" + rules.string()};
        }
        container_.emplace(must(Container::start(spec)));
        auto fields = fields_for(container_->tid(), user());
        fields.host = service_host_;
        fields.user = "root";
        if (asker == Asker::keytab_rule) fields.user.reset();
        description_ = fields.description();
    }

    void watch_the_side_of(const Row& row) {
        set_plan("broker", 0, "old");
        if (row.engine)
            watch_engine(options_);
        else
            watch(NSUPCALL_HELPER_PATH, {}, options_);
    }

    /// A reconnect of the same session.
    void ask_as_kernel_thread() {
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const pid_t tid = std::atoi(entry.path().filename().c_str());
            const auto task = nsutil::Task::open(tid);
            const auto stat = task ? task->stat() : nsutil::fail(ESRCH, "");
            if (!stat || !stat->is_kernel_thread()) continue;
            auto fields = fields_for(tid, user());
            fields.host = service_host_;
            fields.user = "root";
            description_ = fields.description();
            return;
        }
        FAIL() << "no kernel thread is to be seen in /proc";
    }

    std::vector<std::string> options_;
};

TEST_P(OldKernel, Requester_HasItsToken) {
    const auto& row = GetParam();
    watch_the_side_of(row);
    if (HasFatalFailure()) return;
    KeyAnswer answer;
    auto outcome = upcall("broker", 0, "old", answer);
    expect_answer(false, outcome, answer);
    (void)expect_token(answer, "alice");
    if (row.asker == Asker::kernel_thread) {
        ask_as_kernel_thread();
        outcome = upcall("broker", 0, "old", answer);
        expect_answer(false, outcome, answer);
        (void)expect_token(answer, "alice");
    }
    expect_no_keyrings();
    EXPECT_GE(outcome.hit, 0) << "nothing was asked that an old kernel lacks: this shows nothing";
    EXPECT_GT(outcome.worker_calls, 50) << "the worker was not on the old kernel";
}

// A krb5.conf of the host's and a keytab are the helper's business, also where there is an engine.
const Row kRows[] = {
    {"Host", Asker::host, false},
    {"MountNamespace", Asker::mount_namespace, false},
    {"UserNamespace", Asker::user_namespace, false},
    {"KernelThreadBySessionRecord", Asker::kernel_thread, false},
    {"KeytabRule", Asker::keytab_rule, false},
    {"MountNamespaceByEngine", Asker::mount_namespace, true},
    {"UserNamespaceByEngine", Asker::user_namespace, true},
    {"KernelThreadBySessionRecordByEngine", Asker::kernel_thread, true},
};

INSTANTIATE_TEST_SUITE_P(Table, OldKernel, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace nsupcall::test
