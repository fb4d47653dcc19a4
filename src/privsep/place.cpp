#include "privsep/place.hpp"

namespace nsupcall {

Place host_place(const Requester& requester) {
    Place place;
    place.own = nsutil::NamespaceSet::none(requester.host);
    place.whose = "host";
    return place;
}

nsutil::Result<Place> resolve_place(const SpnegoRequest& request, const Requester& requester,
                                    const nsutil::Deadline&) {
    if (request.target == UpcallTarget::mount) return host_place(requester);
    if (requester.is_kernel_thread())
        return nsutil::fail(ENOKEY, "a kernel thread asks: nothing tells whose namespaces it acts for");
    Place place;
    place.whose = "requester";
    place.of_requester = true;
    return place;
}

}  // namespace nsupcall
