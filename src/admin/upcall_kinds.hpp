#pragma once
/// @file
/// The kinds of upcalls that nsupcall's rules are for, each with a request as the kernel makes it.

#include <array>

#include "admin/request_key_rules.hpp"

namespace nsupcall::admin {

struct UpcallKind {
    const char* name = nullptr;    ///< the key type, for people
    const char* helper = nullptr;  ///< the program's file name
    KeyQuestion example;
};

/// @source  fs/smb/client/cifs_spnego.c, cifsacl.c and dns_resolve.c of Linux 6.12
inline constexpr std::array kUpcallKinds = {
    UpcallKind{
        "cifs.spnego",
        "cifs.upcall",
        {"create", "cifs.spnego",
         "ver=0x2;host=fs.example.com;ip4=192.0.2.1;sec=krb5;uid=0x0;creduid=0x3e8;user=alice;pid=0x4d2",
         ""}},
    UpcallKind{"cifs.idmap", "cifs.idmap", {"create", "cifs.idmap", "os:S-1-5-21-1-2-3-1104", ""}},
    UpcallKind{"cifs.idmap", "cifs.idmap", {"create", "cifs.idmap", "gs:S-1-5-21-1-2-3-513", ""}},
    UpcallKind{"cifs.idmap", "cifs.idmap", {"create", "cifs.idmap", "oi:1000", ""}},
    UpcallKind{"cifs.idmap", "cifs.idmap", {"create", "cifs.idmap", "gi:1000", ""}},
    UpcallKind{"dns_resolver", "cifs.upcall", {"create", "dns_resolver", "fs.example.com", ""}},
};

}  // namespace nsupcall::admin
