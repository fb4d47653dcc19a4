#include "support/realm.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <thread>

#include "support/network.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
using nsutil::Result;

/// Realms of one process; the process id makes the names of two test runs differ.
unsigned next_number() {
    static unsigned number = 0;
    return ++number;
}

}  // namespace

Result<Realm> Realm::start(RealmOptions options) {
    auto folder = TempDir::create();
    if (!folder) return nsutil::propagate(folder, "realm");
    Realm realm(std::move(options), std::move(*folder));
    realm.host_ = fmt::format("fs-{}-{}.lab.test", ::getpid(), next_number());
    const auto port = free_loopback_port(realm.options_.netns_fd);
    if (!port) return std::unexpected(port.error());
    realm.port_ = *port;
    if (auto written = realm.write_configuration(); !written) return std::unexpected(written.error());
    auto made = run_checked({.argv = {"kdb5_util", "create", "-s", "-r", realm.name(), "-P", "not-a-secret"},
                             .environment = realm.environment()});
    if (!made) return nsutil::propagate(made, "realm database");
    if (auto added = realm.add_service("cifs/" + realm.host_); !added) return std::unexpected(added.error());
    if (auto started = realm.start_kdc(); !started) return std::unexpected(started.error());
    return realm;
}

Result<void> Realm::write_configuration() const {
    const std::string kdc_conf = fmt::format(
        "[kdcdefaults]\n"
        "    kdc_listen = 127.0.0.1:{0}\n"
        "    kdc_tcp_listen = 127.0.0.1:{0}\n"
        "[realms]\n"
        "    {1} = {{\n"
        "        database_name = {2}/principal\n"
        "        key_stash_file = {2}/stash\n"
        "        max_life = 24h\n"
        "        supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n"
        "    }}\n"
        "[logging]\n"
        "    kdc = FILE:{2}/kdc.log\n"
        "    default = FILE:{2}/kdc.log\n",
        port_, name(), folder().string());
    if (auto written = write_file(folder() / "kdc.conf", kdc_conf); !written) return written;
    return write_file(krb5_conf_path(), krb5_conf(), 0644);
}

std::string Realm::krb5_conf(std::string_view more_libdefaults) const {
    return krb5_conf_for_port(port_, more_libdefaults);
}

std::string Realm::krb5_conf_for_port(std::uint16_t port, std::string_view more_libdefaults) const {
    return fmt::format(
        "[libdefaults]\n"
        "    default_realm = {0}\n"
        "    dns_lookup_kdc = false\n"
        "    dns_lookup_realm = false\n"
        "    dns_canonicalize_hostname = false\n"
        "    rdns = false\n"
        "{2}\n"
        "[realms]\n"
        "    {0} = {{\n"
        "        kdc = 127.0.0.1:{1}\n"
        "    }}\n"
        "[domain_realm]\n"
        "    .lab.test = {0}\n"
        "    lab.test = {0}\n",
        name(), port, more_libdefaults);
}

std::vector<std::string> Realm::environment() const {
    return {"KRB5_CONFIG=" + krb5_conf_path().string(),
            "KRB5_KDC_PROFILE=" + (folder() / "kdc.conf").string(),
            "KRB5_TRACE=" + (folder() / "client.trace").string(), "KRB5RCACHENAME=none:", "LC_ALL=C"};
}

std::string Realm::principal(std::string_view user) const {
    return fmt::format("{}@{}", user, name());
}

Result<std::string> Realm::kadmin(std::vector<std::string> query) const {
    query.insert(query.begin(), {"kadmin.local", "-r", name()});
    return run_checked({.argv = std::move(query), .environment = environment()});
}

Result<void> Realm::add_user(std::string_view user) {
    const std::string full = principal(user);
    auto added = kadmin({"addprinc", "-randkey", full});
    if (!added) return nsutil::propagate(added, "add a user");
    auto kept = kadmin({"ktadd", "-norandkey", "-k", (folder() / "users.keytab").string(), full});
    if (!kept) return nsutil::propagate(kept, "keep the user's key");
    return {};
}

Result<void> Realm::add_service(std::string_view service) {
    const std::string full = principal(service);
    auto added = kadmin({"addprinc", "-randkey", full});
    if (!added) return nsutil::propagate(added, "add a service");
    auto kept = kadmin({"ktadd", "-norandkey", "-k", service_keytab().string(), full});
    if (!kept) return nsutil::propagate(kept, "keep the service's key");
    return {};
}

Result<std::string> Realm::keytab_of(std::string_view user) const {
    const fs::path path = folder() / fmt::format("user-{}.keytab", next_number());
    auto written = kadmin({"ktadd", "-norandkey", "-k", path.string(), principal(user)});
    if (!written) return nsutil::propagate(written, "keytab of a user");
    auto bytes = read_file(path);
    fs::remove(path);
    return bytes;
}

Result<Ticket> Realm::ticket(std::string_view user, const TicketOptions& options) const {
    const fs::path path = folder() / fmt::format("ticket-{}", next_number());
    const std::string ccache = "FILE:" + path.string();
    auto got = run_checked({.argv = {"kinit", "-k", "-t", (folder() / "users.keytab").string(), "-c", ccache,
                                     "-l", fmt::format("{}s", options.lifetime.count()), principal(user)},
                            .environment = environment(),
                            .netns_fd = options_.netns_fd});
    if (!got) return nsutil::propagate(got, "ticket of " + std::string(user));
    std::vector<std::string> services = options.services;
    if (options.service_ahead) services.push_back("cifs/" + host_);
    for (const auto& service : services) {
        auto fetched = run_checked({.argv = {"kvno", "-c", ccache, principal(service)},
                                    .environment = environment(),
                                    .netns_fd = options_.netns_fd});
        if (!fetched) return nsutil::propagate(fetched, "service ticket");
    }
    auto bytes = read_file(path);
    fs::remove(path);
    if (!bytes) return std::unexpected(bytes.error());
    return Ticket{principal(user), std::move(*bytes)};
}

Result<Ticket> Realm::expired_ticket(std::string_view user) const {
    auto made = ticket(user, {.lifetime = std::chrono::seconds(1)});
    // The KDC rounds to whole seconds, so one second may last nearly two.
    if (made) std::this_thread::sleep_for(std::chrono::milliseconds(2100));
    return made;
}

Result<void> Realm::start_kdc() {
    kdc_.reset();
    auto daemon = Daemon::start({.argv = {"krb5kdc", "-n", "-r", name()},
                                 .environment = environment(),
                                 .netns_fd = options_.netns_fd,
                                 .log_file = (folder() / "kdc.out").string()});
    if (!daemon) return nsutil::propagate(daemon, "start the KDC");
    kdc_ = std::move(*daemon);
    for (int i = 0; i < 1000 && kdc_->alive(); ++i) {
        if (is_listening(port_, options_.netns_fd)) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return nsutil::fail(
        EIO, "the KDC does not answer: " + read_file(folder() / "kdc.out").value_or("") + kdc_log());
}

std::string Realm::kdc_log() const {
    return read_file(folder() / "kdc.log").value_or("");
}

}  // namespace nsupcall::test
