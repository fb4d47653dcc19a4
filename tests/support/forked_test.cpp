#include "support/forked_test.hpp"

#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {
namespace {

using nsutil::UniqueFd;
using testing::TestPartResult;

/// What the child writes last, so that a body that calls exit() is told from one that came to its end.
constexpr std::int32_t kEndMark = -1;

void put(std::string& out, const void* data, std::size_t size) {
    out.append(static_cast<const char*>(data), size);
}

void put_text(std::string& out, const char* text) {
    const auto size = static_cast<std::uint32_t>(text == nullptr ? 0 : std::strlen(text));
    put(out, &size, sizeof size);
    if (size > 0) put(out, text, size);
}

/// Runs the body with gtest's reports caught, and sends them as records {type, line, file, message}.
[[noreturn]] void child_main(const std::function<void()>& body, int out_fd) {
    testing::TestPartResultArray results;
    {
        using Catcher = testing::ScopedFakeTestPartResultReporter;
        const Catcher other_threads(Catcher::INTERCEPT_ALL_THREADS, &results);
        // A catcher of the parent for this thread alone was inherited, and would come before the one above.
        const Catcher this_thread(Catcher::INTERCEPT_ONLY_CURRENT_THREAD, &results);
        try {
            body();
        } catch (const std::exception& thrown) {
            ADD_FAILURE() << "exception in the forked body: " << thrown.what();
        }
    }
    std::string out;
    for (int i = 0; i < results.size(); ++i) {
        const TestPartResult& part = results.GetTestPartResult(i);
        const auto type = static_cast<std::int32_t>(part.type());
        const auto line = static_cast<std::int32_t>(part.line_number());
        put(out, &type, sizeof type);
        put(out, &line, sizeof line);
        put_text(out, part.file_name());
        put_text(out, part.message());
    }
    put(out, &kEndMark, sizeof kEndMark);
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t n = ::write(out_fd, out.data() + done, out.size() - done);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    (void)std::fflush(nullptr);
    ::_exit(0);
}

/// Reads until end of file or the limit; false where the limit came first.
bool read_all(int fd, std::chrono::seconds limit, std::string& text) {
    const auto end = std::chrono::steady_clock::now() + limit;
    char buffer[4096];
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd waiting{fd, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return false;
        const ssize_t n = ::read(fd, buffer, sizeof buffer);
        if (n <= 0) return true;
        text.append(buffer, static_cast<std::size_t>(n));
    }
}

class Reader {
  public:
    explicit Reader(const std::string& text) : text_(text) {}
    bool number(std::int32_t& value) { return take(&value, sizeof value); }
    bool words(std::string& value) {
        std::uint32_t size = 0;
        if (!take(&size, sizeof size) || text_.size() - at_ < size) return false;
        value.assign(text_, at_, size);
        at_ += size;
        return true;
    }

  private:
    bool take(void* out, std::size_t size) {
        if (text_.size() - at_ < size) return false;
        std::memcpy(out, text_.data() + at_, size);
        at_ += size;
        return true;
    }
    const std::string& text_;
    std::size_t at_ = 0;
};

/// Repeats the child's reports here; true where its record ends with the end mark.
bool repeat_reports(const std::string& text) {
    Reader reader(text);
    std::int32_t type = 0;
    while (reader.number(type)) {
        if (type == kEndMark) return true;
        std::int32_t line = 0;
        std::string file;
        std::string message;
        if (!reader.number(line) || !reader.words(file) || !reader.words(message)) return false;
        const auto kind = static_cast<TestPartResult::Type>(type);
        if (kind == TestPartResult::kSuccess) continue;
        testing::internal::AssertHelper(kind, file.empty() ? "forked test" : file.c_str(), line,
                                        message.c_str()) = testing::Message();
    }
    return false;
}

}  // namespace

void run_forked(const std::function<void()>& body, std::chrono::seconds limit) {
    int ends[2];
    ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC)) << std::strerror(errno);
    UniqueFd from_child(ends[0]);
    UniqueFd to_parent(ends[1]);
    (void)std::fflush(nullptr);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0) << std::strerror(errno);
    if (child == 0) {
        from_child.reset();
        child_main(body, to_parent.get());
    }
    to_parent.reset();
    std::string reports;
    const bool in_time = read_all(from_child.get(), limit, reports);
    if (!in_time) (void)::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const bool complete = repeat_reports(reports);
    if (!in_time) {
        ADD_FAILURE() << "the forked body was not done after " << limit.count() << " s";
    } else if (WIFSIGNALED(status)) {
        ADD_FAILURE() << "the forked body died of signal " << WTERMSIG(status) << " ("
                      << ::strsignal(WTERMSIG(status)) << ")";
    } else if (!complete || WEXITSTATUS(status) != 0) {
        ADD_FAILURE() << "the forked body ended by itself, with exit code " << WEXITSTATUS(status);
    }
}

}  // namespace nsupcall::test
