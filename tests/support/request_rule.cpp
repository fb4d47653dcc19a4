#include "support/request_rule.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "support/janitor.hpp"
#include "support/test_engine.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
using nsutil::Result;
constexpr std::string_view kFolder = "/etc/request-key.d";
constexpr std::string_view kPrefix = "nsupcall-test-";

bool one_word(const std::string& word) {
    return !word.empty() && word.find_first_of(" \t\n") == std::string::npos;
}

}  // namespace

Result<RequestRule> RequestRule::install(const RuleSpec& spec) {
    if (!one_word(spec.description) || !one_word(spec.callout)) return nsutil::fail(EINVAL, "a rule's pattern must be one word");
    std::error_code failed;
    fs::create_directories(kFolder, failed);
    sweep_stale(kFolder, kPrefix);
    auto folder = TempDir::create();
    if (!folder) return std::unexpected(folder.error());
    const auto engine = engine_for(spec.program);
    if (!engine) return std::unexpected(engine.error());
    const fs::path program = fs::absolute(engine->empty() ? spec.program : front_path());
    if (::access(program.c_str(), X_OK) != 0) return nsutil::fail_errno("helper " + program.string());
    static unsigned number = 0;
    const std::string name = fmt::format("{}{}-{}", kPrefix, ::getpid(), ++number);
    const fs::path link = folder->path() / fmt::format("cifs.upcall-{}-{}", ::getpid(), number);
    fs::create_symlink(program, link, failed);
    if (failed) return nsutil::fail(failed.value(), "link to the helper");
    RequestRule rule(std::move(*folder), fs::path(kFolder) / (name + ".conf"), link);
    std::string line = fmt::format("{} {} {} {} {}", spec.operation, spec.key_type, spec.description,
                                   spec.callout, rule.program_link().string());
    if (!engine->empty()) line += " --engine=" + *engine;
    for (const auto& argument : spec.arguments) {
        if (!one_word(argument))
            return nsutil::fail(EINVAL, "a rule's argument must be one word: " + argument);
        line += ' ' + argument;
    }
    if (auto told = remember_path(rule.file_); !told) return std::unexpected(told.error());
    // request-key may read the folder at any moment for somebody else: it must never see half a line.
    const fs::path unfinished = rule.folder_.path() / "rule";
    if (auto written = write_file(unfinished, line + "\n", 0644); !written)
        return std::unexpected(written.error());
    fs::rename(unfinished, rule.file_, failed);
    if (failed.value() == EXDEV) {
        const fs::path beside = fs::path(kFolder) / (name + ".new");
        if (auto told = remember_path(beside); !told) return std::unexpected(told.error());
        if (auto written = write_file(beside, line + "\n", 0644); !written)
            return std::unexpected(written.error());
        fs::rename(beside, rule.file_, failed);
    }
    if (failed) return nsutil::fail(failed.value(), "install " + rule.file_.string());
    return rule;
}

RequestRule::~RequestRule() {
    if (file_.empty()) return;
    (void)::unlink(file_.c_str());
    forget_path(file_);
}

std::vector<pid_t> RequestRule::running_helpers() const {
    std::vector<pid_t> pids;
    const std::string name = program_link_.filename().string();
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator("/proc", failed)) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        if (pid <= 0) continue;
        const std::string line = read_file(entry.path() / "cmdline").value_or("");
        if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == '\0')
            pids.push_back(pid);
    }
    return pids;
}

}  // namespace nsupcall::test
