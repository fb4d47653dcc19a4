#include "privsep/worker_filter.hpp"

namespace nsupcall {
namespace {
#include "worker_filter.inc"
}  // namespace

std::span<const sock_filter> worker_filter() {
    return kWorkerFilter;
}

}  // namespace nsupcall
