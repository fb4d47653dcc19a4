#include "admin/explain_subject.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "admin/container_processes.hpp"
#include "admin/named_mount.hpp"
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
                        std::to_string((*chosen)->process_of(target.host_uid)));
    if (!target.host_uid && (*chosen)->users.size() > 1)
        notes.push_back("users there are " + list_users(**chosen) + "; --uid names another than the first");
    return **chosen;
}

Result<pid_t> requester_by_name(const ExplainTarget& target, const Workloads& workloads,
                                std::vector<std::string>& notes) {
    const bool pod = !target.pod.empty();
    const auto& name = pod ? target.pod : target.container;
    const auto find = [&](const Survey& survey) { return pod ? survey.of_pod(name) : survey.named(name); };
    // By the control groups first, since a full host has many processes; then by everything else that tells.
    const auto groups = control_group_hierarchies();
    const auto processes =
        pod ? processes_of_pod(name, workloads, groups) : processes_of_container(name, workloads, groups);
    auto survey = Survey::of(processes, workloads);
    if (survey && find(*survey).empty()) survey = Survey::take(workloads);
    if (!survey) return std::unexpected(survey.error());
    const auto places = find(*survey);
    if (places.empty()) {
        std::string why = std::string("no running ") + (pod ? "pod" : "container") + " is called " + name;
        if (const auto unseen = survey->unseen_text(); !unseen.empty()) why += "; " + unseen;
        return fail(ENOENT, why);
    }
    return choose(places, target, notes).process_of(target.host_uid);
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

/// The first SMB mount that the requester sees.
/// @return whether that says whose credentials are wanted, too; nothing: it sees none
Result<std::optional<bool>> take_mount(const nsutil::Task& task, ExplainSubject& subject) {
    const auto text = task.read("mountinfo", kMountinfoLimit);
    if (!text || !may_hold_cifs(*text)) return std::nullopt;
    const auto table = MountTable::parse(*text);
    if (!table) return std::nullopt;
    std::vector<const Mount*> mounts;
    for (const auto& mount : table->mounts())
        if (mount.is_smb()) mounts.push_back(&mount);
    if (mounts.empty()) return std::nullopt;
    auto of_mount = request_of_mount(*mounts.front());
    if (!of_mount) return propagate(of_mount);
    const auto tid = subject.request.tid;
    subject.request = std::move(*of_mount);
    subject.request.tid = tid;
    subject.host_from = "mount " + mounts.front()->target.native();
    if (mounts.size() > 1)
        subject.notes.push_back("it sees " + std::to_string(mounts.size()) +
                                " SMB mounts; --host or --mount names another than the first");
    return !mounts.front()->option("multiuser");
}

/// The requester's last upcall. @return whether the history has one
bool take_last_upcall(const nsutil::Task& task, const std::string& history_folder, ExplainSubject& subject) {
    const auto status = task.status();
    const auto past = History(history_folder).since(1, std::int64_t{std::time(nullptr)} * 1'000'000);
    if (!status || !past) return false;
    const auto& records = past->records;
    const auto last = std::find_if(records.rbegin(), records.rend(), [&](const HistoryRecord& record) {
        return !record.host.empty() && record.requester.tgid == status->tgid;
    });
    if (last == records.rend()) return false;
    auto& request = subject.request;
    request.host = last->host;
    request.address = last->address;
    request.user = last->user;
    request.creduid = last->creduid;
    subject.host_from = "its last upcall";
    return true;
}

/// Completes the server by what the requester has mounted, or asked for last.
/// @return whether that says whose credentials are wanted, too
Result<bool> find_server(const ExplainTarget& target, ExplainSubject& subject) {
    const auto tid = subject.request.tid;
    const auto task = nsutil::Task::open(tid);
    if (!task) return fail(task.error().code, "process " + std::to_string(tid) + ": no such process");
    const auto by_mount = take_mount(*task, subject);
    if (!by_mount) return std::unexpected(by_mount.error());
    if (*by_mount) return **by_mount;
    if (take_last_upcall(*task, target.history_folder, subject)) return true;
    return fail(EINVAL,
                "nothing tells which server is meant: it sees no SMB mount, and the history has no upcall of "
                "it; name the server with --host");
}

}  // namespace

Result<ExplainSubject> find_subject(const ExplainTarget& target, const Workloads& workloads) {
    ExplainSubject subject;
    bool has_creduid = false;
    if (target.key != 0) {
        if (auto taken = take_key(target.key, subject); !taken) return propagate(taken);
        has_creduid = true;
    } else if (!target.mount.empty()) {
        auto found = find_mount(target.mount, target.host_uid, subject.notes);
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
