#pragma once
/// @file
/// A Kerberos realm of one's own: MIT krb5kdc on a loopback port, with its database in a temporary folder.
///
/// Nothing of the machine's own Kerberos setup is read or changed: every program runs with KRB5_CONFIG and
/// KRB5_KDC_PROFILE of its own. All tools are from Debian's krb5-kdc, krb5-admin-server and krb5-user.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

struct RealmOptions {
    std::string name = "LAB.TEST";
    int netns_fd = -1;  ///< network namespace of the KDC, borrowed while the realm lives; -1: the caller's
};

struct TicketOptions {
    std::chrono::seconds lifetime{36000};
    bool service_ahead = false;           ///< also fetch the service's ticket, so that no KDC is needed later
    std::vector<std::string> services{};  ///< further services to fetch tickets for ("cifs/other.lab.test")
};

/// A credential cache as bytes: the content of a FILE ccache. Nothing of it stays on the host's disk.
struct Ticket {
    std::string principal;
    std::string ccache;
};

class Realm {
  public:
    /// Makes the database, the service `cifs/<service_host()>` with its keytab, and starts the KDC.
    [[nodiscard]] static nsutil::Result<Realm> start(RealmOptions options = {});

    [[nodiscard]] const std::string& name() const { return options_.name; }
    /// A host name under .lab.test that no other realm of any test run uses.
    [[nodiscard]] const std::string& service_host() const { return host_; }
    [[nodiscard]] std::string principal(std::string_view user) const;
    [[nodiscard]] std::filesystem::path service_keytab() const { return folder_.path() / "service.keytab"; }
    [[nodiscard]] std::uint16_t kdc_port() const { return port_; }

    /// Adds a user with a random key; the key is kept so that tickets can be had.
    [[nodiscard]] nsutil::Result<void> add_user(std::string_view user);
    /// Adds a service ("cifs/other.lab.test") with its key in the service's keytab.
    [[nodiscard]] nsutil::Result<void> add_service(std::string_view service);
    /// The bytes of a keytab that holds the user's keys.
    [[nodiscard]] nsutil::Result<std::string> keytab_of(std::string_view user) const;
    /// A new TGT of the user (and service tickets, as the options say).
    [[nodiscard]] nsutil::Result<Ticket> ticket(std::string_view user,
                                                const TicketOptions& options = {}) const;
    /// A TGT that has run out by the time this returns; takes about two seconds.
    [[nodiscard]] nsutil::Result<Ticket> expired_ticket(std::string_view user) const;

    /// A complete krb5.conf for clients of this realm, with more lines for its [libdefaults].
    [[nodiscard]] std::string krb5_conf(std::string_view more_libdefaults = {}) const;
    /// The same with another KDC port (a dead one).
    [[nodiscard]] std::string krb5_conf_for_port(std::uint16_t port,
                                                 std::string_view more_libdefaults = {}) const;
    /// A file on the host with krb5_conf(), readable by everyone.
    [[nodiscard]] std::filesystem::path krb5_conf_path() const { return folder_.path() / "krb5.conf"; }
    /// A folder on the host (mode 0711) for files of the test.
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

    void stop_kdc() { kdc_.reset(); }
    [[nodiscard]] nsutil::Result<void> start_kdc();
    /// What the KDC logged so far, for the messages of failed tests.
    [[nodiscard]] std::string kdc_log() const;

  private:
    Realm(RealmOptions options, TempDir folder) : options_(std::move(options)), folder_(std::move(folder)) {}
    [[nodiscard]] nsutil::Result<void> write_configuration() const;
    [[nodiscard]] nsutil::Result<std::string> kadmin(std::vector<std::string> query) const;
    [[nodiscard]] std::vector<std::string> environment() const;

    RealmOptions options_;
    TempDir folder_;
    std::string host_;
    std::uint16_t port_ = 0;
    std::optional<Daemon> kdc_;
};

}  // namespace nsupcall::test
