#pragma once
/// @file
/// look_at_credentials(), shared out to as many processes as there are processors.

#include <cstddef>
#include <functional>
#include <span>

#include "privsep/credential_look.hpp"

namespace nsupcall {

/// As look_at_credentials(). Making a sealed child costs its parent more than half of what the child then
/// does, so on a full host one parent keeps one processor busy. Where there are enough targets, processes of
/// the caller's own privileges take turns in the list and report here.
/// @param processes  how many; 0: by the processors
void look_in_parallel(std::span<const LookTarget> targets, const LookOptions& options,
                      const nsutil::Deadline& deadline, const std::function<void(std::size_t, Look)>& done,
                      unsigned processes = 0);

}  // namespace nsupcall
