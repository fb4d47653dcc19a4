#include "admin/node_map.hpp"

#include <fcntl.h>

#include <algorithm>
#include <ctime>

#include "admin/in_parallel.hpp"
#include "admin/map_mounts.hpp"
#include "nsutil/bounded_read.hpp"
#include "privsep/parallel_look.hpp"
#include "session/cifs_mounts.hpp"

namespace nsupcall::admin {
namespace {

/// What a person or an alert wants to know of; names that lead nowhere are left out.
bool is_there(const Candidate& candidate) {
    return candidate.verdict != Verdict::absent && candidate.verdict != Verdict::not_considered;
}

/// One look: whose, and where the answer goes.
struct Aim {
    std::size_t place, user;
};

class Mapper {
  public:
    explicit Mapper(const MapOptions& options) : options_(options) {}

    nsutil::Result<NodeMap> take() {
        auto survey = Survey::take(Workloads::load(options_.root));
        if (!survey) return nsutil::propagate(survey);
        map_.taken_at = std::time(nullptr);
        map_.processes = survey->processes;
        map_.unseen = survey->unseen;
        map_.others_hidden = survey->others_hidden;
        read_places(*survey);
        add_mounters_to_host();
        look();
        const auto sessions = read_sessions();
        settle_mounts(map_, sessions);
        std::stable_sort(
            map_.places.begin() + 1, map_.places.end(), [](const MapPlace& a, const MapPlace& b) {
                return std::pair(a.host_service, a.title()) < std::pair(b.host_service, b.title());
            });
        return std::move(map_);
    }

  private:
    void read_places(const Survey& survey) {
        const auto tables = read_tables(survey);
        for (const auto& from : survey.places) {
            MapPlace place;
            place.mount = from.mount;
            place.user = from.user;
            place.net = from.net;
            place.is_host = from.is_host;
            place.host_service = from.host_service;
            place.workload = from.workload;
            place.processes = from.processes;
            for (const auto& [uid, inhabitant] : from.users) {
                if (place.users.size() == MapOptions::kUsersMost) {
                    place.more_users = from.users.size() - place.users.size();
                    map_.users_left_out += place.more_users;
                    break;
                }
                MapUser user;
                user.uid = uid;
                user.comm = inhabitant.comm;
                user.processes = inhabitant.count;
                place.users.push_back(std::move(user));
            }
            read_mounts(tables[map_.places.size()], place);
            anchors_.push_back(from.users);
            map_.places.push_back(std::move(place));
        }
    }

    /// The mount tables of all places; empty for those without cifs and those whose processes are gone.
    static std::vector<nsutil::Result<std::string>> read_tables(const Survey& survey) {
        std::vector<nsutil::Result<std::string>> tables(survey.places.size());
        const auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
        if (!proc) return tables;
        constexpr std::size_t kLeast = 64;
        in_parallel(tables.size(), shares_of(tables.size(), kLeast),
                    [&](std::size_t, std::size_t first, std::size_t last) {
                        for (; first < last; ++first)
                            tables[first] = read_table(proc->get(), survey.places[first].users);
                    });
        return tables;
    }

    static nsutil::Result<std::string> read_table(int proc_fd,
                                                  const std::map<std::uint32_t, Inhabitant>& users) {
        nsutil::Result<std::string> text;
        std::size_t tries = 3;
        for (const auto& [uid, inhabitant] : users) {
            text = read_mountinfo(proc_fd, inhabitant.tgid);
            if (text || --tries == 0) break;
        }
        if (text && !may_hold_cifs(*text)) return std::string();
        const bool gone = !text && text.error().code == ESRCH;
        return gone ? std::string() : std::move(text);
    }

    void read_mounts(const nsutil::Result<std::string>& text, MapPlace& place) {
        if (!text) {
            place.problem = "its mounts cannot be read: " + text.error().text();
            map_.mounts_known = false;
            return;
        }
        if (text->empty()) return;
        auto mounts = kerberos_mounts(*text);
        if (!mounts) {
            place.problem = "its mounts cannot be read: " + mounts.error().text();
            map_.mounts_known = false;
            return;
        }
        for (auto& mount : *mounts) {
            if (mounts_ == MapOptions::kMountsMost) {
                ++map_.mounts_left_out;
                continue;
            }
            ++mounts_;
            user_in(place, mount.cruid).mounts.push_back(std::move(mount));
        }
    }

    static MapUser& user_in(MapPlace& place, std::uint32_t uid) {
        auto at = std::ranges::lower_bound(place.users, uid, {}, &MapUser::uid);
        if (at == place.users.end() || at->uid != uid) {
            at = place.users.insert(at, MapUser{});
            at->uid = uid;
        }
        return *at;
    }

    /// A mount that a driver of the host made rests on a credential there.
    void add_mounters_to_host() {
        if (map_.places.empty() || !map_.places.front().is_host) return;
        std::vector<std::uint32_t> uids;
        for (const auto& place : map_.places)
            for (const auto& user : place.users)
                if (!user.mounts.empty()) uids.push_back(user.uid);
        for (const auto uid : uids) (void)user_in(map_.places.front(), uid);
    }

    /// Any process of the place, the user's own before others; 0 where there is none.
    [[nodiscard]] pid_t process_for(std::size_t place, std::uint32_t uid) const {
        const auto& users = anchors_[place];
        const auto own = users.find(uid);
        if (own != users.end()) return own->second.tgid;
        return users.empty() ? 0 : users.begin()->second.tgid;
    }

    void look() {
        std::vector<Aim> aims;
        for (std::size_t place = 0; place < map_.places.size(); ++place)
            for (std::size_t user = 0; user < map_.places[place].users.size(); ++user)
                aims.push_back({place, user});
        // Should the time be too short, it goes to those on whom a mount rests.
        std::ranges::stable_partition(aims, [&](const Aim& aim) {
            const auto& user = map_.places[aim.place].users[aim.user];
            return !user.mounts.empty() || (aim.place == 0 && user.processes == 0);
        });
        std::vector<LookTarget> targets;
        targets.reserve(aims.size());
        for (const auto& aim : aims) {
            const auto& user = map_.places[aim.place].users[aim.user];
            LookTarget target;
            target.tgid = process_for(aim.place, user.uid);
            target.host_uid = user.uid;
            if (!user.mounts.empty()) {
                target.host = user.mounts.front().server;
                target.address = user.mounts.front().address;
                target.user = user.mounts.front().username;
            }
            targets.push_back(std::move(target));
        }
        const LookOptions look_options = {.config = options_.config};
        look_in_parallel(targets, look_options,
                         nsutil::Deadline::after(std::chrono::milliseconds(options_.look_ms)),
                         [&](std::size_t index, Look look) { take_look(aims[index], std::move(look)); });
    }

    void take_look(const Aim& aim, Look look) {
        auto& user = map_.places[aim.place].users[aim.user];
        user.inside_uid = look.inside_uid;
        user.looked = look.looked;
        user.out_of_time = look.out_of_time;
        for (const auto& candidate : look.trace.candidates())
            if (is_there(candidate)) user.credentials.push_back(candidate);
        if (look.looked) return;
        if (look.code == ESRCH) {  // it ended meanwhile
            user.problem = "its processes have ended";
            return;
        }
        user.problem = std::move(look.problem);
        map_.users_left_out += look.out_of_time ? 1 : 0;
        if (look.code == EPERM || look.code == EACCES) {
            map_.credentials_known = map_.credentials_known && look.inside_uid == std::nullopt;
            if (map_.boundary_problem.empty()) map_.boundary_problem = user.problem;
        }
    }

    std::vector<StoredSession> read_sessions() {
        const auto boot = boot_id();
        if (!boot) return {};
        auto found = SessionStore(options_.sessions).all(*boot, map_.taken_at);
        map_.sessions_known = found.notes.empty();
        for (const auto& [record, file] : found.sessions)
            ++(record.of_host ? map_.sessions_of_host : map_.sessions_of_containers);
        return std::move(found.sessions);
    }

    const MapOptions& options_;
    NodeMap map_;
    std::vector<std::map<std::uint32_t, Inhabitant>> anchors_;  ///< of each place
    std::size_t mounts_ = 0;
};

}  // namespace

std::string_view state_name(CredentialState state) {
    static constexpr std::string_view kNames[kCredentialStates] = {"valid", "expired", "missing", "unknown"};
    return kNames[static_cast<std::size_t>(state)];
}

CredentialState state_of(const Candidate& candidate) {
    switch (candidate.verdict) {
        case Verdict::good:
        case Verdict::used:
        case Verdict::wrong_principal:
            return CredentialState::valid;
        case Verdict::expired:
            return CredentialState::expired;
        case Verdict::no_ticket:
            return CredentialState::missing;
        default:
            return CredentialState::unknown;
    }
}

std::string MapPlace::title() const {
    if (is_host) return "host";
    if (auto name = workload.title(); !name.empty()) return name;
    auto number = "mnt:[" + std::to_string(mount.inode) + "]";
    if (!host_service) return number;
    for (const auto& one : users)
        if (!one.comm.empty()) return one.comm + " (service)";
    return number;
}

bool MapPlace::is_of_interest() const {
    return !problem.empty() || std::ranges::any_of(users, &MapUser::is_of_interest);
}

nsutil::Result<NodeMap> NodeMap::take(const MapOptions& options) {
    return Mapper(options).take();
}

std::size_t NodeMap::mounts_in(CredentialState state) const {
    std::size_t count = 0;
    for (const auto& place : places)
        for (const auto& user : place.users)
            count += static_cast<std::size_t>(std::ranges::count(user.mounts, state, &MapMount::state));
    return count;
}

}  // namespace nsupcall::admin
