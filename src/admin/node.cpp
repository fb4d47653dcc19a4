/// @file
/// nsupcall node: install, upgrade, check and remove nsupcall on a Kubernetes node, from a container.

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "admin/node_installer.hpp"
#include "admin/node_keytabs.hpp"
#include "admin/node_root.hpp"
#include "admin/subcommands.hpp"
#include "nsutil/bounded_read.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

constexpr int kExitUnsupported = 3;

struct NodeOptions {
    std::string root = "/host", prefix = NodeInstaller::kPrefix, bundle = "/nsupcall", config = "/config";
    std::string message_file = "/dev/termination-log";
    int wait_seconds = 20;
    bool engine = false;
    std::string from = "/keytabs", to = kKeytabFolder;
    int every_seconds = 0;
};

int exit_status(NodeState state, NodeState wanted) {
    if (state == wanted) return kExitGood;
    return state == NodeState::unsupported ? kExitUnsupported : kExitBad;
}

/// Kubernetes shows this file's content as the reason for which a container ended. Only one that is there is
/// written.
void leave_message(const std::string& path, const std::string& text) {
    const auto file = nsutil::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK);
    if (file && ::write(file->get(), text.data(), text.size()) < 0) std::perror(path.c_str());
}

int tell(const NodeReport& report, NodeState wanted, const NodeOptions& options) {
    const auto json = to_json(report);
    std::puts(json.c_str());
    for (const auto& message : report.messages)
        (void)std::fprintf(stderr, "nsupcall node: %s\n", escape(message, 1024).c_str());
    if (report.state != wanted) leave_message(options.message_file, json);
    return exit_status(report.state, wanted);
}

template <class Act>
int on_node(const NodeOptions& options, NodeState wanted, Act&& act) {
    const auto node = NodeRoot::open(options.root);
    if (!node) {
        const NodeReport report = {NodeState::failed, "", {node.error().text()}};
        return tell(report, wanted, options);
    }
    return tell(std::forward<Act>(act)(NodeInstaller(*node, options.prefix)), wanted, options);
}

/// Until it is ended; a failure is told once, and tried again.
int keep_keytabs(const NodeOptions& options) {
    std::string told;
    for (;;) {
        const auto node = NodeRoot::open(options.root);
        const auto done = node ? sync_keytabs(*node, options.from, options.to)
                               : nsutil::Result<unsigned>(std::unexpected(node.error()));
        const auto text = done ? "" : done.error().text();
        if (!done && text != told)
            (void)std::fprintf(stderr, "nsupcall node: keytabs: %s\n", escape(text, 1024).c_str());
        if (done && *done > 0) (void)std::fprintf(stderr, "nsupcall node: keytabs: %u changed\n", *done);
        told = text;
        if (options.every_seconds == 0) return done ? kExitGood : kExitBad;
        ::sleep(static_cast<unsigned>(options.every_seconds));
    }
}

}  // namespace

void add_node(CLI::App& app, int& status) {
    auto* node = app.add_subcommand("node", "Install, check and remove nsupcall on a Kubernetes node");
    node->require_subcommand(1);
    auto options = std::make_shared<NodeOptions>();
    const auto common = [&](CLI::App* command) {
        command->add_option("--root", options->root, "Where the node's / is mounted")->capture_default_str();
        command->add_option("--prefix", options->prefix, "The folder on the node")->capture_default_str();
        command
            ->add_option("--message-file", options->message_file,
                         "Where the reason of a failure goes as well")
            ->capture_default_str();
    };
    auto* install = node->add_subcommand("install", "All of it, or nothing; an upgrade is the same");
    common(install);
    install->add_option("--bundle", options->bundle, "What to install")->capture_default_str();
    install->add_option("--config", options->config, "A folder of *.conf for the node's /etc/nsupcall.conf.d")
        ->capture_default_str();
    install->add_flag("--engine", options->engine, "Have the node's systemd run the resident engine as well");
    install->callback([options, &status] {
        status = on_node(*options, NodeState::installed, [&](const NodeInstaller& installer) {
            const auto report = installer.install(options->bundle, options->config, options->engine);
            if (report.state != NodeState::unsupported) installer.record(report);
            return report;
        });
    });
    auto* uninstall = node->add_subcommand("uninstall", "The rules first, then the programs");
    common(uninstall);
    uninstall->add_option("--wait", options->wait_seconds, "Seconds for upcalls that are under way")
        ->check(CLI::Range(0, 600))
        ->capture_default_str();
    uninstall->callback([options, &status] {
        status = on_node(*options, NodeState::removed, [&](const NodeInstaller& installer) {
            return installer.uninstall(options->wait_seconds);
        });
    });
    auto* keytabs = node->add_subcommand("keytabs", "Keep a folder of the node like a Secret of keytabs");
    keytabs->add_option("--root", options->root, "Where the node's / is mounted")->capture_default_str();
    keytabs->add_option("--from", options->from, "The Secret's folder")->capture_default_str();
    keytabs->add_option("--to", options->to, "The folder on the node, below /run")->capture_default_str();
    keytabs->add_option("--every", options->every_seconds, "Look again after so many seconds; 0: once")
        ->check(CLI::Range(0, 86400))
        ->capture_default_str();
    keytabs->callback([options, &status] { status = keep_keytabs(*options); });
    auto* show = node->add_subcommand("status", "0 installed and whole, 1 not, 3 this node cannot be served");
    common(show);
    show->callback([options, &status] {
        status = on_node(*options, NodeState::installed,
                         [](const NodeInstaller& installer) { return installer.status(); });
    });
}

}  // namespace nsupcall::admin
