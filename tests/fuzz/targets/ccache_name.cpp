#include "credentials/ccache_guard.hpp"
#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(ccache_name) {
    using nsupcall::fuzz::require;
    const auto name = nsupcall::CcacheName::split(input.text());
    require(name.full().ends_with(input.text()));
    const auto directory = name.directory();
    require(directory.empty() || directory.starts_with('/'));
    // Types without a place in the file system are judged by their name alone.
    if (name.type != "FILE" && name.type != "DIR") (void)nsupcall::object_to(name, 5001);
}
