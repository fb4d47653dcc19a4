#include "session/cifs_mounts.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <libmount/libmount.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "nsutil/bounded_read.hpp"
#include "nsutil/mount_options.hpp"
#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

/// The functions of libmount that are needed. Linked dynamically, the library (with libblkid and libselinux
/// behind it) would cost every upcall more than all the rest of the start.
struct LibMount {
    decltype(&::mnt_new_table) new_table;
    decltype(&::mnt_unref_table) unref_table;
    decltype(&::mnt_table_parse_stream) parse_stream;
    decltype(&::mnt_new_iter) new_iter;
    decltype(&::mnt_free_iter) free_iter;
    decltype(&::mnt_table_next_fs) next_fs;
    decltype(&::mnt_fs_get_fstype) get_type;
    decltype(&::mnt_fs_get_source) get_source;
    decltype(&::mnt_fs_get_fs_options) get_options;

    /// @return nothing where the library or one of its functions is missing
    static std::optional<LibMount> load() {
        void* library = ::dlopen("libmount.so.1", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) return std::nullopt;
        LibMount mount = {};
        bool good = true;
        const auto bind = [&](auto& function, const char* name) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
            good = good && function != nullptr;
        };
        bind(mount.new_table, "mnt_new_table");
        bind(mount.unref_table, "mnt_unref_table");
        bind(mount.parse_stream, "mnt_table_parse_stream");
        bind(mount.new_iter, "mnt_new_iter");
        bind(mount.free_iter, "mnt_free_iter");
        bind(mount.next_fs, "mnt_table_next_fs");
        bind(mount.get_type, "mnt_fs_get_fstype");
        bind(mount.get_source, "mnt_fs_get_source");
        bind(mount.get_options, "mnt_fs_get_fs_options");
        return good ? std::optional(mount) : std::nullopt;
    }
};

const LibMount* lib_mount() {
    static const auto loaded = LibMount::load();
    return loaded ? &*loaded : nullptr;
}

/// The kernel prints IPv6 addresses with all their zeros, and a scope behind '%'.
std::string normalise_address(std::string text) {
    text.resize(std::min(text.find('%'), text.size()));
    std::array<unsigned char, sizeof(in6_addr)> binary = {};
    std::array<char, INET6_ADDRSTRLEN> printed = {};
    const int family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
    if (::inet_pton(family, text.c_str(), binary.data()) != 1 ||
        ::inet_ntop(family, binary.data(), printed.data(), printed.size()) == nullptr)
        return {};
    return printed.data();
}

CifsMount describe(const LibMount& lib, libmnt_fs* fs) {
    CifsMount mount;
    if (const char* source = lib.get_source(fs)) mount.host = nsutil::smb_host_of(source);
    const char* text = lib.get_options(fs);
    if (text == nullptr) return mount;
    const auto options = nsutil::MountOptions::parse(text);
    mount.address = normalise_address(std::string(options.find("addr").value_or("")));
    mount.user = options.find("username").value_or("");
    mount.multiuser = options.find("multiuser").has_value();
    if (const auto cruid = options.find("cruid")) mount.cruid = nsutil::parse_number<std::uint32_t>(*cruid);
    return mount;
}

Result<std::string> read_mounts(int proc_fd, pid_t tgid, const char* file) {
    auto text = nsutil::read_file_at(proc_fd, (std::to_string(tgid) + file).c_str(), kMountinfoLimit);
    // A process that ends loses its namespaces (EINVAL) and its root (ENOENT) before its number.
    const int code = text ? 0 : text.error().code;
    if (code == ENOENT || code == EINVAL || (text && text->empty()))
        return fail(ESRCH, "process " + std::to_string(tgid) + " sees no mounts");
    return text;
}

}  // namespace

bool may_hold_cifs(std::string_view mountinfo) {
    return mountinfo.find(" - cifs ") != std::string_view::npos ||
           mountinfo.find(" - smb3 ") != std::string_view::npos;
}

Result<bool> may_see_cifs(int proc_fd, pid_t tgid) {
    auto text = read_mounts(proc_fd, tgid, "/mountstats");
    if (!text) return nsutil::propagate(text);
    // A path that holds these letters costs a look at the table, no more.
    return text->find("cifs") != std::string::npos || text->find("smb3") != std::string::npos;
}

Result<std::string> read_mountinfo(int proc_fd, pid_t tgid) {
    return read_mounts(proc_fd, tgid, "/mountinfo");
}

Result<std::vector<CifsMount>> parse_cifs_mounts(const std::string& mountinfo) {
    const auto* lib = lib_mount();
    if (lib == nullptr) return fail(ENOSYS, "libmount cannot be loaded, so no mount table can be read");
    std::vector<CifsMount> mounts;
    if (mountinfo.empty()) return mounts;
    auto text = nsutil::keep_commas_apart(mountinfo);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(::fmemopen(text.data(), text.size(), "r"),
                                                                 std::fclose);
    const std::unique_ptr<libmnt_table, void (*)(libmnt_table*)> table(lib->new_table(), lib->unref_table);
    const std::unique_ptr<libmnt_iter, void (*)(libmnt_iter*)> iterator(lib->new_iter(MNT_ITER_FORWARD),
                                                                        lib->free_iter);
    if (!stream || !table || !iterator) return fail(ENOMEM, "mount table");
    if (lib->parse_stream(table.get(), stream.get(), "mountinfo") != 0)
        return fail(EINVAL, "libmount cannot read the mount table");
    libmnt_fs* fs = nullptr;
    while (lib->next_fs(table.get(), iterator.get(), &fs) == 0) {
        const char* type = lib->get_type(fs);
        if (type != nullptr &&
            (nsutil::same_but_for_case(type, "cifs") || nsutil::same_but_for_case(type, "smb3")))
            mounts.push_back(describe(*lib, fs));
    }
    return mounts;
}

bool may_belong(const SessionKey& key, const CifsMount& mount) {
    const bool same_server = nsutil::same_but_for_case(key.host, mount.host) ||
                             (!mount.address.empty() && mount.address == key.address);
    if (!same_server || !mount.cruid) return false;
    if (mount.multiuser) return true;
    return mount.cruid == key.creduid && (key.user.empty() || mount.user.empty() || key.user == mount.user);
}

}  // namespace nsupcall
