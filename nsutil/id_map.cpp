#include "nsutil/id_map.hpp"

#include <string>

#include "nsutil/proc_text.hpp"

namespace nsutil {
namespace {

constexpr std::uint32_t kNoId = 0xffffffffU;  // (uid_t)-1

bool overlap(std::uint32_t first_a, std::uint32_t count_a, std::uint32_t first_b, std::uint32_t count_b) {
    return first_a < std::uint64_t{first_b} + count_b && first_b < std::uint64_t{first_a} + count_a;
}

std::optional<IdMapRange> parse_line(std::string_view line) {
    std::uint32_t numbers[3];
    for (auto& number : numbers) {
        const auto begin = line.find_first_not_of(' ');
        if (begin == std::string_view::npos) return std::nullopt;
        const auto end = std::min(line.find(' ', begin), line.size());
        const auto parsed = parse_number<std::uint32_t>(line.substr(begin, end - begin));
        if (!parsed) return std::nullopt;
        number = *parsed;
        line.remove_prefix(end);
    }
    if (line.find_first_not_of(' ') != std::string_view::npos) return std::nullopt;
    const IdMapRange range{numbers[0], numbers[1], numbers[2]};
    // The last id of a range may be 2^32 - 2; 2^32 - 1 means "no id".
    if (range.count == 0 || std::uint64_t{range.inside_first} + range.count > kNoId ||
        std::uint64_t{range.host_first} + range.count > kNoId)
        return std::nullopt;
    return range;
}

}  // namespace

Result<IdMap> IdMap::parse(std::string_view text) {
    IdMap map;
    while (!text.empty()) {
        const auto line_end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, line_end);
        text.remove_prefix(std::min(line_end + 1, text.size()));
        const auto range = parse_line(line);
        if (!range)
            return fail(EINVAL, "malformed line " + std::to_string(map.ranges_.size() + 1) + " of an id map");
        if (map.ranges_.size() == kRangesMost) return fail(EINVAL, "id map of more than 340 lines");
        for (const auto& other : map.ranges_)
            if (overlap(range->inside_first, range->count, other.inside_first, other.count) ||
                overlap(range->host_first, range->count, other.host_first, other.count))
                return fail(EINVAL, "id map with overlapping ranges");
        map.ranges_.push_back(*range);
    }
    return map;
}

IdMap IdMap::identity() {
    IdMap map;
    map.ranges_.push_back({0, 0, kNoId});
    return map;
}

std::optional<std::uint32_t> IdMap::to_inside(std::uint32_t host_id) const {
    for (const auto& range : ranges_)
        if (host_id >= range.host_first && host_id - range.host_first < range.count)
            return range.inside_first + (host_id - range.host_first);
    return std::nullopt;
}

std::optional<std::uint32_t> IdMap::to_host(std::uint32_t inside_id) const {
    for (const auto& range : ranges_)
        if (inside_id >= range.inside_first && inside_id - range.inside_first < range.count)
            return range.host_first + (inside_id - range.inside_first);
    return std::nullopt;
}

}  // namespace nsutil
