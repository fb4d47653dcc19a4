#pragma once
/// @file
/// Running a test's own code behind the real boundary.

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>

#include "nsutil/result.hpp"
#include "support/container.hpp"

namespace nsupcall::test {

/// How a worker gets behind the boundary.
enum class Crossing : std::uint8_t {
    at_once,  ///< as a helper's worker does
    ahead,    ///< as one that waited for its task: bounding set and first program before
};

/// Crosses the boundary into the namespaces of the container's requester as the host's user `host_uid`, as a
/// worker does, and runs `body` there. A ccache may be written in /tmp.
/// @param body  returns 0, or -1 with errno set
/// @return "done"; the name of the errno; "forbidden <number of the system call>"; "killed by <signal>"
/// @errors  what kept the boundary from being crossed
[[nodiscard]] nsutil::Result<std::string> run_sealed_in(const Container& container, std::uint32_t host_uid,
                                                        const std::function<int()>& body,
                                                        Crossing crossing = Crossing::at_once);

/// The same for a body that reports nothing.
template <class Body>
requires std::is_void_v<std::invoke_result_t<Body>>
[[nodiscard]] nsutil::Result<std::string> run_sealed_in(const Container& container, std::uint32_t host_uid,
                                                        Body body,
                                                        Crossing crossing = Crossing::at_once) {
    return run_sealed_in(container, host_uid, std::function<int()>([&body] {
                             body();
                             return 0;
                         }),
                         crossing);
}

}  // namespace nsupcall::test
