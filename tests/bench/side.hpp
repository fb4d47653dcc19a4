#pragma once
/// @file
/// One of the programs that are compared, reachable through a request-key rule of its own.

#include <filesystem>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "support/request_rule.hpp"

namespace nsupcall::bench {

/// How a side is run by request-key(8).
struct SideSpec {
    std::string name;  ///< "nsupcall", "cifs-utils 7.0", ...
    std::filesystem::path program;
    std::vector<std::string> arguments{};  ///< "%k" is the key
    bool answers = true;                   ///< false: it rejects every key (the floor)
};

/// A side whose rule is installed. All sides of a run get the same request but for the server's address,
/// which is what tells their rules apart: same host, same ticket, same length.
class Side {
  public:
    /// @param host    host= of the requests
    /// @param number  1 to 250, different for each side of a run
    [[nodiscard]] static nsutil::Result<Side> install(const SideSpec& spec, const std::string& host,
                                                      unsigned number);

    [[nodiscard]] const SideSpec& spec() const { return spec_; }
    /// "ip4=127.0.10.<number>", for the requests' descriptions.
    [[nodiscard]] const std::string& address() const { return address_; }

  private:
    Side(SideSpec spec, std::string address, test::RequestRule rule)
        : spec_(std::move(spec)), address_(std::move(address)), rule_(std::move(rule)) {}
    SideSpec spec_;
    std::string address_;
    test::RequestRule rule_;
};

}  // namespace nsupcall::bench
