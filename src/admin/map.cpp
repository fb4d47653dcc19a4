/// @file
/// nsupcall map: the host at a glance. See nsupcall-map(8).

#include <fcntl.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "admin/json_text.hpp"
#include "admin/map_output.hpp"
#include "admin/node_root.hpp"
#include "admin/subcommands.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::admin {
namespace {

struct Options {
    MapOptions map;
    MapView view;
    bool watch = false, json = false, dot = false;
    unsigned interval_s = 5;
    std::string html;
};

/// Prints, and pushes it out. @return false where nobody reads any more
bool say(const std::string& text) {
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

/// At once: a browser that shows it never reads half a page.
nsutil::Result<void> write_page(const std::string& path, const std::string& page) {
    const auto slash = path.rfind('/');
    const auto folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const nsutil::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return nsutil::fail_errno(folder);
    constexpr mode_t kMode = 0600;  // who uses what is nobody else's business
    return replace_file(fd.get(), path.substr(slash + 1), page, kMode);
}

nsutil::Result<void> show(const NodeMap& map, const Options& options, const Painter& painter) {
    std::string text;
    if (options.json) {
        text = print_json(map_document(map)) + "\n";
    } else if (options.dot) {
        text = map_dot(map, options.view);
    } else if (!options.html.empty()) {
        PageOptions page;
        if (options.watch)
            page.head =
                "<meta http-equiv=\"refresh\" content=\"" + std::to_string(options.interval_s) + "\">\n";
        return write_page(options.html, map_page(map, options.view, page));
    } else {
        auto tree = map_tree(map, options.view, painter);
        if (!tree) return nsutil::propagate(tree);
        text = std::move(*tree);
        // Home, and what is below erased: nothing flickers.
        if (options.watch && ::isatty(STDOUT_FILENO) == 1) text = "\033[H\033[J" + text;
    }
    if (!say(text)) return nsutil::fail(EPIPE, "standard output");
    return {};
}

int run(const Options& options) {
    (void)std::setlocale(LC_CTYPE, "");
    const auto painter = Painter::for_output(STDOUT_FILENO);
    for (;;) {
        auto map = NodeMap::take(options.map);
        auto done = map ? show(*map, options, painter) : nsutil::Result<void>(nsutil::propagate(map));
        if (!done) {
            (void)std::fprintf(stderr, "nsupcall map: %s\n", escape(done.error().text(), 512).c_str());
            return kExitUnknown;
        }
        if (!options.watch) {
            const bool bad =
                map->mounts_in(CredentialState::expired) + map->mounts_in(CredentialState::missing) > 0;
            return bad ? kExitBad : kExitGood;
        }
        const timespec pause = {static_cast<time_t>(options.interval_s), 0};
        (void)::nanosleep(&pause, nullptr);
    }
}

}  // namespace

void add_map(CLI::App& app, int& status) {
    auto* map = app.add_subcommand("map", "Containers, users, credentials, and mounts on them");
    auto options = std::make_shared<Options>();
    map->add_flag("--all,-a", options->view.everything,
                  "Also places and users with neither credentials nor mounts");
    map->add_flag("--watch,-w", options->watch, "Again and again");
    map->add_option("--interval", options->interval_s, "Seconds between two looks")
        ->capture_default_str()
        ->check(CLI::Range(1, 3600));
    auto* json = map->add_flag("--json", options->json, "JSON (map.schema.json); with --watch a line each");
    auto* dot = map->add_flag("--dot", options->dot, "A graph for dot(1)")->excludes(json);
    map->add_option("--html", options->html, "Write a page with the picture to this file")
        ->excludes(json)
        ->excludes(dot);
    map->add_option("--within", options->map.look_ms,
                    "Milliseconds for looking into credentials, all together")
        ->capture_default_str()
        ->check(CLI::Range(0, 600'000));
    map->add_option("--config", options->map.config, "nsupcall.conf(5)")->capture_default_str();
    map->add_option("--session-dir", options->map.sessions, "Where the session records are")
        ->capture_default_str();
    map->callback([options, &status] { status = run(*options); });
}

}  // namespace nsupcall::admin
