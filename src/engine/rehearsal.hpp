#pragma once
/// @file
/// Going through the answering of a question with nothing in hand.

#include "rules/prepared_rules.hpp"

namespace nsupcall::engine {

/// Takes apart a question that was made up, by this very process about itself, as far as the task for a
/// worker, and a reply that was made up. No worker is forked, no key touched, nothing written or logged. What
/// stays is as with rehearse_token().
/// @return whether it came to its end
[[nodiscard]] bool rehearse_answer(const PreparedRules& rules);

}  // namespace nsupcall::engine
