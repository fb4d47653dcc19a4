/// A ccache file, which libkrb5 takes apart: read as an upcall reads what it found.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "credentials/examined_ccache.hpp"
#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(ccache_file) {
    using nsupcall::fuzz::require;
    static krb5_context context = [] {
        krb5_context made = nullptr;
        require(krb5_init_secure_context(&made) == 0);
        return made;
    }();
    static const int file = ::memfd_create("ccache", MFD_CLOEXEC);
    static const std::string name = "FILE:/proc/self/fd/" + std::to_string(file);
    require(::ftruncate(file, 0) == 0);
    require(::pwrite(file, input.bytes.data(), input.bytes.size(), 0) ==
            static_cast<ssize_t>(input.bytes.size()));
    krb5_ccache raw = nullptr;
    require(krb5_cc_resolve(context, name.c_str(), &raw) == 0);
    const std::vector<std::string> hosts = {"fs.lab.test", "http/fs.lab.test@LAB.TEST"};
    auto examined =
        nsupcall::ExaminedCcache::read(context, nsupcall::adopt<nsupcall::Ccache>(context, raw), hosts);
    if (!examined) {
        require(examined.error().code > 0 && examined.error().code < 4095);
        return;
    }
    require(!examined->principal_name().empty() || examined->principal() != nullptr);
    require(!(examined->usable() && examined->only_expired()));
    if (const auto ticket = examined->take_service_ticket()) require(ticket->server != nullptr);
}
