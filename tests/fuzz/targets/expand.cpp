#include "rules/expand.hpp"

#include <algorithm>

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(expand) {
    using nsupcall::fuzz::require;
    const auto text = input.text();
    const auto split = std::min(text.find('\n'), text.size());
    const auto pattern = text.substr(0, split);
    const std::string value(text.substr(std::min(split + 1, text.size())));
    const auto expanded = nsupcall::expand(pattern, {{"uid", "5001"}, {"username", value}});
    if (!expanded) return;
    require(nsupcall::check_pattern(pattern).has_value());
    // A value leads nowhere else: the path has as many parts as the pattern.
    require(std::ranges::count(*expanded, '/') == std::ranges::count(pattern, '/'));
}
