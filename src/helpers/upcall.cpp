#include "helpers/upcall.hpp"

#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "helpers/last_word.hpp"
#include "helpers/other_calls.hpp"
#include "keys/spnego_payload.hpp"
#include "privsep/remember.hpp"
#include "request/auth_key_line.hpp"
#include "request/origin.hpp"
#include "trace/journal.hpp"
#include "trace/trace.hpp"

namespace nsupcall {
namespace {

using nsutil::Error;
using nsutil::fail;
using nsutil::propagate;
using nsutil::Result;

constexpr const char* kProgram = "cifs.upcall";

/// What one upcall came to, for its log record.
struct Record {
    KeyDescription key;
    SpnegoRequest request;
    SpnegoOutcome outcome;
    bool forged = false;  ///< not the kernel's own request
    std::string untold;   ///< why it is not in the history; empty where it is
};

/// The task that waits for the key, which no description can lie about. @errors as AuthKeyLine::find
Result<pid_t> find_waiting_task(const PendingKey& key) {
    auto text = key.visible_keys();
    if (!text) return propagate(text);
    auto line = AuthKeyLine::find(*text, key.serial());
    if (!line) return propagate(line);
    return line->tid;
}

/// The same in words, for the record of a forged request.
std::string describe_waiting_task(const PendingKey& key) {
    const auto tid = find_waiting_task(key);
    if (!tid) return "nobody that can be found (" + tid.error().text() + ")";
    const auto task = Requester::open(*tid);
    return task ? task->describe() : "tid " + std::to_string(*tid) + ", which is gone";
}

Result<void> verify_origin(const HelperOptions& options, const PendingKey& key,
                           const KeyDescription& description, const SpnegoRequest* request) {
    std::optional<std::string> keyring;
    if (options.thread_keyring) {
        // A serial that leads nowhere is a wrong proof, not a missing one.
        auto described = describe_key(*options.thread_keyring);
        keyring = described ? *described : std::string();
    }
    auto genuine = verify_spnego_origin(description, keyring);
    if (genuine && !keyring && request != nullptr) {
        const auto waiting = find_waiting_task(key);
        if (waiting)
            genuine = verify_named_task(request->tid, *waiting);
        else if (waiting.error().code == EPERM)
            genuine = std::unexpected(waiting.error());
    }
    if (!genuine) return fail(EPERM, genuine.error().what + "; asked by " + describe_waiting_task(key));
    return genuine;
}

Result<SpnegoRequest> accept(const HelperOptions& options, const PendingKey& key, Record& record) {
    auto request = SpnegoRequest::parse(record.key.description);
    if (options.test_type.empty() || options.test_origin) {
        auto description = record.key;
        // A key of type `user` stands for one of the type that is tested; all else about it is as it came.
        if (!options.test_type.empty()) description.type = options.test_type;
        auto genuine = verify_origin(options, key, description, request ? &*request : nullptr);
        record.forged = !genuine;
        if (!genuine) return propagate(genuine);
    }
    return request;
}

/// One line: who asked, for whom, where, what was tried, why it failed.
std::string message_of(const Record& record, int code, const std::string& why) {
    std::string text = code == 0 ? "answered" : "refused with " + nsutil::errno_name(code) + ":";
    if (code != 0) text += " " + escape(why, 1024);
    const auto& request = record.request;
    const auto& outcome = record.outcome;
    if (request.host.empty()) return text + "; request \"" + escape(record.key.description) + "\"";
    text += code == 0 ? " " : "; ";
    text += "host " + escape(request.host) + " for uid " + std::to_string(request.creduid);
    if (!request.user.empty()) text += " user " + escape(request.user);
    if (code == 0) text += " as " + escape(outcome.reply.client);
    if (outcome.requester) text += "; requester " + outcome.requester->describe();
    if (outcome.place) {
        text += "; namespaces of the " + outcome.place->whose;
        for (const auto& note : outcome.place->notes) text += "; " + escape(note, 512);
    }
    if (!outcome.rule.empty()) text += "; rule " + escape(outcome.rule);
    const auto tried = outcome.reply.trace.summary(std::time(nullptr));
    if (!tried.empty()) text += "; tried " + tried;
    if (!record.untold.empty()) text += "; " + escape(record.untold);
    return text;
}

/// The container whose namespaces were used, else the requester's.
std::string container_of(const SpnegoOutcome& outcome) {
    if (outcome.place && !outcome.place->container.empty()) return outcome.place->container;
    return outcome.requester ? outcome.requester->container : std::string();
}

void log_answer(const Record& record, int code, const std::string& why) {
    std::vector<LogField> fields = {{"NSUPCALL_ERRNO", code == 0 ? "0" : nsutil::errno_name(code)},
                                    {"NSUPCALL_HOST", record.request.host},
                                    {"NSUPCALL_CREDUID", std::to_string(record.request.creduid)},
                                    {"NSUPCALL_REQUESTER_TID", std::to_string(record.request.tid)},
                                    {"NSUPCALL_CLIENT", record.outcome.reply.client},
                                    {"NSUPCALL_SERVER", record.outcome.reply.server}};
    if (record.outcome.requester) {
        const auto& view = record.outcome.requester->namespaces.view();
        for (const auto kind :
             {nsutil::NamespaceKind::mount, nsutil::NamespaceKind::user, nsutil::NamespaceKind::net})
            fields.push_back({std::string("NSUPCALL_NS_") + (kind == nsutil::NamespaceKind::mount  ? "MNT"
                                                             : kind == nsutil::NamespaceKind::user ? "USER"
                                                                                                   : "NET"),
                              std::to_string(view.of(kind).inode)});
    }
    const auto container = container_of(record.outcome);
    if (!container.empty()) fields.push_back({"NSUPCALL_CONTAINER", container});
    if (!record.outcome.rule.empty()) fields.push_back({"NSUPCALL_RULE", record.outcome.rule});
    const auto severity = code == 0 ? Severity::info : code == EPERM ? Severity::warning : Severity::error;
    log_record(severity, kProgram, message_of(record, code, why), fields);
    log_config_problems(kProgram, record.outcome.config_problems);
}

/// For -d: the request as it came, and how long the answer took.
void log_debug(const HelperOptions& options, const Record& record, const nsutil::Deadline& deadline) {
    if (!options.debug) return;
    log_record(Severity::debug, kProgram,
               "key " + std::to_string(options.key) + " of " + std::to_string(record.key.uid) + ":" +
                   std::to_string(record.key.gid) + " \"" + escape(record.key.description, 1024) + "\", " +
                   std::to_string(deadline.remaining_ms()) + " ms before the deadline",
               {});
}

/// The caller has its answer: a record that cannot be written is worth a word in the log, no more.
void remember(const HelperOptions& options, Record& record) {
    auto& outcome = record.outcome;
    const auto done = remember_session(options.spnego.sessions, record.request, *outcome.requester,
                                       *outcome.place, outcome.reply);
    if (!done) outcome.place->notes.push_back("not remembered: " + done.error().text());
}

/// The same for the history.
void tell(const HelperOptions& options, Record& record, int code, const std::string& why) {
    auto story = history_of(record.request, record.outcome, code, why);
    story.program = kProgram;
    story.description = record.key.description;
    story.forged = record.forged;
    record.untold = options.chronicle.add(std::move(story));
}

/// The type that the key is served as.
const std::string& served_type(const HelperOptions& options, const KeyDescription& description) {
    return options.test_type.empty() ? description.type : options.test_type;
}

}  // namespace

Result<KeyDescription> describe_pending(const HelperOptions& options, const PendingKey& key) {
    auto text = key.describe();
    if (!text) return propagate(text);
    auto description = KeyDescription::parse(*text);
    if (!description) return propagate(description);
    if (!options.test_type.empty() && description->type != "user")
        return fail(EINVAL, "--test-type is for keys of type user only");
    return description;
}

bool asks_for_token(const HelperOptions& options, const KeyDescription& description) {
    return options.call == CallType::key && served_type(options, description) == "cifs.spnego";
}

SpnegoEnd answer_spnego_key(const HelperOptions& options, const PendingKey& key,
                            Result<KeyDescription> description, const nsutil::Deadline& deadline) {
    Record record;
    if (description) record.key = std::move(*description);
    auto request = description ? accept(options, key, record)
                               : Result<SpnegoRequest>(std::unexpected(std::move(description.error())));
    std::optional<Error> error;
    if (!request) {
        error = request.error();
    } else {
        record.request = std::move(*request);
        auto spnego = options.spnego;
        spnego.deadline_changed = [&](const nsutil::Deadline& changed) { key.use_deadline(changed); };
        record.outcome = answer_spnego(record.request, spnego, deadline);
        if (record.outcome.declined) return {.status = kExitNobody, .declined = true};
        const auto& reply = record.outcome.reply;
        if (reply.code == 0) {
            const auto payload = make_spnego_payload(reply.session_key, reply.token);
            auto done = payload ? key.instantiate(*payload) : Result<void>(std::unexpected(payload.error()));
            if (!done) error = done.error();
        } else {
            error = Error{reply.code, nsutil::ErrorDomain::errno_, 0, reply.message, {}};
        }
    }
    if (!error) {
        remember(options, record);
        tell(options, record, 0, {});
        log_answer(record, 0, {});
        log_debug(options, record, deadline);
        return {.status = kExitAnswered};
    }
    // What cannot be parsed is no kernel's either, whoever asks.
    auto rejected = record.forged || !request ? key.reject_forged(error->code) : key.reject(error->code);
    // Not answering would cost the asker the kernel's own 60 seconds: once more, with a code that is valid.
    if (!rejected) rejected = key.reject(EKEYREJECTED);
    tell(options, record, error->code, error->text());
    log_answer(record, error->code, error->text());
    log_debug(options, record, deadline);
    return {.status = rejected ? kExitRejected : kExitNobody,
            .worker_lost = record.outcome.reply.worker_lost};
}

int answer_key(const HelperOptions& options, const nsutil::Deadline& deadline) {
    const KeyUnderConstruction key(
        options.key, [&](const nsutil::Deadline& changed) { arm_last_word(options.key, changed); });
    auto description = describe_pending(options, key);
    if (description && !asks_for_token(options, *description)) {
        const auto& type = served_type(options, *description);
        return answer_other_key(options, key, *description, type, deadline);
    }
    return answer_spnego_key(options, key, std::move(description), deadline).status;
}

int answer(const HelperOptions& options, const nsutil::Deadline& deadline) {
    // A number may be a key id as well as a uid: request-key has given us the authority over a key.
    const bool by_hand = options.call != CallType::key &&
                         (options.key == 0 || !KeyUnderConstruction(options.key).assume_authority());
    return by_hand ? answer_by_hand(options, deadline) : answer_key(options, deadline);
}

int answer_usage_error(KeySerial key, const nsutil::Error& error) {
    (void)std::fprintf(stderr, "%s: %s\n%s", kProgram, error.what.c_str(), helper_usage());
    if (key != 0) (void)KeyUnderConstruction(key).reject(EINVAL);
    log_record(Severity::error, kProgram, "bad usage: " + escape(error.what), {});
    return kExitUsage;
}

}  // namespace nsupcall
