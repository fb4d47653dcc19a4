#pragma once
/// @file
/// libmicrohttpd, opened on demand: only the agent serves HTTP, and the library brings a dozen others with
/// it.

#include <microhttpd.h>

namespace nsupcall::admin {

/// The functions that are needed.
struct HttpLibrary {
    decltype(&::MHD_start_daemon) start_daemon;
    decltype(&::MHD_quiesce_daemon) quiesce_daemon;
    decltype(&::MHD_run) run;
    decltype(&::MHD_get_timeout) get_timeout;
    decltype(&::MHD_get_daemon_info) get_daemon_info;
    decltype(&::MHD_get_connection_info) get_connection_info;
    decltype(&::MHD_create_response_from_iovec) create_response;
    decltype(&::MHD_add_response_header) add_header;
    decltype(&::MHD_queue_response) queue_response;
    decltype(&::MHD_destroy_response) destroy_response;

    /// Stays open for as long as the process runs. @return null where it, or a part of it, is missing
    [[nodiscard]] static const HttpLibrary* load();
};

}  // namespace nsupcall::admin
