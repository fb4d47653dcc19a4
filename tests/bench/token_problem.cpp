#include "bench/token_problem.hpp"

#include <cstdint>
#include <cstring>

#include "support/token_check.hpp"

namespace nsupcall::bench {

std::string problem_of_token(const std::string& payload, const test::Realm& realm, std::string_view user) {
    constexpr std::size_t kHead = 16;
    std::uint32_t lengths[2];
    if (payload.size() < kHead) return "too short";
    std::memcpy(lengths, payload.data() + 8, sizeof lengths);
    const auto parts = test::parse_payload(payload.substr(0, kHead + std::size_t{lengths[0]} + lengths[1]));
    if (!parts) return parts.error().text();
    const auto accepted = test::accept_token(parts->blob, realm.service_keytab(), realm.krb5_conf_path());
    if (!accepted) return accepted.error().text();
    return accepted->client == realm.principal(user) ? "" : "a token of " + accepted->client;
}

}  // namespace nsupcall::bench
