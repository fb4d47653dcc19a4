#pragma once
/// @file
/// Asking a daemon that knows the domain: winbind or SSSD.

#include <memory>
#include <optional>

#include "idmap/id_question.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// A client library, opened on demand. open() is for before the boundary, ask() for behind it.
class IdDaemon {
  public:
    IdDaemon() = default;
    IdDaemon(const IdDaemon&) = delete;
    IdDaemon& operator=(const IdDaemon&) = delete;
    virtual ~IdDaemon() = default;

    /// Asks over the daemon's socket, where this process sees it now.
    /// @return nothing where the daemon knows no answer
    /// @errors ENOENT there is no socket: no such daemon is set up here; EHOSTUNREACH it does not answer, or
    ///         it cannot reach its domain; EPROTO nonsense
    [[nodiscard]] virtual nsutil::Result<std::optional<IdOrSid>> ask(const IdQuestion& question) = 0;

    /// libwbclient of this machine. @errors ENOENT it is not installed
    [[nodiscard]] static nsutil::Result<std::unique_ptr<IdDaemon>> open_winbind();
    /// libsss_nss_idmap of this machine. @errors ENOENT it is not installed
    [[nodiscard]] static nsutil::Result<std::unique_ptr<IdDaemon>> open_sssd();
};

}  // namespace nsupcall
