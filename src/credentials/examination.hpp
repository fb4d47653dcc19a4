#pragma once
/// @file
/// What changes for the locator where a request is only examined.

#include <functional>
#include <string>

#include "nsutil/result.hpp"

namespace nsupcall {

/// An upcall that is walked through without being answered: every source is visited, so that each candidate
/// has its verdict, also those behind the one that serves. Nothing is stored.
struct Examination {
    bool with_ticket = false;  ///< the KDC is asked for tickets, as an upcall would
    /// Stands in for asking the KDC of a realm: whether it could be asked.
    /// @errors EHOSTUNREACH
    std::function<nsutil::Result<void>(const std::string& realm)> reach;
};

}  // namespace nsupcall
