#include "names/dns_answer.hpp"

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(dns_answer) {
    const auto ttl = nsupcall::shortest_ttl(
        {reinterpret_cast<const unsigned char*>(input.bytes.data()), input.bytes.size()});
    nsupcall::fuzz::require(!ttl || *ttl <= 0x7fffffffU);
}
