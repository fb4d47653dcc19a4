#pragma once
/// @file
/// Many containers that ask at once.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/side.hpp"
#include "support/container.hpp"
#include "support/realm.hpp"

namespace nsupcall::bench {

/// One container of a storm, with a mount namespace of its own and the ticket of one of kStormUsers users.
struct Member {
    test::Container container;
    std::size_t user;
};

inline constexpr std::size_t kStormUsers = 8;
[[nodiscard]] std::string storm_user(std::size_t number);

/// What the containers of a storm hold.
struct StormTickets {
    bool service_ahead = true;   ///< false: each container's first upcall asks the KDC
    std::uint16_t kdc_port = 0;  ///< 0: the realm's
};

/// What became of the requests to one side.
struct Tally {
    double seconds = 0;  ///< of all batches
    std::size_t answered = 0, lost = 0, wrong = 0;
    std::vector<double> rates{};  ///< answers a second, of each batch
    std::vector<double> waited_ms{};
    std::string first_error{};

    [[nodiscard]] std::size_t all() const { return answered + lost + wrong; }
    [[nodiscard]] double per_second() const { return static_cast<double>(all()) / seconds; }
};

/// The containers, and the ticket that each began with.
class Fleet {
  public:
    /// The realm has the users storm_user(0) to storm_user(kStormUsers - 1).
    [[nodiscard]] static nsutil::Result<Fleet> start(const test::Realm& realm, std::size_t count,
                                                     const StormTickets& tickets);
    [[nodiscard]] std::size_t size() const { return members_.size(); }

    /// One request to the side of this number from each of the containers from `first` on, all at the same
    /// time.
    /// @errors EPROTO a request could not be made; lost and wrong answers are told in `tally`
    [[nodiscard]] nsutil::Result<void> ask(std::size_t first, std::size_t count, unsigned side,
                                           const test::Realm& realm, Tally& tally) const;

    /// Puts the tickets back as they were: an upcall that asked the KDC has left the answer in the ccache.
    [[nodiscard]] nsutil::Result<void> restore(std::size_t first, std::size_t count) const;

  private:
    std::vector<Member> members_;
    std::vector<std::string> ccaches_;  ///< by user
};

}  // namespace nsupcall::bench
