/// @file
/// nsupcall history: the last upcalls, live where wanted, and the whole story of one.

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "admin/history_text.hpp"
#include "admin/json_text.hpp"
#include "admin/subcommands.hpp"
#include "admin/terminal.hpp"
#include "nsutil/unique_fd.hpp"
#include "trace/history.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

struct Options {
    std::string folder = History::kFolder;
    bool failed = false, follow = false, json = false;
    std::uint64_t most = 20;   ///< -n
    std::uint64_t number = 0;  ///< show N
};

std::int64_t now_us() {
    timespec now = {};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

/// Prints a line and pushes it out, so that a reader of a pipe sees it at once.
/// @return false where nobody reads any more
bool say(const std::string& line) {
    return std::puts(line.c_str()) >= 0 && std::fflush(stdout) == 0;
}

int complain(const nsutil::Error& error) {
    (void)std::fprintf(stderr, "nsupcall history: %s\n", escape(error.text(), 512).c_str());
    return kExitUnknown;
}

void keep_wanted(HistoryTail& tail, const Options& options) {
    if (options.failed) std::erase_if(tail.records, [](const auto& record) { return record.code == 0; });
    if (tail.records.size() > options.most)
        tail.records.erase(tail.records.begin(),
                           tail.records.end() - static_cast<std::ptrdiff_t>(options.most));
}

bool print(const HistoryTail& tail, const Options& options, const Painter& painter) {
    if (options.json) return say(print_json(history_document(tail)));
    for (const auto& record : tail.records)
        if (!say(history_line(record, painter))) return false;
    return true;
}

/// Where no ring is yet there is nothing to tell, which is no failure.
nsutil::Result<HistoryTail> read(const History& history, std::uint64_t from) {
    auto tail = history.since(from, now_us());
    if (!tail && tail.error().code == ENOENT) return HistoryTail{};
    return tail;
}

int list(const Options& options) {
    const History history(options.folder);
    auto tail = read(history, 1);
    if (!tail) return complain(tail.error());
    tail->lost = 0;  // what has been overwritten in the course of time is no loss to this reader
    keep_wanted(*tail, options);
    const auto painter = Painter::for_output(STDOUT_FILENO);
    if (!options.json && tail->records.empty())
        (void)std::fputs(options.failed ? "No upcall has failed of those that are kept.\n"
                                        : "No upcall has been answered since this host started.\n",
                         stderr);
    return print(*tail, options, painter) ? kExitGood : kExitUnknown;
}

/// Wakes up at each record. Where there is no ring yet its folder cannot be watched: then by the clock.
class Watch {
  public:
    explicit Watch(const std::string& folder)
        : folder_(folder), fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

    /// Blocks until something may have changed.
    void wait() {
        constexpr int kLookMs = 1000;
        if (fd_ && watch_ < 0)
            watch_ = ::inotify_add_watch(fd_.get(), folder_.c_str(),
                                         IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR);
        pollfd wanted = {fd_.get(), POLLIN, 0};
        // By the clock as well: a record that was under way when its number was seen makes no event of its
        // own.
        (void)::poll(&wanted, 1, kLookMs);
        alignas(inotify_event) std::array<char, 4096> events = {};
        while (fd_ && ::read(fd_.get(), events.data(), events.size()) > 0)
            if (reinterpret_cast<const inotify_event*>(events.data())->mask & (IN_DELETE_SELF | IN_IGNORED))
                watch_ = -1;
    }

  private:
    std::string folder_;
    nsutil::UniqueFd fd_;
    int watch_ = -1;
};

int follow(const Options& options) {
    const History history(options.folder);
    const auto painter = Painter::for_output(STDOUT_FILENO);
    Watch watch(options.folder);
    std::uint64_t next = 1, generation = 0;
    for (bool first = true;; first = false, watch.wait()) {
        auto tail = read(history, next);
        if (!tail) return complain(tail.error());
        if (generation != 0 && tail->generation != 0 && tail->generation != generation) {
            // Made anew behind our back: numbers began at 1 again.
            tail = read(history, 1);
            if (!tail) return complain(tail.error());
        }
        if (tail->generation != 0) {
            generation = tail->generation;
            next = tail->next;
        }
        if (first) tail->lost = 0;
        if (tail->lost > 0)
            (void)std::fprintf(stderr, "nsupcall history: %llu records were lost\n",
                               static_cast<unsigned long long>(tail->lost));
        auto wanted = options;
        if (!first) wanted.most = History::kSlots;
        keep_wanted(*tail, wanted);
        if (tail->records.empty() && tail->lost == 0) continue;
        if (!print(*tail, options, painter)) return kExitUnknown;
    }
}

int show(const Options& options) {
    const auto record = History(options.folder).find(options.number);
    if (!record) {
        (void)std::fprintf(stderr, "nsupcall history: %s\n", escape(record.error().text(), 512).c_str());
        return record.error().code == ENOENT ? kExitBad : kExitUnknown;
    }
    if (options.json) {
        HistoryTail tail;
        tail.records.push_back(*record);
        tail.next = record->sequence + 1;
        return say(print_json(history_document(tail), 2)) ? kExitGood : kExitUnknown;
    }
    const auto painter = Painter::for_output(STDOUT_FILENO);
    const auto story = history_story(*record, painter, std::time(nullptr));
    return std::fputs(story.c_str(), stdout) >= 0 ? kExitGood : kExitUnknown;
}

}  // namespace

void add_history(CLI::App& app, int& status) {
    auto* history = app.add_subcommand("history", "The last upcalls, and what was tried for each");
    auto options = std::make_shared<Options>();
    history->add_flag("--failed", options->failed, "Only those that were refused");
    history->add_flag("--follow,-f", options->follow, "Go on with each one as it is answered");
    history->add_flag("--json", options->json, "JSON (history.schema.json); with --follow a line each");
    history->add_option("-n", options->most, "The last N")->capture_default_str()->check(CLI::Range(1, 1024));
    history->add_option("--history-dir", options->folder, "Where the history is")->capture_default_str();
    auto* showing = history->add_subcommand("show", "The whole story of one");
    showing->fallthrough();
    showing->add_option("N", options->number, "Its number, as the list has it")->required();
    history->callback([history, showing, options, &status] {
        if (history->got_subcommand(showing))
            status = show(*options);
        else
            status = options->follow ? follow(*options) : list(*options);
    });
}

}  // namespace nsupcall::admin
