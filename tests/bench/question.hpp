#pragma once
/// @file
/// What the kernel is asked for, and the rule that hands it to one of the programs that are compared.

#include <string>

namespace nsupcall::bench {

/// Arguments of request_key(2).
struct Question {
    std::string type = "user";
    std::string description;
    std::string callout{};
};

/// The columns of a rule that has one side answer a question.
struct RulePattern {
    std::string type = "user";
    std::string description;
    std::string callout = "*";
};

}  // namespace nsupcall::bench
