#pragma once
/// @file
/// Where something stands in the text of a configuration file. For messages only: what it means is up to
/// libkrb5's parser, which keeps no line numbers.

#include <string>
#include <string_view>

namespace nsupcall {

/// The line (from 1) of a relation in [defaults] (empty `rule`) or in a rule; of the rule's own first line
/// where `key` is empty.
/// @param occurrence  which of several relations of that key, from 0
/// @return 0 where it cannot be found
[[nodiscard]] unsigned line_of(std::string_view text, std::string_view rule, std::string_view key,
                               unsigned occurrence);

/// The line of the first directive that leads to other files or to a library (include, includedir, module);
/// 0 for none.
[[nodiscard]] unsigned line_of_directive(std::string_view text);

/// True where a line that is no comment speaks of `deny`.
[[nodiscard]] bool mentions_deny(std::string_view text);

/// The line at which libkrb5's parser gives up: it is asked about ever longer pieces of the text.
/// @param error  what it says of the whole
[[nodiscard]] unsigned line_of_syntax_error(const std::string& text, long error);

}  // namespace nsupcall
