#include "privsep/idmap_upcall.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "idmap/fixed_sids.hpp"
#include "idmap/id_daemon.hpp"
#include "idmap/map_file.hpp"
#include "nsutil/bounded_read.hpp"
#include "privsep/rule_choice.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::IdMap;
using nsutil::NamespaceKind;
using nsutil::propagate;
using nsutil::Result;
using Answer = std::optional<IdOrSid>;

/// A map file, wherever this process is. The host's is believed, so it must be root's alone.
Result<Answer> ask_map_file(const std::string& path, bool of_host, const IdQuestion& question) {
    // Never waits, whatever a container has put there in place of a file.
    auto fd = nsutil::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK);
    if (!fd) return propagate(fd);
    struct stat info = {};
    if (::fstat(fd->get(), &info) != 0) return nsutil::fail_errno("look at " + path);
    if (!S_ISREG(info.st_mode)) return fail(EINVAL, path + " is no regular file");
    if (of_host && (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0))
        return fail(EACCES, path + " is not root's alone");
    auto text = nsutil::read_all(fd->get(), MapFile::kTextLimit);
    if (!text) return propagate(text, path);
    auto file = MapFile::parse(*text);
    if (!file) return propagate(file, path);
    return file->find(question);
}

/// The worker's payload: what follows is an id or a SID, or the source knows none, or there is no source.
enum class Said : std::uint8_t { nothing, id, sid, no_source };

void say(Reply& reply, const Result<Answer>& answer) {
    Said said = Said::nothing;
    if (!answer)
        said = Said::no_source;
    else if (*answer)
        said = std::holds_alternative<Sid>(**answer) ? Said::sid : Said::id;
    reply.payload.assign(1, static_cast<std::byte>(said));
    if (said != Said::id && said != Said::sid) return;
    const auto bytes = make_id_payload(**answer);
    reply.payload.insert(reply.payload.end(), bytes.begin(), bytes.end());
}

/// The other half of say(). The reply may come from a worker that has been taken over.
Result<Answer> hear(const Reply& reply, const IdQuestion& question) {
    if (reply.code != 0) return fail(reply.code, reply.message);
    if (reply.payload.empty()) return fail(EPROTO, "the worker's reply is empty");
    const auto rest = std::span(reply.payload).subspan(1);
    switch (static_cast<Said>(reply.payload[0])) {
        case Said::nothing:
            return Answer();
        case Said::no_source:
            return fail(ENOENT, "not set up here");
        case Said::id: {
            std::uint32_t id = 0;
            if (rest.size() != sizeof id || !question.wants_id()) break;
            std::memcpy(&id, rest.data(), sizeof id);
            if (id == kNoId) break;
            return Answer(id);
        }
        case Said::sid: {
            auto sid = Sid::from_bytes(rest);
            if (!sid || question.wants_id()) break;
            return Answer(*sid);
        }
    }
    return fail(EPROTO, "the worker's reply does not fit the question");
}

class Chain {
  public:
    Chain(const IdQuestion& question, const IdmapOptions& options, const Requester& requester,
          const nsutil::Deadline& deadline)
        : question_(question), options_(options), requester_(requester), deadline_(deadline) {}

    Result<Answer> ask(IdSource source) {
        switch (source) {
            case IdSource::map:
                return ask_map_file(options_.map_file, true, question_);
            case IdSource::unix_ids:
                return question_.wants_id() ? ask_unix(question_) : Answer();
            case IdSource::well_known:
                return ask_well_known(question_);
            case IdSource::builtin:
                return ask_builtin(question_);
            case IdSource::winbind:
            case IdSource::sssd:
                return ask_daemon(source, nsutil::NamespaceSet::none(requester_.host), question_);
            case IdSource::container_map:
            case IdSource::container_winbind:
                return ask_container(source);
        }
        return fail(EINVAL, "no such source");
    }

  private:
    Result<Answer> run(const SealedJob& job, const IdQuestion& question) const {
        return hear(run_sealed(job, deadline_), question);
    }

    Result<Answer> ask_daemon(IdSource source, const nsutil::NamespaceSet& namespaces,
                              const IdQuestion& question) const {
        auto identity = SealedIdentity::nobody(namespaces);
        if (!identity) return propagate(identity);
        Result<std::unique_ptr<IdDaemon>> daemon = fail(ENOENT, "not opened");
        const SealedJob job = {
            .namespaces = namespaces,
            .identity = std::move(*identity),
            .prepare =
                [&] { daemon = source == IdSource::sssd ? IdDaemon::open_sssd() : IdDaemon::open_winbind(); },
            .work = [&](Reply& reply) -> Result<void> {
                auto answer = daemon ? (*daemon)->ask(question) : Result<Answer>(propagate(daemon));
                if (!answer && answer.error().code != ENOENT) return propagate(answer);
                say(reply, answer);
                return {};
            }};
        return run(job, question);
    }

    /// The map between the container's ids of this kind and the host's.
    Result<IdMap> id_map() const {
        if (question_.kind == IdKind::user) return requester_.namespaces.uid_map();
        auto text = requester_.task.read("gid_map", IdMap::kTextLimit);
        if (!text) return propagate(text);
        auto map = IdMap::parse(*text);
        if (!map) return propagate(map, "gid map of the requester");
        // The text belongs to whatever namespace the task was in at that moment.
        auto view = nsutil::NamespaceView::of_task(requester_.task);
        if (!view) return propagate(view);
        if (!view->same(NamespaceKind::user, requester_.namespaces.view()))
            return fail(ESRCH, "the requester changed its user namespace");
        return map;
    }

    Result<Answer> ask_container(IdSource source) const {
        const auto& namespaces = requester_.namespaces;
        if (requester_.is_kernel_thread() || !namespaces.enters(NamespaceKind::user))
            return fail(ENOENT, "the requester has no user namespace of its own: nothing would confine it");
        auto map = id_map();
        if (!map) return propagate(map);
        IdQuestion inside = question_;
        if (!question_.wants_id()) {
            const auto id = map->to_inside(question_.id());
            if (!id) return fail(ENOENT, "the id belongs to nobody in the requester's user namespace");
            inside.subject = *id;
        }
        auto answer = source == IdSource::container_winbind ? ask_daemon(source, namespaces, inside)
                                                            : ask_container_map(inside);
        if (!answer || !*answer || !question_.wants_id()) return answer;
        const auto claimed = std::get<std::uint32_t>(**answer);
        const auto host_id = map->to_host(claimed);
        if (!host_id)
            return fail(EACCES, "the container claims id " + std::to_string(claimed) +
                                    ", which its user namespace does not map");
        return Answer(*host_id);
    }

    Result<Answer> ask_container_map(const IdQuestion& inside) const {
        auto identity = SealedIdentity::nobody(requester_.namespaces);
        if (!identity) return propagate(identity);
        const SealedJob job = {.namespaces = requester_.namespaces,
                               .identity = std::move(*identity),
                               .work = [&](Reply& reply) -> Result<void> {
                                   auto answer = ask_map_file(options_.container_map_file, false, inside);
                                   if (!answer && answer.error().code != ENOENT) return propagate(answer);
                                   say(reply, answer);
                                   return {};
                               }};
        return run(job, inside);
    }

    const IdQuestion& question_;
    const IdmapOptions& options_;
    const Requester& requester_;
    const nsutil::Deadline& deadline_;
};

bool shares_host_namespaces(const Requester& requester) {
    const auto& view = requester.namespaces.view();
    return view.same(NamespaceKind::mount, requester.host) &&
           view.same(NamespaceKind::user, requester.host) && view.same_root(requester.host);
}

}  // namespace

IdmapOutcome answer_idmap(const IdQuestion& question, const IdmapOptions& given, pid_t tid,
                          bool made_by_kernel, const nsutil::Deadline& deadline) {
    IdmapOutcome outcome;
    auto& reply = outcome.job.reply;
    auto requester = Requester::open(tid);
    if (!requester) {
        reply = failed_reply(requester.error().code, requester.error().text());
        return outcome;
    }
    outcome.job.requester = std::move(*requester);
    const auto& who = *outcome.job.requester;
    auto chosen = choose_settings({given.config}, {.creduid = who.status.uids.real}, who);
    outcome.job.rule = chosen.settings.rule;
    outcome.job.config_problems = std::move(chosen.problems);
    if (chosen.settings.deny) {
        reply = failed_reply(EACCES, "denied by the configuration");
        return outcome;
    }
    auto options = given;
    options.obey(chosen.settings);
    const bool ask_host = made_by_kernel || who.is_kernel_thread() || shares_host_namespaces(who);
    Chain chain(question, options, who, deadline);
    auto trace = Trace();
    bool asked = false;
    for (const auto source : options.chain) {
        const bool own = is_containers_own(source);
        if (!own && !ask_host) {
            trace.add({std::string(id_source_name(source)),
                       {},
                       Verdict::not_considered,
                       {},
                       0,
                       "the request is not the kernel's"});
            continue;
        }
        auto answer = chain.ask(source);
        const bool absent = !answer && answer.error().code == ENOENT;
        asked |= !absent;
        Candidate candidate{std::string(id_source_name(source)), {}, Verdict::absent, {}, 0, {}};
        if (!answer) {
            candidate.verdict = absent ? Verdict::absent : Verdict::failed;
            candidate.detail = answer.error().text();
        } else if (*answer) {
            candidate.verdict = Verdict::used;
            candidate.detail = text_of(**answer);
            outcome.answer = **answer;
            outcome.job.namespaces = own ? "requester" : "host";
        } else {
            candidate.detail = "knows no answer";
        }
        trace.add(candidate);
        if (outcome.answer) break;
        if (!answer && !absent) {
            // A source that follows might say something else than this one would.
            reply = failed_reply(answer.error().code, candidate.source + ": " + answer.error().text());
            break;
        }
    }
    if (!outcome.answer && reply.code == 0) {
        const bool unix_last = !question.wants_id() && ask_host &&
                               std::ranges::find(options.chain, IdSource::unix_ids) != options.chain.end();
        if (unix_last) {
            outcome.answer = ask_unix(question);
            outcome.job.namespaces = "host";
            trace.add({"unix", {}, Verdict::used, {}, 0, text_of(*outcome.answer)});
        } else if (!ask_host && !asked) {
            reply = failed_reply(EPERM,
                                 "the request is not the kernel's, and its asker has no source of its own");
        } else {
            reply = failed_reply(ENOKEY, "no source knows " + question.text());
        }
    }
    reply.trace = std::move(trace);
    return outcome;
}

}  // namespace nsupcall
