#include "jobs/job_test.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <keyutils.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"
#include "support/leftovers.hpp"

namespace nsupcall::test {
namespace {

constexpr std::size_t kPayloadMost = 4096;

/// An answer in memory that a forked child shares with its parent.
struct Shared {
    int error = EIO;
    bool has_key = false;
    std::int32_t serial = 0;
    std::int64_t elapsed_ms = 0;
    std::size_t payload_size = 0, timeout_size = 0;
    char payload[kPayloadMost];
    char timeout[16];
};

class SharedAnswer {
  public:
    SharedAnswer() {
        void* memory =
            ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        shared_ = new (memory) Shared();
    }
    ~SharedAnswer() { (void)::munmap(shared_, sizeof(Shared)); }
    SharedAnswer(const SharedAnswer&) = delete;
    SharedAnswer& operator=(const SharedAnswer&) = delete;

    void put(const JobAnswer& answer) {
        shared_->error = answer.error;
        shared_->has_key = answer.has_key;
        shared_->serial = answer.serial;
        shared_->elapsed_ms = answer.elapsed_ms;
        shared_->payload_size = answer.payload.copy(shared_->payload, kPayloadMost);
        shared_->timeout_size = answer.timeout.copy(shared_->timeout, sizeof shared_->timeout);
    }
    [[nodiscard]] JobAnswer get() const {
        JobAnswer answer;
        answer.error = shared_->error;
        answer.has_key = shared_->has_key;
        answer.serial = shared_->serial;
        answer.elapsed_ms = shared_->elapsed_ms;
        answer.payload.assign(shared_->payload, shared_->payload_size);
        answer.timeout.assign(shared_->timeout, shared_->timeout_size);
        return answer;
    }

  private:
    Shared* shared_;
};

/// The fourth column of the key's line.
std::string timeout_of(std::int32_t serial, std::istream& proc_keys) {
    const std::string start = fmt::format("{:08x} ", serial);
    for (std::string line; std::getline(proc_keys, line);) {
        if (!line.starts_with(start)) continue;
        std::istringstream words(line);
        std::string word;
        for (int column = 0; column < 4; ++column) words >> word;
        return word;
    }
    return {};
}

}  // namespace

std::string JobAnswer::text() const {
    return error != 0 ? nsutil::errno_name(error) : payload;
}

JobAnswer ask_here(const JobRequest& request) {
    JobAnswer answer;
    // Containers without a /proc of their own still have the host's file open.
    std::ifstream proc_keys("/proc/keys");
    const auto begin = std::chrono::steady_clock::now();
    const auto key = ::request_key(request.type.c_str(), request.description.c_str(), request.callout.c_str(),
                                   KEY_SPEC_SESSION_KEYRING);
    const int saved = errno;
    answer.elapsed_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)
            .count();
    if (key < 0) {
        answer.error = saved;
        return answer;
    }
    answer.has_key = true;
    answer.serial = key;
    answer.timeout = timeout_of(key, proc_keys);
    char payload[kPayloadMost];
    const long size = ::keyctl_read(key, payload, sizeof payload);
    if (size < 0)
        answer.error = errno;
    else
        answer.payload.assign(payload, static_cast<std::size_t>(size));
    return answer;
}

void JobTest::SetUp() {
    (void)log_.take("");
}

void JobTest::TearDown() {
    for (const auto& line : keys_under_construction(1000))
        ADD_FAILURE() << "left under construction: " << line;
    const auto helpers_running = [this] {
        std::size_t count = 0;
        for (const auto& rule : rules_) count += rule.running_helpers().size();
        return count;
    };
    for (int i = 0; i < 200 && helpers_running() > 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(0U, helpers_running()) << "helpers still run one second after their answers";
    rules_.clear();
    if (!HasFailure()) return;
    for (const auto& what : asked_) GTEST_LOG_(INFO) << "asked: " << what;
    for (const auto& record : log_.take("")) GTEST_LOG_(INFO) << "logged: " << record;
}

std::string JobTest::unique_word() {
    static int number = 0;
    return fmt::format("j{}x{}", ::getpid(), ++number);
}

std::uint32_t JobTest::unused_uid(std::uint32_t n) {
    constexpr std::uint32_t kBase = 0x48000000;
    return kBase + static_cast<std::uint32_t>(::getpid()) * 64 + n;
}

void JobTest::add_rule(const std::string& type, const std::string& pattern, const std::string& program,
                       const std::vector<std::string>& options) {
    std::vector<std::string> arguments = options;
    // The history of the machine is not for tests.
    if (program.ends_with("/cifs.upcall") || program.ends_with("/cifs.idmap"))
        arguments.insert(arguments.begin(), "--history-dir=");
    arguments.emplace_back("%k");
    rules_.push_back(must(RequestRule::install(
        {.description = pattern, .program = program, .arguments = std::move(arguments), .key_type = type})));
}

JobAnswer JobTest::explain(JobAnswer answer, const JobRequest& request) {
    asked_.push_back(fmt::format("{} {} -> {} ({} ms, {})", request.type, request.description, answer.text(),
                                 answer.elapsed_ms, answer.timeout));
    return answer;
}

JobAnswer JobTest::ask(const JobRequest& request) {
    remember_description(request.description);
    SharedAnswer shared;
    (void)::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::keyctl_join_session_keyring(nullptr) >= 0) shared.put(ask_here(request));
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return explain(shared.get(), request);
}

JobAnswer JobTest::ask_in(const Container& container, const JobRequest& request, std::uint32_t uid,
                          std::uint32_t gid) {
    remember_description(request.description);
    SharedAnswer shared;
    const auto code = must(container.run(
        [&] {
            if (::keyctl_join_session_keyring(nullptr) < 0) return 1;
            shared.put(ask_here(request));
            return 0;
        },
        uid, gid));
    EXPECT_EQ(0, code) << "the asking process failed";
    return explain(shared.get(), request);
}

JobAnswer JobTest::ask_sharing_keyring(const Container& container, const JobRequest& request) {
    remember_description(request.description);
    SharedAnswer shared;
    EXPECT_EQ(0, must(container.run(
                     [&] {
                         shared.put(ask_here(request));
                         return 0;
                     },
                     0, 0)));
    return explain(shared.get(), request);
}

Finished JobTest::by_hand(const std::vector<std::string>& argv) {
    return must(run_program({.argv = argv}));
}

}  // namespace nsupcall::test
