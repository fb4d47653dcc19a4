#include "admin/rule_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "admin/upcall_kinds.hpp"

namespace nsupcall::admin {

bool is_our_helper(const NodeRoot& root, const std::string& path) {
    constexpr std::size_t kLimit = std::size_t{64} << 20U;
    if (!root.has_program(path)) return false;
    const auto program = root.read(path, kLimit);
    return program && program->find("nsupcall") != std::string::npos;
}

namespace {

/// What is wrong with the answer for one kind; empty where nothing is.
std::string what_is_wrong(const NodeRoot& root, const UpcallKind& kind, const RequestKeyAnswer& answer) {
    if (answer.stopped_at != nullptr)
        return fmt::format("request-key gives up at {}: {}; mend or remove that line",
                           answer.stopped_at->place(),
                           answer.stopped_at->too_long ? "the line is too long" : "it has too few words");
    if (answer.chosen == nullptr)
        return fmt::format("no rule for {} ({})", kind.name, kind.example.description);
    const auto program = answer.chosen->program();
    const auto name = program.substr(program.rfind('/') + 1);
    if (name == kind.helper && is_our_helper(root, program)) return "";
    if (!root.has_program(program))
        return fmt::format("{}: {} is for {}, and is no program", answer.chosen->place(), program, kind.name);
    return fmt::format("{} goes to {}, not to nsupcall, by {}", kind.name, program, answer.chosen->place());
}

}  // namespace

nsutil::Result<std::vector<RuleFinding>> check_rules_win(const NodeRoot& root) {
    auto rules = RequestKeyRules::read(root);
    if (!rules) return nsutil::propagate(rules);
    std::vector<RuleFinding> findings;
    std::set<std::string> told;  // one line may stand in the way of many kinds
    const auto add = [&](bool fatal, const std::string& text) {
        if (told.insert(text).second) findings.push_back({fatal, text});
    };
    for (const auto& kind : kUpcallKinds) {
        const auto answer = rules->ask(kind.example);
        if (const auto wrong = what_is_wrong(root, kind, answer); !wrong.empty()) {
            add(true, wrong);
            continue;
        }
        for (const auto* rival : answer.before_for_others) {
            const auto program = rival->program();
            // Our own file names keyutils' program for the kinds of names that we leave to it.
            if (rival->file == answer.chosen->file || is_our_helper(root, program)) continue;
            add(false,
                fmt::format("some requests for {} go to {}, by {}", kind.name, program, rival->place()));
        }
    }
    for (const auto& path : rules->passed_over())
        add(false, path + ": request-key does not read it, since it is no regular file");
    return findings;
}

}  // namespace nsupcall::admin
