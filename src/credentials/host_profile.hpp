#pragma once
/// @file
/// A krb5.conf of the host for use inside a namespace.

#include <profile.h>

#include <memory>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "rules/profile_reader.hpp"

namespace nsupcall {

/// The contents of a krb5.conf, read once from the host and held in memory.
///
/// libkrb5 looks at a profile's file again whenever it uses it; from within a namespace that path would
/// lead to the container's file. This one answers from memory through libkrb5's profile interface.
class HostProfile {
  public:
    /// @errors ENOKEY absent; EACCES; EINVAL malformed
    [[nodiscard]] static nsutil::Result<std::unique_ptr<HostProfile>> read(const std::string& path);

    HostProfile(const HostProfile&) = delete;
    HostProfile& operator=(const HostProfile&) = delete;
    ~HostProfile();

    /// For krb5_init_context_profile(); borrowed.
    [[nodiscard]] profile_t handle() const noexcept { return handle_; }

    /// Values of the relation at `path`, e.g. {"libdefaults", "default_realm"}, in the order of the file.
    [[nodiscard]] std::vector<std::string> values(const std::vector<std::string>& path) const;

  private:
    HostProfile() = default;
    std::vector<Relation> relations_;
    profile_t handle_ = nullptr;
};

}  // namespace nsupcall
