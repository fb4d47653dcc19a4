/// @file
/// nsupcall agent: watches one node and says over HTTP what its upcalls come to. See nsupcall-agent(8),
/// docs/AGENT.md.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "admin/agent_collector.hpp"
#include "admin/agent_server.hpp"
#include "admin/json_text.hpp"
#include "admin/subcommands.hpp"
#include "nsutil/child.hpp"
#include "nsutil/proc_text.hpp"
#include "trace/journal.hpp"

namespace nsupcall::admin {
namespace {

struct Options {
    CollectorOptions collector;
    std::vector<std::string> listen = {"127.0.0.1:9847"};
    std::string user = "65534:65534", log = "json";
    bool once = false;
};

/// One record a line on standard error, or the journal's socket.
class Log {
  public:
    explicit Log(std::string kind) : kind_(std::move(kind)) {}

    void say(Severity severity, const std::string& message, const std::vector<LogField>& fields = {}) const {
        if (kind_ == "journal" && log_record(severity, "nsupcall-agent", message, fields)) return;
        std::string line;
        if (kind_ == "text") {
            line = "nsupcall agent: " + escape(message, 512);
            for (const auto& [name, value] : fields) line += " " + name + "=" + escape(value);
        } else {
            nlohmann::ordered_json record = {
                {"time", std::time(nullptr)}, {"level", level(severity)}, {"message", json_string(message)}};
            for (const auto& [name, value] : fields) record[name] = json_string(value);
            line = print_json(record);
        }
        (void)std::fprintf(stderr, "%s\n", line.c_str());
    }

  private:
    static const char* level(Severity severity) {
        switch (severity) {
            case Severity::error:
                return "error";
            case Severity::warning:
                return "warning";
            default:
                return "info";
        }
    }
    std::string kind_;
};

/// Says what changed between two collections, not each time what is as it was.
class Changes {
  public:
    explicit Changes(const Log& log) : log_(log) {}
    void tell(const Collection& now) {
        const auto& map = now.map;
        std::string state;
        for (const auto& line : now.objections()) state += line + "; ";
        if (!now.map_up) state += "/proc cannot be read; ";
        if (!map.credentials_known)
            state += "credentials may not be looked at: " + map.boundary_problem + "; ";
        if (state != last_)
            log_.say(state.empty() ? Severity::info : Severity::warning,
                     state.empty() ? "all is well" : state);
        last_ = state;
        const auto bad = map.mounts_in(CredentialState::expired) + map.mounts_in(CredentialState::missing);
        if (bad != bad_)
            log_.say(bad > bad_ ? Severity::warning : Severity::info, "mounts without a valid credential",
                     {{"MOUNTS", std::to_string(bad)}});
        bad_ = bad;
    }

  private:
    const Log& log_;
    std::string last_;
    std::size_t bad_ = 0;
};

/// "UID[:GID]"
bool parse_user(const std::string& text, ServerOptions& server) {
    const auto colon = text.find(':');
    const auto uid = nsutil::parse_number<std::uint32_t>(text.substr(0, colon));
    const auto gid =
        colon == std::string::npos ? uid : nsutil::parse_number<std::uint32_t>(text.substr(colon + 1));
    if (!uid || !gid || *uid == 0) return false;
    server.uid = *uid;
    server.gid = *gid;
    return true;
}

/// Waits for SIGTERM or SIGINT. @return true once one has come
bool wait_for_signal(const sigset_t& wanted, int ms) {
    constexpr long kMilli = 1'000'000;
    const timespec patience = {ms / 1000, (ms % 1000) * kMilli};
    return ::sigtimedwait(&wanted, nullptr, &patience) > 0;
}

int serve(const Options& options, const ServerOptions& server_options, const Log& log) {
    sigset_t ends;
    (void)::sigemptyset(&ends);
    (void)::sigaddset(&ends, SIGTERM);
    (void)::sigaddset(&ends, SIGINT);
    (void)::sigprocmask(SIG_BLOCK, &ends, nullptr);  // the server ends with the pipe
    (void)::signal(SIGPIPE, SIG_IGN);
    int pipe_ends[2];
    if (::pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) return kExitUnknown;
    nsutil::UniqueFd reading(pipe_ends[0]), writing(pipe_ends[1]);
    const pid_t collector_pid = ::getpid();
    cpu_set_t cpus;
    const bool have_cpus = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0;
    auto server = nsutil::Child::spawn([&](int channel) {
        (void)::close(channel);
        writing.reset();
        if (have_cpus) (void)::sched_setaffinity(0, sizeof cpus, &cpus);
        return run_server(server_options, reading.get(), collector_pid);
    });
    if (!server) {
        log.say(Severity::error, server.error().text());
        return kExitUnknown;
    }
    if (have_cpus) (void)::sched_setaffinity(0, sizeof cpus, &cpus);
    reading.reset();
    std::string where;
    for (const auto& address : server_options.addresses) where += (where.empty() ? "" : ", ") + address.text;
    log.say(Severity::info, "started", {{"VERSION", NSUPCALL_VERSION}, {"LISTEN", where}});
    Collector collector(options.collector);
    Changes changes(log);
    constexpr int kStepMs = 200, kPatienceMs = 10'000;
    for (;;) {
        collector.collect();
        changes.tell(collector.last());
        auto sent = send_snapshot(writing.get(), collector.snapshot(), kPatienceMs);
        bool over = false;
        const int steps = static_cast<int>(options.collector.interval_s) * 1000 / kStepMs;
        for (int step = 0; step < steps && sent && !over; ++step) {
            over = wait_for_signal(ends, kStepMs);
            if (const auto status = server->wait(nsutil::Deadline::after(std::chrono::milliseconds(0))))
                sent = nsutil::fail(EPIPE, "the server has ended");
        }
        if (!sent) {
            log.say(Severity::error, sent.error().text());
            return kExitUnknown;
        }
        if (over) break;
    }
    writing.reset();
    constexpr auto kGrace = std::chrono::seconds(4);
    (void)server->wait(nsutil::Deadline::after(kGrace));
    log.say(Severity::info, "ended");
    return kExitGood;
}

int run(const Options& options) {
    const Log log(options.log);
    if (options.once) {
        Collector collector(options.collector);
        collector.collect();
        if (std::fputs(collector.metrics().c_str(), stdout) < 0) return kExitUnknown;
        return collector.last().complete() ? kExitGood : kExitBad;
    }
    ServerOptions server;
    server.interval_s = options.collector.interval_s;
    if (!parse_user(options.user, server)) {
        log.say(Severity::error, "--user: no UID[:GID], or root's");
        return kExitUsage;
    }
    for (const auto& text : options.listen) {
        auto address = ListenAddress::parse(text);
        if (!address) {
            log.say(Severity::error, address.error().text());
            return kExitUsage;
        }
        server.addresses.push_back(std::move(*address));
    }
    return serve(options, server, log);
}

}  // namespace

void add_agent(CLI::App& app, int& status) {
    auto* agent =
        app.add_subcommand("agent", "Serve metrics, health and a status page, by HTTP");
    auto options = std::make_shared<Options>();
    agent->add_option("--listen", options->listen, "Numeric ADDRESS:PORT, up to 8 times")
        ->capture_default_str()
        ->expected(1, ServerOptions::kAddressesMost)
        ->take_all();
    agent->add_option("--interval", options->collector.interval_s, "Seconds between two collections")
        ->capture_default_str()
        ->check(CLI::Range(1, 3600));
    agent->add_option("--root", options->collector.root, "Where the node's files are")->capture_default_str();
    agent->add_option("--user", options->user, "UID[:GID] of the server, where the agent is root")
        ->capture_default_str();
    agent->add_option("--log", options->log, "json, text or journal")
        ->capture_default_str()
        ->check(CLI::IsMember({"json", "text", "journal"}));
    agent->add_option("--series-most", options->collector.series_most, "Mounts that get series of their own")
        ->capture_default_str()
        ->check(CLI::Range(0, 20'000));
    agent->add_flag("--once", options->once, "Collect once, print the metrics, listen nowhere");
    agent->callback([options, &status] { status = run(*options); });
}

}  // namespace nsupcall::admin
