/// @file
/// A request-key program for the tests of the test support: does what its first argument says to the key that
/// its last argument names.
///
/// Usage: stand_in_helper <instantiate|reject|sleep|nothing> <key>. `sleep` rejects with EKEYREJECTED after
/// one second.

#include <keyutils.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    const std::string_view what = argv[1];
    const auto key = static_cast<key_serial_t>(std::atol(argv[argc - 1]));
    if (what == "instantiate") return ::keyctl_instantiate(key, "answer", 6, 0) == 0 ? 0 : 1;
    if (what == "nothing") return 1;
    if (what == "sleep") {
        ::sleep(1);
        return ::keyctl_reject(key, 1, EKEYREJECTED, 0) == 0 ? 0 : 1;
    }
    return ::keyctl_reject(key, 1, EKEYEXPIRED, 0) == 0 ? 0 : 1;
}
