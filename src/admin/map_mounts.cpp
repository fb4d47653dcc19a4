#include "admin/map_mounts.hpp"

#include <algorithm>

#include "nsutil/proc_text.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::NamespaceKind;

/// "alice" of "alice@LAB.TEST" and of "LAB\alice".
std::string_view bare_user(std::string_view name) {
    if (const auto backslash = name.rfind('\\'); backslash != std::string_view::npos)
        name.remove_prefix(backslash + 1);
    return name.substr(0, name.find('@'));
}

bool is_for(const Candidate& candidate, std::string_view username) {
    return !username.empty() &&
           nsutil::same_but_for_case(bare_user(candidate.principal), bare_user(username));
}

bool is_in(const SessionRecord& record, const MapPlace& place) {
    if (record.of_host) return place.is_host;
    return record.place.view.of(NamespaceKind::mount) == place.mount &&
           record.place.view.of(NamespaceKind::user) == place.user;
}

bool belongs(const SessionRecord& record, const MapMount& mount, std::uint32_t uid) {
    const auto& key = record.key;
    if (key.creduid != uid) return false;
    if (!nsutil::same_but_for_case(key.host, mount.server) &&
        (mount.address.empty() || key.address != mount.address))
        return false;
    return mount.username.empty() || key.user.empty() || key.user == mount.username;
}

void rest_on(MapMount& mount, const Candidate& candidate) {
    mount.state = state_of(candidate);
    mount.principal = candidate.principal;
    mount.ccache = candidate.name;
    mount.expires = candidate.expires;
    if (mount.state == CredentialState::expired) mount.why = "expired";
}

/// Settles the mounts of one map.
class Settler {
  public:
    Settler(NodeMap& map, const std::vector<StoredSession>& sessions) : map_(map), sessions_(sessions) {}

    void settle(MapPlace& place, MapUser& user, MapMount& mount) {
        if (by_record(place, user, mount)) return;
        std::vector<const MapPlace*> order = {&place};
        for (const auto& other : map_.places)
            if (other.is_host && &other != &place) order.push_back(&other);
        for (const auto& other : map_.places)
            if (!other.is_host && &other != &place && holds(other, mount.device)) order.push_back(&other);
        const Candidate* expired = nullptr;
        const MapPlace* expired_in = nullptr;
        bool all_known = true;
        for (const auto* where : order) {
            const auto* whose = user_of(*where, user.uid);
            if (whose == nullptr) continue;
            all_known = all_known && whose->looked;
            const auto* best = best_of(*whose, mount.username);
            if (best == nullptr) continue;
            if (state_of(*best) == CredentialState::valid) return rest(place, mount, *best, *where);
            if (expired == nullptr) {
                expired = best;
                expired_in = where;
            }
        }
        if (expired != nullptr) return rest(place, mount, *expired, *expired_in);
        mount.state = all_known ? CredentialState::missing : CredentialState::unknown;
        mount.why = all_known ? "no credential found"
                              : (user.problem.empty() ? "its credentials are not known" : user.problem);
    }

  private:
    void rest(const MapPlace& place, MapMount& mount, const Candidate& candidate,
              const MapPlace& where) const {
        rest_on(mount, candidate);
        if (&where != &place) mount.elsewhere = where.title();
    }

    bool by_record(const MapPlace& place, const MapUser& user, MapMount& mount) {
        const SessionRecord* found = nullptr;
        for (const auto& [record, file] : sessions_) {
            if (!belongs(record, mount, user.uid)) continue;
            if (is_in(record, place)) {
                found = &record;
                break;
            }
            if (found == nullptr) found = &record;
        }
        if (found == nullptr) return false;
        const auto where =
            std::ranges::find_if(map_.places, [&](const auto& one) { return is_in(*found, one); });
        mount.principal = found->principal;
        mount.ccache = found->ccache;
        if (where == map_.places.end()) {
            mount.state = CredentialState::missing;
            mount.why = "the container whose credential it was made with is gone";
            return true;
        }
        if (&*where != &place) mount.elsewhere = where->title();
        if (found->ccache.empty()) {
            // Made with a keytab, or by gssproxy: new tickets are had when they are needed.
            mount.state = CredentialState::valid;
            mount.why = "from a keytab";
            return true;
        }
        const auto* whose = user_of(*where, user.uid);
        if (whose == nullptr || !whose->looked) {
            mount.why =
                whose == nullptr || whose->problem.empty() ? "its credentials are not known" : whose->problem;
            return true;
        }
        const Candidate* same_principal = nullptr;
        for (const auto& candidate : whose->credentials) {
            if (candidate.principal != found->principal) continue;
            const bool better =
                same_principal == nullptr || (state_of(candidate) == CredentialState::valid &&
                                              state_of(*same_principal) != CredentialState::valid);
            if (better) same_principal = &candidate;
        }
        if (same_principal != nullptr) {
            rest_on(mount, *same_principal);
        } else {
            mount.state = CredentialState::missing;
            mount.why = "the ccache that served is gone";
        }
        return true;
    }

    static bool holds(const MapPlace& place, std::uint64_t device) {
        for (const auto& user : place.users)
            for (const auto& mount : user.mounts)
                if (mount.device == device) return true;
        return false;
    }

    static const MapUser* user_of(const MapPlace& place, std::uint32_t uid) {
        const auto found = std::ranges::find(place.users, uid, &MapUser::uid);
        return found == place.users.end() ? nullptr : &*found;
    }

    /// Whom username= names before others, valid before expired, then the order in which they are used.
    static const Candidate* best_of(const MapUser& user, std::string_view username) {
        const Candidate* best = nullptr;
        int best_rank = 0;
        for (const auto& candidate : user.credentials) {
            const auto state = state_of(candidate);
            if (state != CredentialState::valid && state != CredentialState::expired) continue;
            const int rank =
                (state == CredentialState::valid ? 2 : 0) + (is_for(candidate, username) ? 1 : 0) + 1;
            if (rank > best_rank) {
                best = &candidate;
                best_rank = rank;
            }
        }
        return best;
    }

    NodeMap& map_;
    const std::vector<StoredSession>& sessions_;
};

/// Everybody with a credential uses a multiuser mount of their place.
void share_multiuser(MapPlace& place) {
    std::vector<MapMount> shared;
    for (const auto& user : place.users)
        for (const auto& mount : user.mounts)
            if (mount.multiuser) shared.push_back(mount);
    for (const auto& mount : shared) {
        bool used = false;
        for (auto& user : place.users) {
            const bool has_one = std::ranges::any_of(user.credentials, [](const Candidate& one) {
                return state_of(one) == CredentialState::valid || state_of(one) == CredentialState::expired;
            });
            if (!has_one) continue;
            used = used || user.uid != mount.cruid;
            if (std::ranges::find(user.mounts, mount.device, &MapMount::device) == user.mounts.end())
                user.mounts.push_back(mount);
        }
        // In a container the mounter is often nobody who lives there: others rest on credentials of their
        // own.
        if (!used || place.is_host) continue;
        for (auto& user : place.users)
            if (user.uid == mount.cruid && user.processes == 0 && user.credentials.empty())
                std::erase_if(user.mounts, [&](const MapMount& one) { return one.device == mount.device; });
    }
    std::erase_if(place.users,
                  [](const MapUser& user) { return user.processes == 0 && !user.is_of_interest(); });
}

}  // namespace

nsutil::Result<std::vector<MapMount>> kerberos_mounts(std::string_view mountinfo) {
    auto table = nsutil::MountTable::parse(mountinfo);
    if (!table) return nsutil::propagate(table);
    std::vector<MapMount> mounts;
    for (const auto& one : table->mounts()) {
        if (!one.is_smb()) continue;
        const auto security = one.option("sec").value_or("");
        const auto cruid = one.option("cruid");
        if (!security.starts_with("krb5") && !security.starts_with("mskrb5") && !cruid) continue;
        auto known = std::ranges::find(mounts, one.device, &MapMount::device);
        if (known == mounts.end()) {
            MapMount mount;
            mount.source = one.source;
            mount.server = one.smb_host();
            mount.address = one.option("addr").value_or("");
            mount.username = one.option("username").value_or("");
            mount.security = security;
            mount.device = one.device;
            mount.multiuser = one.option("multiuser").has_value();
            // Kernels that do not print it know only the mounter, who is root nearly always.
            mount.cruid = nsutil::parse_number<std::uint32_t>(cruid.value_or("0")).value_or(0);
            mounts.push_back(std::move(mount));
            known = mounts.end() - 1;
        }
        if (known->targets.size() < MapMount::kTargetsMost)
            known->targets.push_back(one.target.string());
        else
            ++known->more_targets;
    }
    return mounts;
}

void settle_mounts(NodeMap& map, const std::vector<StoredSession>& sessions) {
    for (auto& place : map.places) share_multiuser(place);
    Settler settler(map, sessions);
    for (auto& place : map.places)
        for (auto& user : place.users)
            for (auto& mount : user.mounts) settler.settle(place, user, mount);
}

}  // namespace nsupcall::admin
