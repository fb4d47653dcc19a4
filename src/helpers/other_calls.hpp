#pragma once
/// @file
/// cifs.upcall's calls besides cifs.spnego: which one a key or a command line means.

#include <string>

#include "helpers/key_call.hpp"
#include "helpers/options.hpp"

namespace nsupcall {

/// Answers one key that wants no SPNEGO token.
/// @param type  what the key counts as
/// @return the exit status
int answer_other_key(const HelperOptions& options, const KeyUnderConstruction& key,
                     const KeyDescription& description, const std::string& type,
                     const nsutil::Deadline& deadline);

/// Prints the answer of a call by hand, for the namespaces of this process.
/// @return the exit status
int answer_by_hand(const HelperOptions& options, const nsutil::Deadline& deadline);

}  // namespace nsupcall
