#include "engine/servant.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "engine/channel.hpp"
#include "engine/process_title.hpp"
#include "engine/rehearsal.hpp"
#include "engine/remote_key.hpp"
#include "helpers/options.hpp"
#include "helpers/upcall.hpp"
#include "nsutil/unique_fd.hpp"
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

void show_title(const WorkerTitle& title) {
    set_command_line(title.name, title.word);
}

/// What a servant has before there is a front end.
struct Equipment {
    nsutil::NamespaceView own;  ///< namespaces of this process
    const PreparedRules& rules;
    std::optional<ReadyWorker> worker;  ///< nothing: none could be forked
};

/// @return the exit status of the servant; nothing where the helper itself must answer
std::optional<int> answer(int channel_fd, Equipment& equipment) {
    auto question = receive_question(channel_fd, equipment.own);
    if (!question) {
        log_record(question.error().code == EPERM ? Severity::warning : Severity::error, "cifs.upcall",
                   "engine: " + escape(question.error().text()), {});
        return std::nullopt;
    }
    const WorkerTitle title = {question->arguments.front(), std::to_string(question->key)};
    show_title(title);
    auto options = parse_options(*question);
    if (!options) return std::nullopt;  // the helper says what is wrong
    const RemoteKey key(*question, channel_fd);
    auto description = describe_pending(*options, key);
    if (!description || !asks_for_token(*options, *description)) return std::nullopt;
    const auto began = beginning(question->started_ns);
    if (!began) return std::nullopt;
    options->chronicle.started = *began;
    const auto deadline = options->deadline_from(*began);
    if (deadline.passed()) return std::nullopt;
    arm_remote_last_word(channel_fd, deadline);
    options->spnego.prepared_rules = &equipment.rules;
    if (equipment.worker) {
        equipment.worker->use_title(title);
        options->spnego.ready_worker = &*equipment.worker;
    }
    const auto end = answer_spnego_key(*options, key, std::move(description), deadline);
    return end.worker_lost ? kWorkerLost : 0;
}

}  // namespace

int serve_one(int listen_fd, int told_fd, const PreparedRules& rules, bool calm) {
    // Who waits goes with its engine; who answers goes on.
    (void)::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    const auto own = nsutil::NamespaceView::own();
    if (!own) return 1;
    Equipment equipment = {*own, rules, std::nullopt};
    // Forked from what knows nothing of a request, as this process itself. Without one each task gets a fork.
    if (auto worker = ReadyWorker::start(show_title, calm)) equipment.worker.emplace(std::move(*worker));
    if (calm) (void)rehearse_answer(rules);
    int accepted = -1;
    do accepted = ::accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
    while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (accepted < 0) return 1;
    const nsutil::UniqueFd channel(accepted);
    (void)::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    const pid_t self = ::getpid();
    (void)!::write(told_fd, &self, sizeof self);
    // An engine that is gone must not seem to listen.
    (void)::close(listen_fd);
    if (const auto status = answer(channel.get(), equipment)) return *status;
    (void)send_answer(channel.get(), {});
    return 0;
}

}  // namespace nsupcall::engine
