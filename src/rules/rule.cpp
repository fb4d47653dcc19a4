#include "rules/rule.hpp"

#include <arpa/inet.h>
#include <fnmatch.h>

#include <algorithm>
#include <climits>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

bool any_glob(const std::vector<std::string>& globs, const std::string& text, int flags) {
    return globs.empty() || std::ranges::any_of(globs, [&](const std::string& glob) {
               return ::fnmatch(glob.c_str(), text.c_str(), flags) == 0;
           });
}

bool is_literal(const std::string& glob) {
    return glob.find_first_of("*?[\\") == std::string::npos;
}

/// Every text that `inner` takes, `outer` takes as well. Sure where it says so; false where it cannot tell.
bool glob_covers(const std::string& outer, const std::string& inner, int flags) {
    if (outer == "*" || outer == inner) return true;
    if (is_literal(inner)) return ::fnmatch(outer.c_str(), inner.c_str(), flags) == 0;
    // "*suffix" covers whatever ends in it; "prefix*" whatever begins with it.
    const auto tail = std::string_view(outer).substr(1);
    if (outer.starts_with('*') && is_literal(std::string(tail)) && inner.ends_with(tail)) return true;
    const auto head = std::string_view(outer).substr(0, outer.size() - 1);
    return outer.ends_with('*') && is_literal(std::string(head)) && inner.starts_with(head);
}

/// Each of `inner` lies within one of `outer`; no condition at all is the widest one.
template <class List, class Covers>
bool all_covered(const List& outer, const List& inner, Covers covers) {
    if (outer.empty()) return true;
    if (inner.empty()) return false;
    return std::ranges::all_of(inner, [&](const auto& in) {
        return std::ranges::any_of(outer, [&](const auto& out) { return covers(out, in); });
    });
}

}  // namespace

nsutil::Result<AddressPrefix> AddressPrefix::parse(const std::string& text) {
    AddressPrefix prefix;
    const auto slash = text.find('/');
    const auto address = text.substr(0, slash);
    prefix.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
    if (::inet_pton(prefix.family, address.c_str(), prefix.bytes.data()) != 1)
        return nsutil::fail(EINVAL, "no address: " + text);
    const unsigned most = prefix.family == AF_INET ? 32 : 128;
    prefix.bits = most;
    if (slash != std::string::npos) {
        const auto bits = nsutil::parse_number<std::uint32_t>(std::string_view(text).substr(slash + 1));
        if (!bits || *bits > most) return nsutil::fail(EINVAL, "no prefix length: " + text);
        prefix.bits = *bits;
    }
    return prefix;
}

bool AddressPrefix::covers(const AddressPrefix& other) const {
    if (family != other.family || other.bits < bits) return false;
    for (unsigned bit = 0; bit < bits; ++bit) {
        const auto mask = std::byte{0x80} >> (bit % CHAR_BIT);
        if ((bytes[bit / CHAR_BIT] & mask) != (other.bytes[bit / CHAR_BIT] & mask)) return false;
    }
    return true;
}

bool AddressPrefix::covers(const std::string& address) const {
    const auto other = parse(address);
    return other && covers(*other);
}

bool Conditions::hold_for(const Subject& subject) const {
    if (!any_glob(hosts, subject.host, FNM_CASEFOLD) || !any_glob(users, subject.user, 0)) return false;
    if (!any_glob(cgroups, subject.cgroup, 0) || !any_glob(containers, subject.container, 0)) return false;
    if (!addresses.empty() &&
        std::ranges::none_of(addresses, [&](const auto& prefix) { return prefix.covers(subject.address); }))
        return false;
    if (!creduids.empty() && std::ranges::none_of(creduids, [&](const auto& range) {
            return subject.creduid >= range.first && subject.creduid <= range.second;
        }))
        return false;
    if (!kinds.empty() && std::ranges::find(kinds, subject.kind) == kinds.end()) return false;
    return !target_mount || *target_mount == subject.target_mount;
}

bool Conditions::cover(const Conditions& other) const {
    const auto folded = [](const std::string& a, const std::string& b) {
        return glob_covers(a, b, FNM_CASEFOLD);
    };
    const auto exact = [](const std::string& a, const std::string& b) { return glob_covers(a, b, 0); };
    const auto range = [](const auto& a, const auto& b) {
        return a.first <= b.first && b.second <= a.second;
    };
    return all_covered(hosts, other.hosts, folded) && all_covered(users, other.users, exact) &&
           all_covered(cgroups, other.cgroups, exact) && all_covered(containers, other.containers, exact) &&
           all_covered(addresses, other.addresses,
                       [](const auto& a, const auto& b) { return a.covers(b); }) &&
           all_covered(creduids, other.creduids, range) && all_covered(kinds, other.kinds, std::equal_to()) &&
           (!target_mount || target_mount == other.target_mount);
}

}  // namespace nsupcall
