#include "helpers/key_call.hpp"

#include <fcntl.h>

#include <cstdio>
#include <ctime>

#include "nsutil/bounded_read.hpp"
#include "request/auth_key_line.hpp"
#include "trace/journal.hpp"
#include "trace/trace.hpp"

namespace nsupcall {
namespace {

using nsutil::propagate;
using nsutil::Result;

bool is_kernels(const KeyDescription& key, std::string_view keyring,
                std::optional<KeySerial> thread_keyring) {
    if (keyring.empty() || key.uid != 0 || key.gid != 0) return false;
    if (!thread_keyring) return true;
    const auto text = describe_key(*thread_keyring);
    if (!text) return false;
    const auto proof = KeyDescription::parse(*text);
    // User space cannot make a keyring whose name begins with a dot.
    return proof && proof->type == "keyring" && proof->description == keyring && proof->uid == 0 &&
           proof->gid == 0;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + escape(word);
    return text;
}

std::string message_of(const CallResult& result, int code, const std::string& why, const std::string& what) {
    std::string text =
        code == 0 ? "answered " + what
                  : "refused with " + nsutil::errno_name(code) + ": " + escape(why, 512) + "; " + what;
    if (code == 0 && !result.words.empty()) text += ": " + joined(result.words);
    if (code == 0 && !result.job.reply.client.empty()) text += " as " + escape(result.job.reply.client);
    if (result.job.requester) text += "; requester " + result.job.requester->describe();
    if (!result.job.namespaces.empty()) text += "; namespaces of the " + result.job.namespaces;
    if (!result.job.rule.empty()) text += "; rule " + escape(result.job.rule);
    const auto tried = result.job.reply.trace.summary(std::time(nullptr));
    if (!tried.empty()) text += "; tried " + tried;
    return text;
}

Result<void> instantiate(const KeyUnderConstruction& key, const CallResult& result) {
    // Instantiation ends the authority over the key: its life comes first.
    if (result.lives_seconds > 0)
        if (auto set = key.set_timeout(result.lives_seconds); !set) return propagate(set);
    return key.instantiate(result.payload);
}

/// JSON's escapes (RFC 8259 section 7); what is no UTF-8 has been made \xNN by escape(), hence the
/// backslashes double.
std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : escape(text, 4096)) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

Result<Asker> find_asker(const KeyUnderConstruction& key, const KeyDescription& description,
                         std::string_view keyring, std::optional<KeySerial> thread_keyring) {
    constexpr std::size_t kCalloutMost = 512;
    auto text = nsutil::read_file_at(AT_FDCWD, "/proc/keys", AuthKeyLine::kTextLimit);
    if (!text) return propagate(text, "who asks");
    auto line = AuthKeyLine::find(*text, key.serial());
    if (!line) return propagate(line, "who asks");
    Asker asker;
    asker.tid = line->tid;
    asker.host_uid = description.uid;
    asker.made_by_kernel = is_kernels(description, keyring, thread_keyring);
    asker.proven = asker.made_by_kernel && thread_keyring;
    if (line->callout_size > 0) {
        auto callout = key.callout(kCalloutMost);
        if (!callout) return propagate(callout);
        asker.callout = std::move(*callout);
        // The kernel counts no NUL in, but an asker may.
        if (const auto nul = asker.callout.find('\0'); nul != std::string::npos) asker.callout.resize(nul);
    }
    return asker;
}

void log_config_problems(std::string_view program, const std::vector<std::string>& problems) {
    if (problems.empty()) return;
    std::string text = "configuration: " + escape(problems.front(), 512);
    if (problems.size() > 1) text += ", and " + std::to_string(problems.size() - 1) + " more";
    log_record(Severity::error, program, text, {});
}

int finish_call(const KeyUnderConstruction& key, const CallResult& result, const CallStory& story,
                const Chronicle& chronicle) {
    int code = result.code;
    std::string why = result.message;
    bool answered = false;
    if (!result.payload.empty()) {
        const auto done = instantiate(key, result);
        answered = done.has_value();
        if (!done) {
            code = done.error().code;
            why = done.error().text();
        }
    }
    auto rejected = answered ? Result<void>() : key.reject(code);
    // Not answering would cost the asker the kernel's own 60 seconds: once more, with a code that is valid.
    if (!rejected) rejected = key.reject(EKEYREJECTED);
    auto record = history_of(result, code, why);
    record.program = story.program;
    record.call = story.call;
    record.description = story.description;
    record.creduid = story.key_uid;
    const auto untold = chronicle.add(std::move(record));
    const auto severity = code == 0 ? Severity::info : code == EPERM ? Severity::warning : Severity::error;
    auto text = message_of(result, code, why, escape(story.call) + " " + escape(story.description));
    if (!untold.empty()) text += "; " + escape(untold);
    log_record(severity, story.program, text,
               {{"NSUPCALL_ERRNO", code == 0 ? "0" : nsutil::errno_name(code)},
                {"NSUPCALL_REQUESTER_TID",
                 result.job.requester ? std::to_string(result.job.requester->task.tid()) : ""}});
    log_config_problems(story.program, result.job.config_problems);
    return !rejected ? kExitNobody : code == 0 ? kExitAnswered : kExitRejected;
}

int print_call(const CallResult& result, std::string_view program, std::string_view call,
               const std::string& argument, bool json) {
    const bool good = result.code == 0;
    if (json) {
        std::string text = "{\"call\":" + json_text(call) + ",\"argument\":" + json_text(argument);
        if (!good) {
            text += ",\"error\":" + json_text(nsutil::errno_name(result.code)) +
                    ",\"message\":" + json_text(result.message);
        } else if (result.is_number) {
            text += ",\"answer\":" + result.words.front();
        } else if (!result.is_list) {
            text += ",\"answer\":" + json_text(result.words.empty() ? "" : result.words.front());
        } else {
            text += ",\"answer\":[";
            for (std::size_t at = 0; at < result.words.size(); ++at)
                text += (at > 0 ? "," : "") + json_text(result.words[at]);
            text += "]";
        }
        if (good && result.lives_seconds > 0)
            text += ",\"lives_seconds\":" + std::to_string(result.lives_seconds);
        return std::puts((text + "}").c_str()) >= 0 && good ? kExitAnswered : kExitRejected;
    }
    if (!good) {
        (void)std::fprintf(stderr, "%.*s: %s: %s: %s\n", static_cast<int>(program.size()), program.data(),
                           escape(argument).c_str(), nsutil::errno_name(result.code).c_str(),
                           escape(result.message, 512).c_str());
        return kExitRejected;
    }
    for (const auto& word : result.words)
        if (std::puts(escape(word).c_str()) < 0) return kExitRejected;
    return kExitAnswered;
}

}  // namespace nsupcall
