#include "admin/explain_subject.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "admin/mount_behind.hpp"
#include "admin/survey.hpp"
#include "keys/key_service.hpp"
#include "nsutil/proc_text.hpp"
#include "nsutil/task.hpp"
#include "request/key_description.hpp"
#include "request/origin.hpp"
#include "session/cifs_mounts.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::fail;
using nsutil::Mount;
using nsutil::MountTable;
using nsutil::propagate;
using nsutil::Result;

bool is_address(const std::string& text) {
    in6_addr binary = {};
    return ::inet_pton(AF_INET, text.c_str(), &binary) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), &binary) == 1;
}

/// Whom `place` is entered by: a process of the user where there is one, else any.
pid_t process_of(const SurveyedPlace& place, const std::optional<std::uint32_t>& host_uid) {
    if (host_uid)
        if (const auto user = place.users.find(*host_uid); user != place.users.end())
            return user->second.tgid;
    return place.anchor();
}

std::string list_users(const SurveyedPlace& place) {
    constexpr std::size_t kMost = 8;
    std::string list;
    std::size_t count = 0;
    for (const auto& [uid, inhabitant] : place.users) {
        if (++count > kMost) return list + ", ...";
        list += (list.empty() ? "" : ", ") + std::to_string(uid);
    }
    return list;
}

/// The place to explain: with the user that is asked for, else the first.
const SurveyedPlace& choose(const std::vector<const SurveyedPlace*>& places, const ExplainTarget& target,
                            std::vector<std::string>& notes) {
    auto chosen = places.begin();
    if (target.host_uid)
        if (const auto with_user = std::ranges::find_if(
                places, [&](const SurveyedPlace* place) { return place->users.contains(*target.host_uid); });
            with_user != places.end())
            chosen = with_user;
    if (places.size() > 1)
        notes.push_back(std::to_string(places.size()) + " places have that name; this is " +
                        (*chosen)->workload.title() + ", by process " +
                        std::to_string(process_of(**chosen, target.host_uid)));
    if (!target.host_uid && (*chosen)->users.size() > 1)
        notes.push_back("users there are " + list_users(**chosen) + "; --uid names another than the first");
    return **chosen;
}

Result<pid_t> requester_by_name(const ExplainTarget& target, const Workloads& workloads,
                                std::vector<std::string>& notes) {
    const auto survey = Survey::take(workloads);
    if (!survey) return std::unexpected(survey.error());
    const bool pod = !target.pod.empty();
    const auto& name = pod ? target.pod : target.container;
    const auto places = pod ? survey->of_pod(name) : survey->named(name);
    if (places.empty()) {
        std::string why = std::string("no running ") + (pod ? "pod" : "container") + " is called " + name;
        if (survey->unseen > 0)
            why += "; " + std::to_string(survey->unseen) + " processes may not be looked at";
        return fail(ENOENT, why);
    }
    return process_of(choose(places, target, notes), target.host_uid);
}

Result<void> take_key(std::int32_t key, ExplainSubject& subject) {
    auto text = describe_key(key);
    if (!text) return propagate(text);
    auto description = KeyDescription::parse(*text);
    if (!description) return propagate(description);
    // Tests have such requests in keys of type user, where cifs.ko is not loaded.
    if (description->type == "user") description->type = "cifs.spnego";
    if (description->type != "cifs.spnego")
        return fail(EINVAL,
                    "key " + std::to_string(key) + " is of type " + description->type + ", not cifs.spnego");
    // The asker's thread keyring, the other half of the proof, is gone with the upcall.
    if (const auto genuine = verify_spnego_origin(*description, std::nullopt); !genuine)
        subject.forged = genuine.error().what;
    auto request = SpnegoRequest::parse(description->description);
    if (!request) return propagate(request);
    subject.request = std::move(*request);
    subject.host_from = "key " + std::to_string(key);
    return {};
}

/// The mount, and a process that sees it.
struct FoundMount {
    SpnegoRequest request;
    std::string target;
    pid_t process = 0;
    bool multiuser = false;  ///< each user who touches it has a session of his own
};

Result<FoundMount> smb_mount_of(pid_t process, const std::string& path) {
    const auto task = nsutil::Task::open(process);
    if (!task) return std::unexpected(task.error());
    auto text = task->read("mountinfo", kMountinfoLimit);
    if (!text) return propagate(text);
    if (!may_hold_cifs(*text)) return fail(ENOENT, "it sees no SMB mount");
    auto table = MountTable::parse(*text);
    if (!table) return propagate(table);
    const Mount* mount = mount_of_path(*table, path);
    if (mount == nullptr || !mount->is_smb())
        return fail(ENOENT, path + " is on " + (mount == nullptr ? "no mount" : mount->type));
    auto request = request_of_mount(*mount);
    if (!request) return propagate(request);
    return FoundMount{std::move(*request), mount->target.native(), process,
                      mount->option("multiuser").has_value()};
}

/// The mount at the path: as this process sees it, else as the only place that has one there does.
Result<FoundMount> find_mount(const ExplainTarget& target, const Workloads& workloads,
                              std::vector<std::string>& notes) {
    const auto survey = Survey::take(workloads);
    if (!survey) return std::unexpected(survey.error());
    std::vector<std::pair<FoundMount, const SurveyedPlace*>> found;
    if (auto own = smb_mount_of(::getpid(), target.mount))
        found.emplace_back(std::move(*own), &survey->places.front());
    else
        for (const auto& place : survey->places)
            if (auto one = smb_mount_of(place.anchor(), target.mount))
                found.emplace_back(std::move(*one), &place);
    if (found.empty()) return fail(ENOENT, target.mount + " is no SMB mount that can be seen from here");
    if (found.size() > 1) {
        std::string list;
        for (const auto& [mount, place] : found) list += " " + std::to_string(mount.process);
        notes.push_back("several mount namespaces have an SMB mount there; their processes:" + list);
    }
    auto& [mount, place] = found.front();
    const auto wanted = target.host_uid ? target.host_uid : std::optional(mount.request.creduid);
    if (const auto process = process_of(*place, wanted); process != 0) mount.process = process;
    return std::move(mount);
}

/// Completes the server by what the requester has mounted, or asked for last.
/// @return whether that says whose credentials are wanted, too
Result<bool> find_server(const ExplainTarget& target, ExplainSubject& subject) {
    auto& request = subject.request;
    if (const auto task = nsutil::Task::open(request.tid)) {
        const auto text = task->read("mountinfo", kMountinfoLimit);
        const bool worth = text && may_hold_cifs(*text);
        const auto table = worth ? MountTable::parse(*text) : Result<MountTable>(MountTable{});
        std::vector<const Mount*> mounts;
        if (table)
            for (const auto& mount : table->mounts())
                if (mount.is_smb()) mounts.push_back(&mount);
        if (!mounts.empty()) {
            auto of_mount = request_of_mount(*mounts.front());
            if (!of_mount) return propagate(of_mount);
            const auto tid = request.tid;
            request = std::move(*of_mount);
            request.tid = tid;
            subject.host_from = "mount " + mounts.front()->target.native();
            if (mounts.size() > 1)
                subject.notes.push_back("it sees " + std::to_string(mounts.size()) +
                                        " SMB mounts; --host or --mount names another than the first");
            return !mounts.front()->option("multiuser");
        }
        const auto status = task->status();
        const auto past =
            History(target.history_folder).since(1, std::int64_t{std::time(nullptr)} * 1'000'000);
        if (status && past) {
            const auto& records = past->records;
            const auto last =
                std::find_if(records.rbegin(), records.rend(), [&](const HistoryRecord& record) {
                    return !record.host.empty() && record.requester.tgid == status->tgid;
                });
            if (last != records.rend()) {
                request.host = last->host;
                request.address = last->address;
                request.user = last->user;
                subject.host_from = "its last upcall";
                request.creduid = last->creduid;
                return true;
            }
        }
    }
    return fail(EINVAL,
                "nothing tells which server is meant: it sees no SMB mount, and the history has no upcall of "
                "it; name the server with --host");
}

}  // namespace

const Mount* mount_of_path(const MountTable& table, const std::string& path) {
    const Mount* best = nullptr;
    for (const auto& mount : table.mounts()) {
        const auto& target = mount.target.native();
        // Of several at one place the last lies on top.
        if (is_below(path, target) && (best == nullptr || target.size() >= best->target.size()))
            best = &mount;
    }
    return best;
}

Result<SpnegoRequest> request_of_mount(const Mount& mount) {
    SpnegoRequest request;
    request.host = mount.smb_host();
    if (request.host.empty()) return fail(EINVAL, "mount " + mount.source + " names no server");
    const auto option = [&](const char* name) { return mount.option(name).value_or(""); };
    request.address = option("addr");
    request.user = option("username");
    if (option("sec").starts_with("mskrb5")) request.security = Security::mskrb5;
    if (const auto uid = nsutil::parse_number<std::uint32_t>(option("uid"))) request.uid = *uid;
    if (const auto cruid = nsutil::parse_number<std::uint32_t>(option("cruid")))
        request.creduid = *cruid;
    else
        request.creduid = request.uid;
    if (option("upcall_target") == "mount") request.target = UpcallTarget::mount;
    if (option("upcall_target") == "app") request.target = UpcallTarget::app;
    return request;
}

Result<ExplainSubject> find_subject(const ExplainTarget& target, const Workloads& workloads) {
    ExplainSubject subject;
    bool has_creduid = false;
    if (target.key != 0) {
        if (auto taken = take_key(target.key, subject); !taken) return propagate(taken);
        has_creduid = true;
    } else if (!target.mount.empty()) {
        auto found = find_mount(target, workloads, subject.notes);
        if (!found) return propagate(found);
        subject.request = std::move(found->request);
        subject.request.tid = found->process;
        subject.host_from = "mount " + found->target;
        has_creduid = !found->multiuser;
    } else {
        const bool by_name = !target.container.empty() || !target.pod.empty();
        auto process = by_name ? requester_by_name(target, workloads, subject.notes) : target.tid;
        if (!process) return propagate(process);
        subject.request.tid = *process;
    }
    auto& request = subject.request;
    if (!target.host.empty()) {
        subject.host_from = "given";
    } else if (request.host.empty()) {
        auto found = find_server(target, subject);
        if (!found) return propagate(found);
        has_creduid = *found;
    }
    if (!target.host.empty()) request.host = target.host;
    if (!target.address.empty()) request.address = target.address;
    if (request.address.empty() && is_address(request.host)) request.address = request.host;
    if (target.user) request.user = *target.user;
    if (target.host_uid) {
        request.creduid = *target.host_uid;
    } else if (!has_creduid) {
        const auto task = nsutil::Task::open(request.tid);
        const auto status = task ? task->status() : Result<nsutil::TaskStatus>(std::unexpected(task.error()));
        if (!status)
            return fail(status.error().code, "process " + std::to_string(request.tid) + ": no such process");
        // cifs.ko takes the fsuid of whoever touches the mount.
        request.creduid = status->uids.filesystem;
    }
    const auto odd = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '\x7f'; };
    if (request.host.size() > SpnegoRequest::kHostLimit || std::ranges::any_of(request.host, odd))
        return fail(EINVAL, "no server can be called " + escape(request.host));
    return subject;
}

}  // namespace nsupcall::admin
