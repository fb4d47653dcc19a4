/// @file
/// nsupcall idmap: asks the chain of sources by hand, as a cifs.idmap key would.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/json_text.hpp"
#include "admin/subcommands.hpp"
#include "admin/terminal.hpp"
#include "privsep/idmap_upcall.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

constexpr const char* kSchema = "nsupcall-idmap-1";

struct Options {
    std::vector<std::string> tests;
    std::string sources, map_file, config = kConfigPath;
    pid_t pid = 0;
    bool json = false;
};

/// One question and what came of it.
struct Answered {
    std::string asked;  ///< as it was typed
    IdQuestion question;
    IdmapOutcome outcome;

    [[nodiscard]] std::string source() const {
        for (const auto& candidate : outcome.job.reply.trace.candidates())
            if (candidate.verdict == Verdict::used) return candidate.source;
        return "";
    }
};

/// A SID may be a user's or a group's: both are asked. Everything else says what it is.
/// @errors EINVAL
nsutil::Result<std::vector<IdQuestion>> questions_of(const std::string& text) {
    std::vector<std::string> descriptions = {text};
    if (text.starts_with("S-") || text.starts_with("s-")) descriptions = {"os:" + text, "gs:" + text};
    if (text.starts_with("uid:")) descriptions = {"oi:" + text.substr(4)};
    if (text.starts_with("gid:")) descriptions = {"gi:" + text.substr(4)};
    std::vector<IdQuestion> questions;
    for (const auto& description : descriptions) {
        auto question = IdQuestion::parse(description);
        if (!question)
            return nsutil::fail(EINVAL,
                                escape(text) + " is none of SID, os:SID, gs:SID, uid:NUMBER, gid:NUMBER");
        questions.push_back(std::move(*question));
    }
    return questions;
}

nsutil::Result<IdmapOptions> chain_of(const Options& options) {
    IdmapOptions chain;
    chain.config = options.config;
    if (!options.map_file.empty()) chain.map_file = options.map_file;
    if (options.sources.empty()) return chain;
    auto sources = IdmapOptions::parse_chain(options.sources);
    if (!sources) return nsutil::propagate(sources);
    chain.chain = std::move(*sources);
    return chain;
}

const char* kind_name(const IdQuestion& question) {
    return question.kind == IdKind::user ? "uid" : "gid";
}

void print(const Answered& answered, const Painter& painter) {
    const auto& reply = answered.outcome.job.reply;
    const auto asked = escape(answered.asked);
    if (answered.outcome.answer) {
        const auto answer = text_of(*answered.outcome.answer);
        std::puts(
            fmt::format("{} -> {}{}  ({})", asked,
                        answered.question.wants_id() ? std::string(kind_name(answered.question)) + ":" : "",
                        painter.paint(Tone::good, answer), escape(answered.source()))
                .c_str());
        return;
    }
    std::puts(fmt::format("{} ({}) -> {}: {}", asked, kind_name(answered.question),
                          painter.paint(Tone::bad, nsutil::errno_name(reply.code)),
                          escape(reply.message, 512))
                  .c_str());
    for (const auto& candidate : reply.trace.candidates()) {
        auto line = fmt::format("    {}: {}", escape(candidate.source), verdict_name(candidate.verdict));
        if (!candidate.detail.empty()) line += ", " + escape(candidate.detail);
        std::puts(painter.paint(Tone::faint, line).c_str());
    }
}

nlohmann::ordered_json as_json(const Answered& answered) {
    const auto& reply = answered.outcome.job.reply;
    auto tried = nlohmann::ordered_json::array();
    for (const auto& candidate : reply.trace.candidates())
        tried.push_back({{"source", json_string(candidate.source)},
                         {"verdict", verdict_name(candidate.verdict)},
                         {"detail", json_string(candidate.detail)}});
    nlohmann::ordered_json one = {{"asked", json_string(answered.asked)},
                                  {"description", answered.question.text()},
                                  {"answer", nullptr},
                                  {"source", nullptr},
                                  {"errno", nullptr},
                                  {"message", nullptr},
                                  {"tried", tried}};
    if (!answered.outcome.answer) {
        one["errno"] = nsutil::errno_name(reply.code);
        one["message"] = json_string(reply.message);
        return one;
    }
    if (answered.question.wants_id())
        one["answer"] = std::get<std::uint32_t>(*answered.outcome.answer);
    else
        one["answer"] = text_of(*answered.outcome.answer);
    one["source"] = json_string(answered.source());
    return one;
}

int complain(const nsutil::Error& error) {
    (void)std::fprintf(stderr, "nsupcall idmap: %s\n", escape(error.what, 512).c_str());
    return kExitUsage;
}

int run(const Options& options) {
    const auto chain = chain_of(options);
    if (!chain) return complain(chain.error());
    const auto painter = Painter::for_output(STDOUT_FILENO);
    auto answers = nlohmann::ordered_json::array();
    int status = kExitGood;
    for (const auto& test : options.tests) {
        const auto questions = questions_of(test);
        if (!questions) return complain(questions.error());
        bool known = false;
        for (const auto& question : *questions) {
            const auto deadline = nsutil::Deadline::after(std::chrono::seconds(15));
            // The administrator may ask what the kernel may.
            const pid_t asker = options.pid != 0 ? options.pid : ::getpid();
            const Answered answered = {test, question, answer_idmap(question, *chain, asker, true, deadline)};
            known = known || answered.outcome.answer.has_value();
            if (options.json)
                answers.push_back(as_json(answered));
            else
                print(answered, painter);
        }
        if (!known) status = kExitBad;
    }
    if (options.json) std::puts(print_json({{"schema", kSchema}, {"answers", answers}}).c_str());
    return status;
}

}  // namespace

void add_idmap(CLI::App& app, int& status) {
    auto* idmap = app.add_subcommand("idmap", "Ask for ids and SIDs as the kernel does");
    auto options = std::make_shared<Options>();
    idmap->add_option("TEST", options->tests, "SID, os:SID, gs:SID, uid:NUMBER or gid:NUMBER")->required();
    idmap->add_option("--pid", options->pid, "For this process; default: for the host")
        ->check(CLI::Range(1, 1 << 22));
    idmap->add_option("--sources", options->sources, "These, in this order, e.g. map,winbind");
    idmap->add_option("--map-file", options->map_file, "In place of /etc/nsupcall.idmap");
    idmap->add_option("--config", options->config, "Rules")->capture_default_str();
    idmap->add_flag("--json", options->json, "JSON (idmap.schema.json)");
    idmap->callback([options, &status] { status = run(*options); });
}

}  // namespace nsupcall::admin
