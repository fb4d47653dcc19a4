#pragma once
/// @file
/// How fallible functions of this project report failure.
///
/// `Result<T>` is `std::expected<T, Error>`. Three ways to use it:
///   1. pass it on:      `auto fd = open_at(...); if (!fd) return propagate(fd);`
///   2. add a context:   `if (!fd) return propagate(fd, "id map of the requester");`
///   3. decide on it:    `if (!fd && fd.error().code == ENOENT) ...`
/// A new failure is made by `fail(...)`, or `fail_errno(...)` straight after a system call.

#include <cerrno>
#include <cstdint>
#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace nsutil {

/// Where the native number of an error comes from.
enum class ErrorDomain : std::uint8_t { errno_, krb5, gss, resolver };

/// One failure: what the caller should see, and what really happened.
struct Error {
    int code = 0;                              ///< errno that describes it to the outside, always > 0
    ErrorDomain domain = ErrorDomain::errno_;  ///< where `native` is defined
    std::int64_t native = 0;                   ///< the number as the failing library gave it; 0 for a decision of our own
    std::string what;            ///< "outer: inner: attempt"; lower case, no full stop, no secret
    std::source_location where;  ///< where it was noticed first

    /// `what` and the native number in words, on one line.
    [[nodiscard]] std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

/// A failure with a code of our own choosing.
[[nodiscard]] inline std::unexpected<Error> fail(
    int code, std::string what, std::source_location where = std::source_location::current()) {
    return std::unexpected(Error{code, ErrorDomain::errno_, 0, std::move(what), where});
}

/// A failure of the system call just made; reads errno before anything else can change it.
[[nodiscard]] inline std::unexpected<Error> fail_errno(
    std::string_view what, std::source_location where = std::source_location::current()) {
    const int saved = errno;
    return std::unexpected(Error{saved, ErrorDomain::errno_, saved, std::string(what), where});
}

/// Hands the failure in `result` on, with an outer context in front where one is given.
template <class T>
[[nodiscard]] std::unexpected<Error> propagate(Result<T>& result, std::string_view context = {}) {
    Error error = std::move(result.error());
    if (!context.empty()) error.what.insert(0, std::string(context) + ": ");
    return std::unexpected(std::move(error));
}

/// The symbolic name of an errno ("ENOKEY"), or "errno N" for one without a name.
[[nodiscard]] std::string errno_name(int code);

}  // namespace nsutil
