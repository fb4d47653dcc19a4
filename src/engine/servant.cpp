#include "engine/servant.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "engine/channel.hpp"
#include "engine/process_title.hpp"
#include "engine/rehearsal.hpp"
#include "engine/remote_key.hpp"
#include "helpers/last_word.hpp"
#include "helpers/options.hpp"
#include "helpers/upcall.hpp"
#include "nsutil/child.hpp"
#include "nsutil/sandbox.hpp"
#include "nsutil/unique_fd.hpp"
#include "privsep/ready_worker.hpp"
#include "trace/journal.hpp"
#include "trace/trace.hpp"

namespace nsupcall::engine {
namespace {

using nsutil::Result;

/// The command line as main() would have it; getopt(3) reorders the pointers.
Result<HelperOptions> parse_options(Question& question) {
    std::vector<char*> words;
    words.reserve(question.arguments.size() + 1);
    for (auto& word : question.arguments) words.push_back(word.data());
    words.push_back(nullptr);
    KeySerial key = 0;
    auto options = HelperOptions::parse(static_cast<int>(question.arguments.size()), words.data(), key);
    if (options && (options->show_help || options->show_version || options->key != question.key))
        return nsutil::fail(EINVAL, "no request of the kernel's");
    return options;
}

/// Takes a worker for each task, and has one at hand before there is a task.
class Workers final : public WorkerSource {
  public:
    explicit Workers(const ServantPost& post)
        : socket_(post.workers), slot_(post.slot), engine_(post.engine) {}

    /// Where there is none in time, the next task asks again.
    void meet_one() {
        if (ready_) return;
        auto met = ReadyWorker::meet(socket_);
        if (!met) return;
        ready_.emplace(std::move(*met));
        slot_.worker = ready_->pid();
    }
    void use_title(const WorkerTitle& title) { title_ = title; }
    /// The one at hand; 0 where there is none.
    [[nodiscard]] pid_t at_hand() const { return ready_ ? ready_->pid() : 0; }

    [[nodiscard]] std::optional<nsutil::Child> give(const WorkerTask& task,
                                                    const nsutil::Deadline& deadline) override {
        // One that was killed while it waited has seen nothing; another may do the task.
        for (int tries = 0; tries < 2; ++tries) {
            meet_one();
            if (!ready_) break;
            auto child = ready_->give(task, title_, deadline);
            if (child) {
                ready_.reset();
                return child;
            }
            ready_.reset();
        }
        return std::nullopt;
    }
    [[nodiscard]] bool lives() const override { return ::getppid() == engine_; }

  private:
    const WorkerSocket& socket_;
    Board::Slot& slot_;
    pid_t engine_;
    std::optional<ReadyWorker> ready_;
    WorkerTitle title_;
};

constexpr int kEngineGone = SIGUSR1;
volatile std::sig_atomic_t g_listen_fd = -1;

/// A socket at which nobody will accept any more must not seem to listen.
void stop_listening(int) {
    (void)::close(g_listen_fd);
}

volatile std::sig_atomic_t g_leave = 0;

/// Asked to end while it waits: one that has just accepted a front end serves it first.
void leave(int) {
    g_leave = 1;
}

void leave_on_request() {
    struct sigaction action = {};
    ::sigemptyset(&action.sa_mask);
    action.sa_handler = leave;  // accept4(2) is to be interrupted
    (void)::sigaction(SIGTERM, &action, nullptr);
}

void stop_listening_without_engine(int listen_fd) {
    g_listen_fd = listen_fd;
    struct sigaction action = {};
    ::sigemptyset(&action.sa_mask);
    action.sa_handler = stop_listening;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    (void)::sigaction(kEngineGone, &action, nullptr);
}

/// What calls of the last answer have left below the stack's end.
[[gnu::noinline]] void wipe_stack() {
    constexpr std::size_t kDeepest = 128 * 1024;
    char left_over[kDeepest];
    ::explicit_bzero(left_over, sizeof left_over);
}

class Servant {
  public:
    Servant(const ServantPost& post, const nsutil::NamespaceView& own)
        : post_(post), own_(own), workers_(post) {}

    /// @return the exit status
    int run() {
        while (is_wanted()) {
            workers_.meet_one();
            post_.slot.state = Board::State::idle;
            if (g_leave != 0 || post_.board.worn()) break;
            const nsutil::UniqueFd channel(::accept4(post_.listen_fd, nullptr, nullptr, SOCK_CLOEXEC));
            if (!channel) {
                if (errno == EINTR || errno == ECONNABORTED) continue;
                return 1;
            }
            if (post_.board.begin(post_.slot)) tell();
            // Who waits goes with its engine; who answers goes on.
            (void)::prctl(PR_SET_PDEATHSIG, kEngineGone, 0, 0, 0);
            serve_one(channel.get());
            if (post_.board.finish(post_.slot)) tell();
        }
        return 0;
    }

  private:
    void tell() const {
        const pid_t self = ::getpid();
        (void)!::write(post_.told_fd, &self, sizeof self);
    }

    /// @return false where there is no engine any more, or none that wants this process
    [[nodiscard]] bool is_wanted() const {
        (void)::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        return g_leave == 0 && workers_.lives() && !post_.board.worn();
    }

    void serve_one(int channel_fd) {
        if (!answer(channel_fd)) (void)send_answer(channel_fd, {});
        disarm_last_word();
        leave_on_request();
        nsutil::Child::be_anywhere();
        post_.slot.worker = workers_.at_hand();
        restore_command_line();
        wipe_stack();
        post_.rules.refresh();
    }

    /// @return false where the helper itself must answer
    [[nodiscard]] bool answer(int channel_fd) {
        auto question = receive_question(channel_fd, own_);
        if (!question) {
            log_record(question.error().code == EPERM ? Severity::warning : Severity::error, "cifs.upcall",
                       "engine: " + escape(question.error().text()), {});
            return false;
        }
        const WorkerTitle title = {question->arguments.front(), std::to_string(question->key)};
        set_command_line(title.name, title.word);
        auto options = parse_options(*question);
        if (!options) return false;  // the helper says what is wrong
        const RemoteKey key(*question, channel_fd, post_.refusals);
        auto description = describe_pending(*options, key);
        if (!description || !asks_for_token(*options, *description)) return false;
        const auto began = beginning(question->started_ns);
        if (!began) return false;
        options->chronicle.started = *began;
        const auto deadline = options->deadline_from(*began);
        if (deadline.passed()) return false;
        arm_remote_last_word(channel_fd, deadline);
        options->spnego.prepared_rules = &post_.rules;
        workers_.use_title(title);
        options->spnego.workers = &workers_;
        const auto end = answer_spnego_key(*options, key, std::move(description), deadline);
        if (end.worker_lost) post_.board.wear_out();
        return !end.declined;
    }

    const ServantPost& post_;
    const nsutil::NamespaceView& own_;
    Workers workers_;
};

}  // namespace

int serve(const ServantPost& post) {
    const auto own = nsutil::NamespaceView::own();
    if (!own) return 1;
    (void)nsutil::set_name("servant");
    stop_listening_without_engine(post.listen_fd);
    post.workers.stop_listening();
    leave_on_request();
    if (post.calm) (void)rehearse_answer(post.rules);
    return Servant(post, *own).run();
}

}  // namespace nsupcall::engine
