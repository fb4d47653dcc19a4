#include "engine/inherited_code.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "nsutil/bounded_read.hpp"
#include "nsutil/proc_text.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::engine {

unsigned inherit_code() {
    constexpr std::size_t kMapsMost = 256 * 1024;
    const nsutil::UniqueFd maps(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
    const nsutil::UniqueFd memory(::open("/proc/self/mem", O_RDWR | O_CLOEXEC));
    if (!maps || !memory) return 0;
    const auto text = nsutil::read_all(maps.get(), kMapsMost);
    if (!text) return 0;
    unsigned count = 0;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string range, rights, offset, device, inode;
        if (!(words >> range >> rights >> offset >> device >> inode)) continue;
        // Private, of a file, and not written to anyway.
        if (inode == "0" || (rights != "r-xp" && rights != "r--p")) continue;
        constexpr int kHexadecimal = 16;
        const auto begin =
            nsutil::parse_number<std::uint64_t>(range.substr(0, range.find('-')), kHexadecimal);
        if (!begin) continue;
        std::byte byte{};
        const auto at = static_cast<off_t>(*begin);
        if (::pread(memory.get(), &byte, 1, at) == 1 && ::pwrite(memory.get(), &byte, 1, at) == 1) ++count;
    }
    return count;
}

}  // namespace nsupcall::engine
