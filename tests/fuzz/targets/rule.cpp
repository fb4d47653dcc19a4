#include <string>

#include "fuzz_target.hpp"
#include "rules/config_text.hpp"
#include "rules/rule_parser.hpp"

/// "key\nvalue", as libkrb5's parser hands a relation over; and the same text as a whole file.
NSUPCALL_FUZZ_TARGET(rule) {
    using nsupcall::fuzz::require;
    const auto text = input.text();
    (void)nsupcall::line_of(text, "r", "ccache", 1);
    (void)nsupcall::line_of_directive(text);
    (void)nsupcall::mentions_deny(text);
    const auto split = text.find('\n');
    if (split == std::string_view::npos) return;
    const std::string key(text.substr(0, split)), value(text.substr(split + 1));
    nsupcall::Settings settings;
    nsupcall::Conditions conditions;
    const auto in_rule = nsupcall::apply_relation(key, value, true, settings, &conditions);
    const auto in_defaults = nsupcall::apply_relation(key, value, true, settings, nullptr);
    require(in_rule.has_value() || !in_defaults.has_value());
    if (!in_rule) require(in_rule.error().code == EINVAL);
}
