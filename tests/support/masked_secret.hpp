#pragma once
/// @file
/// A secret that stands nowhere in a test's memory or text, and a search for it there.

#include <array>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace nsupcall::test {

/// 16 letters and digits, masked.
struct MaskedSecret {
    static constexpr unsigned char kMask = 0x5a;
    static constexpr std::array<unsigned char, 16> kMasked = {
        'q' ^ kMask, '7' ^ kMask, 'W' ^ kMask, 'z' ^ kMask, 'K' ^ kMask, '2' ^ kMask,
        'x' ^ kMask, 'P' ^ kMask, 'd' ^ kMask, '9' ^ kMask, 'R' ^ kMask, 'm' ^ kMask,
        'T' ^ kMask, '4' ^ kMask, 'v' ^ kMask, 'L' ^ kMask};

    /// Writes it to a file in clear. For a child: nothing of it should stay in the test's memory.
    static void write_to(std::ofstream& file) {
        for (const auto byte : kMasked) file << static_cast<char>(byte ^ kMask);
    }

    /// How often it stands in the writable memory of this process.
    static std::size_t count_in_memory() {
        struct Range {
            unsigned long first, last;
        };
        std::vector<Range> ranges;
        {
            std::ifstream maps("/proc/self/maps");
            for (std::string line; std::getline(maps, line);) {
                Range range{};
                char access[5] = {};
                if (std::sscanf(line.c_str(), "%lx-%lx %4s", &range.first, &range.last, access) == 3 &&
                    access[0] == 'r' && access[1] == 'w')
                    ranges.push_back(range);
            }
        }
        std::size_t count = 0;
        for (const auto& [first, last] : ranges)
            for (auto at = first; at + kMasked.size() <= last; ++at) {
                const auto* bytes = reinterpret_cast<const volatile unsigned char*>(at);
                std::size_t same = 0;
                while (same < kMasked.size() && (bytes[same] ^ kMask) == kMasked[same]) ++same;
                count += same == kMasked.size() ? 1 : 0;
            }
        return count;
    }
};

}  // namespace nsupcall::test
