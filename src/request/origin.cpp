#include "request/origin.hpp"

namespace nsupcall {

nsutil::Result<void> verify_spnego_origin(const KeyDescription& key,
                                          std::optional<std::string_view> thread_keyring) {
    using nsutil::fail;
    if (key.type != "cifs.spnego") return fail(EPERM, "forged request: the key is of type " + key.type);
    if (key.uid != 0 || key.gid != 0)
        return fail(EPERM, "forged request: the key belongs to " + std::to_string(key.uid) + ":" +
                               std::to_string(key.gid) + ", the kernel's to 0:0");
    if (!thread_keyring) return {};
    const auto keyring = KeyDescription::parse(*thread_keyring);
    if (!keyring || keyring->type != "keyring" || keyring->description != ".cifs_spnego" ||
        keyring->uid != 0 || keyring->gid != 0)
        return fail(EPERM, "forged request: the asker's thread keyring is not the CIFS client's");
    return {};
}

nsutil::Result<void> verify_named_task(pid_t named, pid_t asking) {
    if (named == asking) return {};
    return nsutil::fail(EPERM, "forged request: pid= names task " + std::to_string(named) + ", but task " +
                                   std::to_string(asking) + " asks");
}

}  // namespace nsupcall
