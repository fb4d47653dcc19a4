#include "privsep/worker_filter.hpp"

namespace nsupcall {
namespace {
#include "worker_filter.inc"
}  // namespace

std::span<const sock_filter> worker_filter(bool with_gssproxy) {
    if (with_gssproxy) return kWorkerFilterWithGssproxy;
    return kWorkerFilter;
}

}  // namespace nsupcall
