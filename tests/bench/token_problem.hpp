#pragma once
/// @file
/// Whether a payload is a token that the service accepts.

#include <string>
#include <string_view>

#include "support/realm.hpp"

namespace nsupcall::bench {

/// @param payload  of a cifs.spnego key, with or without the padding of a C struct that cifs-utils adds
/// @param user     of the realm, whose token it should be
/// @return what is wrong; empty where nothing is
[[nodiscard]] std::string problem_of_token(const std::string& payload, const test::Realm& realm,
                                           std::string_view user);

}  // namespace nsupcall::bench
