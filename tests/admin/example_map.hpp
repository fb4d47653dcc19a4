#pragma once
/// @file
/// Maps made by hand: a node with a few pods, and one on which every name is an attack.

#include "admin/map_mounts.hpp"
#include "admin/node_map.hpp"

namespace nsupcall::test {

inline Candidate made_credential(std::string name, std::string principal, Verdict verdict,
                                 std::int64_t expires) {
    return {"default ccache", std::move(name), verdict, std::move(principal), expires, {}};
}

inline admin::MapMount made_mount(std::string source, std::string target, std::uint64_t device,
                                  std::uint32_t cruid) {
    admin::MapMount mount;
    mount.source = std::move(source);
    mount.server = "fs.lab.test";
    mount.security = "krb5";
    mount.targets.push_back(std::move(target));
    mount.device = device;
    mount.cruid = cruid;
    return mount;
}

inline admin::MapUser made_user(std::uint32_t uid, std::string comm, std::size_t processes) {
    admin::MapUser user;
    user.uid = uid;
    user.inside_uid = uid % 65536;
    user.comm = std::move(comm);
    user.processes = processes;
    user.looked = true;
    return user;
}

inline admin::MapPlace made_place(std::uint64_t number, std::string pod, std::string container,
                                  std::string runtime = "containerd") {
    admin::MapPlace place;
    place.mount.inode = place.user.inode = place.net.inode = number;
    place.workload.id = std::string(52, 'a') + std::to_string(number * 7919 % 900000000000 + 100000000000);
    place.workload.id =
        place.workload.id.substr(place.workload.id.size() - 12) + place.workload.id.substr(0, 52);
    place.workload.runtime = std::move(runtime);
    place.workload.name = std::move(container);
    if (!pod.empty()) place.workload.pod_namespace = "shop";
    place.workload.pod_name = std::move(pod);
    return place;
}

/// A node: its own user, pods with their own credentials, one that has expired, one without.
inline admin::NodeMap example_map(std::int64_t now) {
    constexpr std::int64_t kHour = 3600;
    admin::NodeMap map;
    map.taken_at = now;
    map.processes = 214;
    map.sessions_known = true;
    admin::MapPlace host;
    host.is_host = true;
    host.mount.inode = 4026531832;
    host.processes = 148;
    host.users.push_back(made_user(0, "systemd", 131));
    host.users.back().credentials.push_back(
        made_credential("FILE:/tmp/krb5cc_0", "host/node1@LAB.TEST", Verdict::good, now + 9 * kHour));
    auto backup = made_mount("//fs.lab.test/backup", "/srv/backup", 41, 0);
    backup.targets.emplace_back("/var/lib/backup");
    host.users.back().mounts.push_back(backup);
    map.places.push_back(host);

    auto web = made_place(4026532100, "web-0", "app");
    web.processes = 9;
    web.users.push_back(made_user(3392013288, "java", 9));
    web.users.back().credentials.push_back(
        made_credential("FILE:/tmp/krb5cc_1000", "web@LAB.TEST", Verdict::good, now + 6 * kHour));
    web.users.back().mounts.push_back(made_mount("//fs.lab.test/orders", "/data", 42, 3392013288));
    web.users.back().mounts.push_back(made_mount("//fs.lab.test/media", "/media", 43, 3392013288));
    map.places.push_back(web);

    auto report = made_place(4026532200, "report-1", "app");
    report.processes = 2;
    report.users.push_back(made_user(3392078824, "python3", 2));
    report.users.back().credentials.push_back(
        made_credential("FILE:/tmp/krb5cc_1000", "report@LAB.TEST", Verdict::expired, now - 3 * kHour));
    report.users.back().mounts.push_back(made_mount("//fs.lab.test/orders", "/data", 44, 3392078824));
    map.places.push_back(report);

    auto batch = made_place(4026532300, "batch-7", "job");
    batch.processes = 1;
    batch.users.push_back(made_user(3392144360, "sh", 1));
    batch.users.back().mounts.push_back(made_mount("//fs.lab.test/archive", "/archive", 45, 3392144360));
    map.places.push_back(batch);

    auto shell = made_place(4026532400, "", "devbox", "podman");
    shell.processes = 4;
    shell.users.push_back(made_user(132072, "bash", 4));
    shell.users.back().credentials.push_back(
        made_credential("KEYRING:persistent:1000", "dora@LAB.TEST", Verdict::good, now + 20 * 60));
    shell.users.back().credentials.push_back(
        made_credential("FILE:/tmp/krb5cc_1000", "dora@OLD.TEST", Verdict::expired, now - 200 * kHour));
    auto home = made_mount("//fs.lab.test/home", "/home/dora", 46, 132072);
    home.multiuser = true;
    shell.users.back().mounts.push_back(home);
    map.places.push_back(shell);

    map.places.push_back(made_place(4026532500, "proxy-x2", "nginx"));
    map.places.back().processes = 5;
    admin::settle_mounts(map, {});
    return map;
}

/// What a hostile container would like to have printed: a terminal's title, markup, an end of quotes, an
/// override of the reading direction, bytes that are no UTF-8.
inline const std::string kHostileName = "\033]0;x\007<b onload='x'>\"&\\n\xe2\x80\xae\xff";

/// Every text of it is kHostileName.
inline admin::NodeMap hostile_map(std::int64_t now) {
    admin::NodeMap map;
    map.taken_at = now;
    map.boundary_problem = kHostileName;
    map.credentials_known = false;
    auto place = made_place(4026532100, kHostileName, kHostileName, kHostileName);
    place.workload.pod_namespace = place.workload.pod_uid = kHostileName;
    auto user = made_user(1000, kHostileName, 2);
    user.problem = kHostileName;
    user.credentials.push_back(
        {kHostileName, kHostileName, Verdict::good, kHostileName, now + 3600, kHostileName});
    user.credentials.push_back({kHostileName, {}, Verdict::malformed, {}, 0, kHostileName});
    auto mount = made_mount(kHostileName, kHostileName, 7, 1000);
    mount.server = mount.address = mount.username = mount.security = kHostileName;
    user.mounts.push_back(mount);
    mount.device = 8;
    mount.cruid = 2000;
    auto other = made_user(2000, kHostileName, 1);
    other.looked = false;
    other.problem = kHostileName;
    other.mounts.push_back(mount);
    place.users = {user, other};
    map.places.push_back(place);
    place.problem = kHostileName;
    place.workload = {};
    place.host_service = true;
    map.places.push_back(place);
    admin::settle_mounts(map, {});
    map.places[0].users[1].mounts[0].elsewhere = map.places[0].users[1].mounts[0].why = kHostileName;
    return map;
}

}  // namespace nsupcall::test
