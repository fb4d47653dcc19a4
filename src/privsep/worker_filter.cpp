#include "privsep/worker_filter.hpp"

namespace nsupcall {
namespace {
#include "worker_filter.inc"
}  // namespace

std::span<const sock_filter> worker_filter(bool with_gssproxy) {
    if (with_gssproxy) return kWorkerFilterWithGssproxy;
    return kWorkerFilter;
}

std::span<const sock_filter> boundary_filter() {
    return kBoundaryFilter;
}

std::span<const sock_filter> last_filter() {
    return kLastFilter;
}

}  // namespace nsupcall
