#pragma once
/// @file
/// The names of credentials that a requester's environment gives.

#include "credentials/credential_query.hpp"

namespace nsupcall {

/// What the requester's environment says. Reads its memory, which may block for as long as it likes: only a
/// worker does that, whose end nobody waits for.
/// @param environ_dir  the requester's /proc directory, borrowed; -1 where its environment does not count
void read_environment(int environ_dir, RequesterEnvironment& environment);

}  // namespace nsupcall
