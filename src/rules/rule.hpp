#pragma once
/// @file
/// One rule: which requests it is for, and how they are answered.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nsutil/result.hpp"
#include "rules/settings.hpp"

namespace nsupcall {

/// What kind of process asks.
enum class RequesterKind : std::uint8_t {
    host,       ///< shares the host's namespaces
    service,    ///< a service of the host whose mounts differ a little
    container,  ///< anything else
    kernel,     ///< a kernel thread: it acts for somebody else
};

/// What rules are matched with. Ids are the host's.
struct Subject {
    std::string host{};     ///< lower case
    std::string address{};  ///< textual
    std::string user{};     ///< username= of the mount
    std::uint32_t creduid = 0;
    std::string cgroup{};     ///< path of the requester's control group; read only where a rule needs it
    std::string container{};  ///< container id; as above
    RequesterKind kind = RequesterKind::host;
    bool target_mount = false;  ///< upcall_target=mount
};

/// "10.0.0.0/8", "2001:db8::/32", or one address.
struct AddressPrefix {
    int family = 0;
    std::array<std::byte, 16> bytes{};
    unsigned bits = 0;

    /// @errors EINVAL no such prefix
    [[nodiscard]] static nsutil::Result<AddressPrefix> parse(const std::string& text);
    [[nodiscard]] bool covers(const std::string& address) const;
    [[nodiscard]] bool covers(const AddressPrefix& other) const;
};

/// Conditions of one rule. All that are given must hold; of several values of one, any.
struct Conditions {
    std::vector<std::string> hosts, users, cgroups, containers;  ///< globs, fnmatch(3)
    std::vector<AddressPrefix> addresses;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> creduids;  ///< first and last
    std::vector<RequesterKind> kinds;
    std::optional<bool> target_mount;

    [[nodiscard]] bool hold_for(const Subject& subject) const;
    /// True where every request that `other` is for is one for these conditions too, as far as that can be
    /// told from the text: a rule with `other` behind one with these would never be reached.
    [[nodiscard]] bool cover(const Conditions& other) const;
    [[nodiscard]] bool need_cgroup() const { return !cgroups.empty() || !containers.empty(); }
};

struct Rule {
    std::string name;
    std::string file;
    Conditions conditions;
    Settings settings;    ///< those of [defaults] with the rule's own on top
    bool broken = false;  ///< it holds an error: it keeps its place, and gives nothing
};

}  // namespace nsupcall
