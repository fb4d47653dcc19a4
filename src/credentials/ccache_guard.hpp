#pragma once
/// @file
/// A look at a ccache's place before libkrb5 opens it by name.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "trace/trace.hpp"

namespace nsupcall {

/// A ccache name in two parts, "FILE:/tmp/x" being {"FILE", "/tmp/x"}. A name without a type is a FILE.
struct CcacheName {
    std::string type, residual;

    [[nodiscard]] static CcacheName split(std::string_view name);
    [[nodiscard]] std::string full() const { return type + ":" + residual; }

    /// The directory in which such a cache is written, empty for types that live in none.
    [[nodiscard]] std::string directory() const;
};

/// Why a cache must not be opened.
struct Objection {
    Verdict verdict;
    std::string detail;
};

inline constexpr std::int64_t kCcacheBytesMost = 16LL * 1024 * 1024;

/// Judges whether the cache `name` can be given to libkrb5, by type and by what lies at its path: an
/// absolute path to a regular file (or directory, for DIR) that belongs to `inside_uid` or to root inside
/// the namespace, and is no larger than kCcacheBytesMost. Opens without blocking on a FIFO or a device;
/// follows links as the user would. Session, process and thread keyrings are out of any helper's reach.
/// @return nothing where the cache may be opened
[[nodiscard]] std::optional<Objection> object_to(const CcacheName& name, std::uint32_t inside_uid);

}  // namespace nsupcall
