#pragma once
/// @file
/// What one ccache holds that could serve a request.

#include <krb5.h>

#include <cstdint>
#include <span>
#include <string>

#include "credentials/krb5_handles.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// One ccache, read once from end to end.
class ExaminedCcache {
  public:
    static constexpr unsigned kTicketsMost = 4096;  ///< a cache with more is cut off there

    /// Reads `ccache`, looking for a ticket for `cifs/<host>` of any of `hosts` and a TGT of the principal's
    /// realm.
    /// @errors as key_errno_of() has them: ENOKEY absent, EACCES, EINVAL malformed
    [[nodiscard]] static nsutil::Result<ExaminedCcache> read(krb5_context context, Ccache ccache,
                                                             std::span<const std::string> hosts);

    [[nodiscard]] krb5_ccache ccache() const { return ccache_.get(); }
    [[nodiscard]] krb5_const_principal principal() const { return principal_.get(); }
    [[nodiscard]] const std::string& principal_name() const { return principal_name_; }

    /// A service ticket that is valid now, or null.
    [[nodiscard]] const krb5_creds* service_ticket() const { return service_ticket_.get(); }
    [[nodiscard]] Creds take_service_ticket() { return std::move(service_ticket_); }

    [[nodiscard]] bool has_valid_tgt() const { return valid_tgt_; }
    [[nodiscard]] bool usable() const { return service_ticket_ != nullptr || valid_tgt_; }
    /// Holds what would have served had it not expired.
    [[nodiscard]] bool only_expired() const { return !usable() && latest_end_ > 0; }
    /// Latest end among the tickets that matter, Unix time in seconds; 0 for none.
    [[nodiscard]] std::int64_t latest_end() const { return latest_end_; }

  private:
    ExaminedCcache() = default;
    void weigh(krb5_context context, const krb5_creds& ticket, std::span<const std::string> hosts,
               krb5_timestamp now);

    Ccache ccache_;
    Principal principal_;
    std::string principal_name_;
    Creds service_ticket_;
    bool valid_tgt_ = false;
    std::int64_t latest_end_ = 0;
};

}  // namespace nsupcall
