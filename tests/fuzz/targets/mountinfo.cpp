#include "fuzz_target.hpp"
#include "nsutil/mount_table.hpp"

NSUPCALL_FUZZ_TARGET(mountinfo) {
    using nsupcall::fuzz::require;
    const auto table = nsutil::MountTable::parse(input.text());
    if (!table) return;
    for (const auto* mount : table->smb_mounts_of({"dc1.lab.test", "10.99.0.1"})) {
        require(mount->is_smb());
        // A type is a word of its own in the text (libmount takes more than one blank).
        require(input.text().find(" cifs ") != std::string_view::npos ||
                input.text().find(" smb3 ") != std::string_view::npos);
    }
    for (const auto& mount : table->mounts())
        for (const auto& [name, value] : mount.options.all()) require(!name.empty());
}
