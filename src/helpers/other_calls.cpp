#include "helpers/other_calls.hpp"

#include <sys/time.h>
#include <unistd.h>

#include "names/name_query.hpp"
#include "nsutil/proc_text.hpp"
#include "trace/trace.hpp"

namespace nsupcall {
namespace {

constexpr const char* kProgram = "cifs.upcall";
constexpr const char* kOtherResolver = "/sbin/key.dns_resolver";

bool is_name_type(const std::string& type) {
    return type == "dns_resolver" || type == "cifs.resolver";
}

/// What an id call asks about: the number or SID itself.
nsutil::Result<IdQuestion> question_of(CallType call, const std::string& argument) {
    const bool group = call == CallType::gid_idmap || call == CallType::gid_sids;
    const bool wants_id = call == CallType::uid_sids || call == CallType::gid_sids;
    return IdQuestion::parse(std::string(group ? "g" : "o") + (wants_id ? "s:" : "i:") + argument);
}

CallResult idmap(const nsutil::Result<IdQuestion>& question, const HelperOptions& options, const Asker& asker,
                 const nsutil::Deadline& deadline) {
    CallResult result;
    if (!question)
        result.fail(question.error().code, question.error().text());
    else
        result = call_idmap(*question, options.idmap, asker, options.expire_seconds, deadline);
    return result;
}

CallResult run(CallType call, const std::string& argument, const HelperOptions& options, const Asker& asker,
               const nsutil::Deadline& deadline) {
    switch (call) {
        case CallType::dfs:
            return call_names(argument, options.spnego.config, asker, options.expire_seconds, deadline);
        case CallType::uid_krb5:
        case CallType::gid_krb5:
            return call_principal(argument, call == CallType::gid_krb5, asker, options.expire_seconds,
                                  deadline);
        default:
            return idmap(question_of(call, argument), options, asker, deadline);
    }
}

CallResult run_by_type(const std::string& type, const KeyDescription& key, const HelperOptions& options,
                       const Asker& asker, const nsutil::Deadline& deadline) {
    CallResult result;
    if (options.krb5_only)
        result.fail(ENOKEY, "only requests for Kerberos are answered here");
    else if (is_name_type(type))
        result = call_names(key.description, options.spnego.config, asker, options.expire_seconds, deadline);
    else if (type == "logon")
        result = call_logon(key.description, options.logon, asker, options.expire_seconds, deadline);
    else if (type == "cifs.idmap")
        result = idmap(IdQuestion::parse(key.description), options, asker, deadline);
    else
        result.fail(EINVAL, "keys of type " + escape(type) + " are not served");
    return result;
}

std::string_view keyring_of(const std::string& type) {
    if (is_name_type(type)) return ".dns_resolver";
    if (type == "cifs.idmap") return ".cifs_idmap";
    return {};
}

/// Queries for other records than addresses belong to keyutils' own helper (AFS has it asked). Returns only
/// where that cannot be run.
void pass_on(const HelperOptions& options, const KeyDescription& key) {
    const auto query = NameQuery::parse(key.description);
    if (!query || query->type.empty()) return;
    // Its time is its own.
    const itimerval none = {};
    (void)::setitimer(ITIMER_REAL, &none, nullptr);
    char* const environment[] = {nullptr};
    (void)::execle(kOtherResolver, kOtherResolver, options.argument.c_str(), nullptr, environment);
}

}  // namespace

int answer_other_key(const HelperOptions& options, const KeyUnderConstruction& key,
                     const KeyDescription& description, const std::string& type,
                     const nsutil::Deadline& deadline) {
    const bool by_type = options.call == CallType::key;
    const CallStory story = {kProgram, by_type ? type : call_type_name(options.call), description.description,
                             description.uid};
    if (by_type && description.type == "dns_resolver") pass_on(options, description);
    CallResult result;
    auto asker = find_asker(key, description, keyring_of(type), options.thread_keyring);
    if (!asker) {
        const int code = asker.error().code == ENOENT ? ESRCH : asker.error().code;
        result.fail(code, asker.error().text());
        return finish_call(key, result, story, options.chronicle);
    }
    if (!options.test_type.empty() && !options.test_origin) asker->made_by_kernel = true;
    result = by_type ? run_by_type(type, description, options, *asker, deadline)
                     : run(options.call, description.description, options, *asker, deadline);
    return finish_call(key, result, story, options.chronicle);
}

int answer_by_hand(const HelperOptions& options, const nsutil::Deadline& deadline) {
    const Asker self = {.tid = ::gettid(), .host_uid = ::getuid(), .made_by_kernel = true, .callout = "list"};
    const auto result = run(options.call, options.argument, options, self, deadline);
    return print_call(result, kProgram, call_type_name(options.call), options.argument, options.json);
}

}  // namespace nsupcall
