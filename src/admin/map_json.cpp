/// @file
/// The map as data.

#include "admin/json_text.hpp"
#include "admin/map_output.hpp"

namespace nsupcall::admin {
namespace {

using nlohmann::ordered_json;

ordered_json credential_json(const Candidate& credential) {
    return {
        {"source", json_string(credential.source)},         {"name", optional_text(credential.name)},
        {"principal", optional_text(credential.principal)}, {"state", state_name(state_of(credential))},
        {"verdict", verdict_name(credential.verdict)},      {"expires", optional_time(credential.expires)},
        {"detail", optional_text(credential.detail)}};
}

ordered_json mount_json(const MapMount& mount) {
    ordered_json targets = ordered_json::array();
    for (const auto& target : mount.targets) targets.push_back(json_string(target));
    return {{"source", json_string(mount.source)},
            {"server", json_string(mount.server)},
            {"targets", std::move(targets)},
            {"more_targets", mount.more_targets},
            {"device", mount.device},
            {"address", optional_text(mount.address)},
            {"username", optional_text(mount.username)},
            {"security", optional_text(mount.security)},
            {"cruid", mount.cruid},
            {"multiuser", mount.multiuser},
            {"credential",
             {{"state", state_name(mount.state)},
              {"principal", optional_text(mount.principal)},
              {"name", optional_text(mount.ccache)},
              {"expires", optional_time(mount.expires)},
              {"elsewhere", optional_text(mount.elsewhere)},
              {"why", optional_text(mount.why)}}}};
}

ordered_json user_json(const MapUser& user) {
    ordered_json credentials = ordered_json::array(), mounts = ordered_json::array();
    for (const auto& credential : user.credentials) credentials.push_back(credential_json(credential));
    for (const auto& mount : user.mounts) mounts.push_back(mount_json(mount));
    return {{"uid", user.uid},
            {"inside_uid", user.inside_uid ? ordered_json(*user.inside_uid) : ordered_json(nullptr)},
            {"comm", optional_text(user.comm)},
            {"processes", user.processes},
            {"looked", user.looked},
            {"problem", optional_text(user.problem)},
            {"credentials", std::move(credentials)},
            {"mounts", std::move(mounts)}};
}

ordered_json place_json(const MapPlace& place) {
    ordered_json users = ordered_json::array();
    for (const auto& user : place.users) users.push_back(user_json(user));
    const auto& workload = place.workload;
    ordered_json container = nullptr, pod = nullptr;
    if (!workload.id.empty())
        container = {{"id", json_string(workload.id)},
                     {"runtime", optional_text(workload.runtime)},
                     {"name", optional_text(workload.name)}};
    if (!workload.pod_uid.empty() || !workload.pod_name.empty())
        pod = {{"namespace", optional_text(workload.pod_namespace)},
               {"name", optional_text(workload.pod_name)},
               {"uid", optional_text(workload.pod_uid)}};
    return {
        {"kind", place.is_host        ? "host"
                 : place.host_service ? "service"
                                      : "container"},
        {"title", json_string(place.title())},
        {"container", std::move(container)},
        {"pod", std::move(pod)},
        {"namespaces", {{"mnt", place.mount.inode}, {"user", place.user.inode}, {"net", place.net.inode}}},
        {"processes", place.processes},
        {"problem", optional_text(place.problem)},
        {"users", std::move(users)},
        {"more_users", place.more_users}};
}

}  // namespace

ordered_json map_document(const NodeMap& map) {
    ordered_json places = ordered_json::array(), mounts = ordered_json::object();
    for (const auto& place : map.places) places.push_back(place_json(place));
    for (std::size_t state = 0; state < kCredentialStates; ++state)
        mounts[std::string(state_name(static_cast<CredentialState>(state)))] =
            map.mounts_in(static_cast<CredentialState>(state));
    return {{"schema", "nsupcall-map-1"},
            {"time", map.taken_at},
            {"processes", map.processes},
            {"mounts", std::move(mounts)},
            {"sessions", {{"host", map.sessions_of_host}, {"container", map.sessions_of_containers}}},
            {"not_seen",
             {{"processes", map.unseen},
              {"others_hidden", map.others_hidden},
              {"users", map.users_left_out},
              {"mounts", map.mounts_left_out},
              {"credentials", optional_text(map.boundary_problem)},
              {"sessions", !map.sessions_known}}},
            {"places", std::move(places)}};
}

}  // namespace nsupcall::admin
