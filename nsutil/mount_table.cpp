#include "nsutil/mount_table.hpp"

#include <arpa/inet.h>
#include <libmount/libmount.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace nsutil {
namespace {

template <class Object, auto Release>
using Handle = std::unique_ptr<Object, decltype([](Object* object) { (void)Release(object); })>;
using Table = Handle<libmnt_table, mnt_unref_table>;
using Iterator = Handle<libmnt_iter, mnt_free_iter>;
using Stream = Handle<std::FILE, std::fclose>;

std::string text_or_empty(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

/// Makes libmount give up at the first line that it does not understand; it would skip it.
int refuse_line(libmnt_table*, const char*, int) {
    return -1;
}

/// An address in network order; an IPv4 address is not equal to its IPv6-mapped form, as for the kernel.
std::optional<std::pair<int, std::array<unsigned char, sizeof(in6_addr)>>> parse_address(
    std::string_view text) {
    // The kernel prints the scope of a link-local address behind '%'.
    const std::string bare(text.substr(0, text.find('%')));
    std::array<unsigned char, sizeof(in6_addr)> binary = {};
    for (const int family : {AF_INET, AF_INET6})
        if (::inet_pton(family, bare.c_str(), binary.data()) == 1) return std::pair(family, binary);
    return std::nullopt;
}

}  // namespace

Result<MountTable> MountTable::parse(std::string_view text) {
    if (text.size() > kTextLimit) return fail(EFBIG, "mount table of more than 16 MiB");
    MountTable result;
    if (text.empty()) return result;
    if (text.find('\0') != std::string_view::npos) return fail(EINVAL, "mount table with a NUL byte");
    auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
    if (text.back() != '\n') ++lines;
    if (lines > kMountsMost) return fail(EFBIG, "mount table of more than 100000 mounts");

    auto copy = keep_commas_apart(text);
    const Stream stream(::fmemopen(copy.data(), copy.size(), "re"));
    const Table table(mnt_new_table());
    const Iterator iterator(mnt_new_iter(MNT_ITER_FORWARD));
    if (!stream || !table || !iterator) return fail(ENOMEM, "mount table");
    (void)mnt_table_set_parser_errcb(table.get(), refuse_line);
    if (mnt_table_parse_stream(table.get(), stream.get(), "mountinfo") != 0)
        return fail(EINVAL, "malformed mount table");
    // Lines that libmount passes over (blank ones, comments) are none of the kernel's.
    if (static_cast<std::size_t>(mnt_table_get_nents(table.get())) != lines)
        return fail(EINVAL, "mount table with lines that are no mounts");

    result.mounts_.reserve(lines);
    for (libmnt_fs* fs = nullptr; mnt_table_next_fs(table.get(), iterator.get(), &fs) == 0;) {
        // Only mountinfo has it: libmount would read fstab and /proc/mounts as well.
        const char* root = mnt_fs_get_root(fs);
        if (root == nullptr) return fail(EINVAL, "mount table in another format than mountinfo's");
        result.mounts_.push_back({.id = mnt_fs_get_id(fs),
                                  .parent_id = mnt_fs_get_parent_id(fs),
                                  .device = mnt_fs_get_devno(fs),
                                  .type = text_or_empty(mnt_fs_get_fstype(fs)),
                                  .source = text_or_empty(mnt_fs_get_source(fs)),
                                  .root = root,
                                  .target = text_or_empty(mnt_fs_get_target(fs)),
                                  .options = MountOptions::parse(text_or_empty(mnt_fs_get_fs_options(fs)))});
    }
    return result;
}

Result<MountTable> MountTable::of_task(const Task& task) {
    auto text = task.read("mountinfo", kTextLimit);
    if (!text) {
        // A task that has exited has no mount namespace any more: opening the file says EINVAL.
        if (auto alive = task.verify_alive(); !alive) return propagate(alive);
        return propagate(text);
    }
    return parse(*text);
}

std::vector<const Mount*> MountTable::smb_mounts_of(const SmbServer& server) const {
    const auto wanted = parse_address(server.address);
    std::vector<const Mount*> found;
    for (const auto& mount : mounts_) {
        if (!mount.is_smb()) continue;
        const auto address = parse_address(mount.option("addr").value_or(""));
        if ((!server.host.empty() && same_but_for_case(mount.smb_host(), server.host)) ||
            (wanted && address == wanted))
            found.push_back(&mount);
    }
    return found;
}

}  // namespace nsutil
