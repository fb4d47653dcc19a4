#pragma once
/// @file
/// Preparations of a test must succeed; what is under test is asserted instead.

#include <source_location>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "nsutil/result.hpp"

namespace nsupcall::test {

/// The value of `result`, or an exception (which GoogleTest reports as a failure of the test) with the error.
template <class T>
T must(nsutil::Result<T> result, std::source_location where = std::source_location::current()) {
    if (!result) {
        throw std::runtime_error(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " +
                                 result.error().text());
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace nsupcall::test
