#include "admin/agent_server.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <span>

#include "admin/agent_snapshot.hpp"
#include "admin/http_library.hpp"
#include "admin/metrics_text.hpp"
#include "privsep/server_seal.hpp"

namespace nsupcall::admin {
namespace {

std::int64_t seconds_now() {
    timespec now = {};
    (void)::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

constexpr const char* kText = "text/plain; charset=utf-8";

/// One open connection.
struct Peer {
    int fd = -1;
    std::int64_t since = 0;
    std::uint64_t number = 0;  ///< of all that ever came
    bool asked = false;        ///< a whole request came
    bool told_off = false;     ///< it was shut down by us, and counted
};

/// What is being sent: it lives for as long as somebody reads it. The snapshot is shared, so that those who
/// read slowly cost no memory of their own.
struct Body {
    std::shared_ptr<const Snapshot> snapshot;
    std::span<const char> first;  ///< a part of the snapshot
    std::string own;              ///< behind it
};

/// Serves the last snapshot on all sockets, in one thread.
class Server {
  public:
    Server(const HttpLibrary& http, unsigned interval_s) : http_(http), interval_s_(interval_s) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() = default;  // its daemons end with the process

    bool add(nsutil::UniqueFd socket) {
        auto* daemon = http_.start_daemon(
            MHD_USE_EPOLL, 0, nullptr, nullptr, &answer_request, this, MHD_OPTION_LISTEN_SOCKET, socket.get(),
            MHD_OPTION_CONNECTION_LIMIT, kConnectionsMost * ServerOptions::kAddressesMost + 1,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, kRequestMost, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
            MHD_OPTION_NOTIFY_CONNECTION, &note_connection, this, MHD_OPTION_END);
        if (daemon == nullptr) return false;
        (void)socket.release();  // the daemon's
        const auto* info = http_.get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (info == nullptr) return false;
        daemons_.push_back({daemon, info->epoll_fd});
        listening_.push_back(http_.get_daemon_info(daemon, MHD_DAEMON_INFO_LISTEN_FD)->listen_fd);
        return true;
    }

    [[nodiscard]] std::vector<int> descriptors() const {
        auto all = listening_;
        for (const auto& [daemon, epoll_fd] : daemons_) all.push_back(epoll_fd);
        return all;
    }

    /// Until the pipe ends; then what is being answered is finished.
    void run(int snapshots) {
        SnapshotReader reader;
        while (turn(snapshots, true)) {
            if (!reader.read(snapshots)) break;
            if (auto snapshot = reader.take()) {
                last_ = std::make_shared<const Snapshot>(std::move(*snapshot));
                arrived_ = seconds_now();
            }
        }
        for (const auto& [daemon, epoll_fd] : daemons_) {
            const int socket = http_.quiesce_daemon(daemon);
            if (socket >= 0) (void)::close(socket);
        }
        constexpr std::int64_t kGrace = 2;
        const auto end = seconds_now() + kGrace;
        while (std::ranges::any_of(peers_, [](const auto& one) { return one.second.asked; }) &&
               seconds_now() < end)
            (void)turn(-1, false);
    }

  private:
    struct Daemon {
        MHD_Daemon* daemon;
        int epoll_fd;
    };

    /// One round of the loop.
    bool turn(int snapshots, bool with_pipe) {
        std::vector<pollfd> waiting;
        if (with_pipe) waiting.push_back({snapshots, POLLIN, 0});
        int wait_ms = 1000;
        for (const auto& [daemon, epoll_fd] : daemons_) {
            waiting.push_back({epoll_fd, POLLIN, 0});
            MHD_UNSIGNED_LONG_LONG timeout = 0;
            if (http_.get_timeout(daemon, &timeout) == MHD_YES)
                wait_ms =
                    std::min(wait_ms, static_cast<int>(std::min<MHD_UNSIGNED_LONG_LONG>(timeout, 1000)));
        }
        if (::poll(waiting.data(), waiting.size(), with_pipe ? wait_ms : std::min(wait_ms, 100)) < 0 &&
            errno != EINTR)
            return false;
        for (const auto& [daemon, epoll_fd] : daemons_) (void)http_.run(daemon);
        const auto now = seconds_now();
        for (auto& [connection, peer] : peers_)
            if (now - peer.since > kConnectionSeconds) tell_off(peer, timeouts_);
        return true;
    }

    static void tell_off(Peer& peer, std::uint64_t& counter) {
        if (std::exchange(peer.told_off, true)) return;
        ++counter;
        (void)::shutdown(peer.fd, SHUT_RDWR);
    }

    /// Where all places are taken, whoever took one longest ago without asking anything goes; else whoever
    /// came first. So those who hold connections open keep nobody out.
    void make_room() {
        std::size_t open = 0;
        Peer* oldest = nullptr;
        for (auto& [connection, peer] : peers_) {
            if (peer.told_off) continue;
            ++open;
            if (oldest == nullptr ||
                std::pair(peer.asked, peer.number) < std::pair(oldest->asked, oldest->number))
                oldest = &peer;
        }
        if (oldest != nullptr && open >= kConnectionsMost * daemons_.size()) tell_off(*oldest, refused_);
    }

    static void note_connection(void* self, MHD_Connection* connection, void** /*context*/,
                                MHD_ConnectionNotificationCode code) {
        auto& server = *static_cast<Server*>(self);
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
            const auto* info =
                server.http_.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
            if (info == nullptr) return;
            server.make_room();
            server.peers_[connection] = {info->connect_fd, seconds_now(), ++server.connections_};
            return;
        }
        const auto found = server.peers_.find(connection);
        if (found == server.peers_.end()) return;
        const auto& peer = found->second;
        if (!peer.told_off && !peer.asked)
            ++(seconds_now() - peer.since >= kIdleSeconds ? server.timeouts_ : server.malformed_);
        server.peers_.erase(found);
    }

    static MHD_Result answer_request(void* self, MHD_Connection* connection, const char* url,
                                     const char* method, const char* /*version*/, const char* /*upload*/,
                                     std::size_t* upload_size, void** context) {
        auto& server = *static_cast<Server*>(self);
        static char seen;
        if (*context == nullptr) {
            *context = &seen;
            if (const auto found = server.peers_.find(connection); found != server.peers_.end())
                found->second.asked = true;
            const std::string_view verb(method);
            if (verb != "GET" && verb != "HEAD")
                return server.answer(connection, 405, kText, "GET and HEAD only\n");
            return MHD_YES;
        }
        if (*upload_size != 0) {
            *upload_size = 0;  // nothing is done with it
            return MHD_YES;
        }
        return server.serve(connection, url);
    }

    [[nodiscard]] bool fresh() const {
        constexpr std::int64_t kSlack = 5;
        return arrived_ != 0 && seconds_now() - arrived_ <= 3 * std::int64_t{interval_s_} + kSlack;
    }

    MHD_Result serve(MHD_Connection* connection, std::string_view path) {
        const unsigned bad = 503, good = 200;
        if (path == "/healthz")
            return answer(connection, fresh() ? good : bad, kText,
                          fresh() ? "ok\n" : "no fresh collection\n");
        if (path == "/readyz") {
            auto lines = last_->objections;
            if (!fresh()) lines += "no fresh collection\n";
            return answer(connection, lines.empty() ? good : bad, kText, lines.empty() ? "ok\n" : lines);
        }
        const bool known = path == "/metrics" || path == "/" || path == "/status.json";
        if (!known) return answer(connection, 404, kText, "not found\n");
        if (arrived_ == 0) return answer(connection, bad, kText, "no collection yet\n");
        if (path == "/metrics")
            return answer(connection, good, "text/plain; version=0.0.4; charset=utf-8", own_metrics(),
                          last_->metrics);
        if (path == "/") return answer(connection, good, "text/html; charset=utf-8", "", last_->page);
        return answer(connection, good, "application/json", "", last_->status);
    }

    /// @param shared  of the last snapshot; comes first
    MHD_Result answer(MHD_Connection* connection, unsigned code, const char* type, std::string own,
                      std::string_view shared = {}) {
        auto body = std::make_unique<Body>(last_, shared, std::move(own));
        const std::array<MHD_IoVec, 2> parts = {
            {{body->first.data(), body->first.size()}, {body->own.data(), body->own.size()}}};
        auto* response = http_.create_response(
            parts.data(), parts.size(), [](void* unused) { delete static_cast<Body*>(unused); }, body.get());
        if (response == nullptr) return MHD_NO;
        (void)body.release();  // the response's
        for (const auto& [name, value] :
             {std::pair{"Content-Type", type},
              {"Cache-Control", "no-store"},
              {"X-Content-Type-Options", "nosniff"},
              {"Content-Security-Policy",
               "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
              {"Referrer-Policy", "no-referrer"}})
            (void)http_.add_header(response, name, value);
        if (code == 405) (void)http_.add_header(response, "Allow", "GET, HEAD");
        ++responses_[code];
        const auto queued = http_.queue_response(connection, code, response);
        http_.destroy_response(response);
        return queued;
    }

    [[nodiscard]] std::string own_metrics() const {
        MetricsText text;
        text.family("nsupcall_agent_http_responses_total", "counter", "By the server.");
        for (const auto& [code, count] : responses_) text.sample({{"code", std::to_string(code)}}, count);
        text.gauge("nsupcall_agent_http_connections", "Open now.", peers_.size());
        text.family("nsupcall_agent_http_connections_closed_total", "counter", "Closed without an answer.");
        for (const auto& [reason, count] :
             {std::pair{"limit", refused_}, {"timeout", timeouts_}, {"malformed", malformed_}})
            text.sample({{"reason", reason}}, count);
        return text.take();
    }

    const HttpLibrary& http_;
    unsigned interval_s_;
    std::vector<Daemon> daemons_;
    std::vector<int> listening_;
    std::map<MHD_Connection*, Peer> peers_;
    std::map<unsigned, std::uint64_t> responses_ = {{200, 0}};
    std::uint64_t connections_ = 0, refused_ = 0, timeouts_ = 0, malformed_ = 0;
    std::shared_ptr<const Snapshot> last_ = std::make_shared<const Snapshot>();
    std::int64_t arrived_ = 0;  ///< 0: none has come
};

int complain(const std::string& text) {
    (void)std::fprintf(stderr, "nsupcall agent: %s\n", text.c_str());
    constexpr int kFailed = 2;
    return kFailed;
}

}  // namespace

int run_server(const ServerOptions& options, int snapshots, pid_t collector) {
    const auto* http = HttpLibrary::load();
    if (http == nullptr) return complain("libmicrohttpd.so.12 cannot be loaded");
    Server server(*http, options.interval_s);
    for (const auto& address : options.addresses) {
        auto socket = address.listen();
        if (!socket) return complain(socket.error().text());
        if (!server.add(std::move(*socket))) return complain("libmicrohttpd cannot serve " + address.text);
    }
    auto keep = server.descriptors();
    keep.push_back(snapshots);
    std::ranges::sort(keep);
    if (const auto failure =
            seal_server({.uid = options.uid, .gid = options.gid, .keep = keep, .parent = collector}))
        return complain(std::string(failure->step) + ": " + ::strerror(failure->error));
    server.run(snapshots);
    return 0;
}

}  // namespace nsupcall::admin
