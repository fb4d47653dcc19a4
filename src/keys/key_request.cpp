#include "keys/key_request.hpp"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace nsupcall {

int ask_for_key(const char* type, const char* description) {
    return ::syscall(SYS_request_key, type, description, "", KEY_SPEC_SESSION_KEYRING) < 0 ? errno : 0;
}

int offer_key(const char* type, const char* description) {
    const char payload = 0;
    const auto key =
        ::syscall(SYS_add_key, type, description, &payload, sizeof payload, KEY_SPEC_SESSION_KEYRING);
    return key < 0 ? errno : 0;
}

}  // namespace nsupcall
