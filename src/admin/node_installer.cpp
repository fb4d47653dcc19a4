#include "admin/node_installer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "admin/doctor.hpp"
#include "admin/node_config.hpp"
#include "admin/node_engine.hpp"
#include "admin/node_keytabs.hpp"
#include "admin/node_probe.hpp"
#include "admin/node_store.hpp"
#include "admin/rule_check.hpp"
#include "admin/rule_file.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::Result;

/// Why upcalls would not come to us, by request-key's own way of looking; empty where they do.
std::string rules_that_win(const NodeRoot& node) {
    const auto findings = check_rules_win(node);
    if (!findings) return findings.error().text();
    for (const auto& finding : *findings)
        if (finding.fatal) return finding.text;
    return "";
}

NodeEngine engine_of(const NodeRoot& node, const NodeStore& store) {
    return {node, store.current("libexec/nsupcall/engine")};
}

/// Undoes the steps that were made, the last first, unless told that all went well.
class Undo {
  public:
    Undo(const NodeStore& store, const RuleFile& rules)
        : store_(store), rules_(rules), version_(store.version_in_use()), text_(rules.installed()) {}
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo() {
        if (good_) return;
        if (text_.empty())
            (void)rules_.remove();
        else
            (void)rules_.install(text_, RuleFile::Edits::replace);
        (void)store_.use(version_);
        if (added_ != version_) store_.remove(added_);
    }
    void added(const std::string& version) { added_ = version; }
    void keep() { good_ = true; }

  private:
    const NodeStore& store_;
    const RuleFile& rules_;
    std::string version_, text_, added_;
    bool good_ = false;
};

}  // namespace

const char* node_state_name(NodeState state) {
    switch (state) {
        case NodeState::installed:
            return "installed";
        case NodeState::unsupported:
            return "unsupported";
        case NodeState::removed:
            return "removed";
        case NodeState::failed:
            break;
    }
    return "failed";
}

std::string to_json(const NodeReport& report) {
    std::array<char, 32> time = {};
    const std::time_t now = ::time(nullptr);
    std::tm parts = {};
    if (::gmtime_r(&now, &parts) != nullptr) (void)std::strftime(time.data(), time.size(), "%FT%TZ", &parts);
    return nlohmann::json({{"state", node_state_name(report.state)},
                           {"version", report.version},
                           {"messages", report.messages},
                           {"time", time.data()}})
        .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> NodeInstaller::obstacles() const {
    std::vector<std::string> found;
    if (!RuleFile::is_plain_path(prefix_))
        found.push_back("the prefix " + prefix_ + " is no absolute path of plain characters, 100 at most");
    for (const auto& check : examine_request_key({node_, false}))
        if (check.status == CheckStatus::failure) found.push_back(check.text + ": " + check.fix);
    for (const std::string& path : {std::string(RuleFile::kFolder), prefix_})
        if (const auto writable = node_.check_writable(path); !writable)
            found.push_back(
                path + ": " + writable.error().what +
                (path == prefix_ ? ": choose another prefix" : ": the rules cannot be put there"));
    return found;
}

Result<std::string> NodeInstaller::try_install(const std::string& bundle_folder,
                                               const std::string& config_folder) const {
    const NodeStore store(node_, prefix_);
    const RuleFile rules(node_, RuleOwner::node);
    // 1. Alone. 2. What is to come back if anything fails from here on.
    auto lock = store.lock();
    if (!lock) return nsutil::propagate(lock);
    Undo undo(store, rules);
    // 3. The programs, complete and tried before anything points to them.
    auto bundle = Bundle::read(bundle_folder);
    if (!bundle) return nsutil::propagate(bundle);
    auto version = store.add(*bundle);
    if (!version) return version;
    undo.added(*version);
    for (const char* program : {"cifs.upcall", "cifs.idmap"})
        if (auto good = probe_program(node_, store.folder_of(*version) + "/sbin/" + program); !good)
            return nsutil::propagate(good);
    // 4. The last thing that can be wrong with what we were given.
    if (auto done = NodeConfig(node_, prefix_).install(config_folder); !done) return nsutil::propagate(done);
    // 5. From here on upcalls use them, where the rules are there already.
    if (auto done = store.use(*version); !done) return nsutil::propagate(done);
    // 6. The rules, which point to the link and so stay the same over upgrades.
    const auto text = RuleFile::text_for(RuleOwner::node, store.current("sbin"));
    if (auto done = rules.install(text, RuleFile::Edits::replace); !done) return nsutil::propagate(done);
    // 7. The whole, as request-key will come to it.
    if (auto good = probe_program(node_, store.current("sbin/cifs.upcall")); !good)
        return nsutil::propagate(good);
    if (const auto wrong = rules_that_win(node_); !wrong.empty()) return nsutil::fail(EEXIST, wrong);
    undo.keep();
    store.prune();
    return version;
}

NodeReport NodeInstaller::install(const std::string& bundle_folder, const std::string& config_folder,
                                  bool engine) const {
    NodeReport report;
    report.messages = obstacles();
    if (!report.messages.empty()) {
        report.state = NodeState::unsupported;
        return report;
    }
    const NodeStore store(node_, prefix_);
    const auto former = store.version_in_use();
    if (auto version = try_install(bundle_folder, config_folder)) {
        report.state = NodeState::installed;
        report.version = *version;
        report.messages.push_back(former.empty() || former == *version ? "installed below " + prefix_
                                                                       : "upgraded from " + former);
        // Nothing depends on it, so that nothing is undone where it cannot be had.
        const auto resident = engine_of(node_, store);
        const auto done =
            engine ? resident.install(!former.empty() && former != *version) : resident.remove();
        if (!done) report.messages.push_back("engine: " + done.error().text());
    } else {
        report.version = store.version_in_use();
        report.messages.push_back(version.error().text());
        if (report.version.empty()) (void)store.remove_all();
    }
    return report;
}

NodeReport NodeInstaller::uninstall(int wait_seconds) const {
    const NodeStore store(node_, prefix_);
    NodeReport report;
    if (!RuleFile::is_plain_path(prefix_)) {
        report.messages = {"the prefix is no absolute path of plain characters"};
        return report;
    }
    if (auto done = RuleFile(node_, RuleOwner::node).remove(); !done) {
        report.messages.push_back(done.error().text());
        return report;
    }
    if (auto done = NodeConfig(node_, prefix_).remove(); !done) {
        report.messages.push_back(done.error().text());
        return report;
    }
    if (auto done = engine_of(node_, store).remove(); !done) {
        report.messages.push_back(done.error().text());
        return report;
    }
    if (node_.has(kKeytabFolder)) (void)sync_keytabs(node_, "", kKeytabFolder);
    if (!store.version_in_use().empty()) ::sleep(static_cast<unsigned>(std::max(0, wait_seconds)));
    if (auto done = store.remove_all(); !done) {
        report.messages.push_back(done.error().text());
        return report;
    }
    report.state = NodeState::removed;
    return report;
}

NodeReport NodeInstaller::status() const {
    const NodeStore store(node_, prefix_);
    NodeReport report;
    report.version = store.version_in_use();
    const auto rules = RuleFile(node_, RuleOwner::node).installed();
    if (report.version.empty() && rules.empty()) {
        report.messages = obstacles();
        report.state = report.messages.empty() ? NodeState::removed : NodeState::unsupported;
        return report;
    }
    report.messages = obstacles();
    if (const auto wrong = rules_that_win(node_); !wrong.empty())
        report.messages.push_back("request-key's rules: " + wrong);
    if (auto good = probe_program(node_, store.current("sbin/cifs.upcall")); !good)
        report.messages.push_back(good.error().what);
    report.state = report.messages.empty() ? NodeState::installed : NodeState::failed;
    return report;
}

void NodeInstaller::record(const NodeReport& report) const {
    const auto folder = node_.open_at(prefix_, O_RDONLY | O_DIRECTORY);
    if (folder) (void)replace_file(folder->get(), kStatusFile, to_json(report) + "\n", 0644);
}

}  // namespace nsupcall::admin
