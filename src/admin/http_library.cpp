#include "admin/http_library.hpp"

#include <dlfcn.h>

#include <optional>
#include <type_traits>

namespace nsupcall::admin {
namespace {

std::optional<HttpLibrary> open_library() {
    void* library = ::dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return std::nullopt;
    HttpLibrary http = {};
    bool good = true;
    const auto bind = [&](auto& function, const char* name) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
        good = good && function != nullptr;
    };
    bind(http.start_daemon, "MHD_start_daemon");
    bind(http.quiesce_daemon, "MHD_quiesce_daemon");
    bind(http.run, "MHD_run");
    bind(http.get_timeout, "MHD_get_timeout");
    bind(http.get_daemon_info, "MHD_get_daemon_info");
    bind(http.get_connection_info, "MHD_get_connection_info");
    bind(http.create_response, "MHD_create_response_from_iovec");
    bind(http.add_header, "MHD_add_response_header");
    bind(http.queue_response, "MHD_queue_response");
    bind(http.destroy_response, "MHD_destroy_response");
    return good ? std::optional(http) : std::nullopt;
}

}  // namespace

const HttpLibrary* HttpLibrary::load() {
    static const auto loaded = open_library();
    return loaded ? &*loaded : nullptr;
}

}  // namespace nsupcall::admin
