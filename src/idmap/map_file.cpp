#include "idmap/map_file.hpp"

#include <algorithm>
#include <string>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

using nsutil::parse_number;

std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    const auto word = line.substr(0, line.find_first_of(" \t\r"));
    line.remove_prefix(word.size());
    return word;
}

std::optional<MapLine> parse_line(std::string_view kind, std::string_view line) {
    auto sid_text = next_word(line);
    const auto id = parse_number<std::uint32_t>(next_word(line));
    if (!id || *id == kNoId || !next_word(line).empty()) return std::nullopt;
    std::optional<std::uint32_t> last_rid;
    if (const auto dots = sid_text.find(".."); dots != std::string_view::npos) {
        last_rid = parse_number<std::uint32_t>(sid_text.substr(dots + 2));
        if (!last_rid) return std::nullopt;
        sid_text = sid_text.substr(0, dots);
    }
    const auto sid = Sid::parse(sid_text);
    if (!sid) return std::nullopt;
    if (last_rid.value_or(sid->rid()) < sid->rid()) return std::nullopt;
    const MapLine parsed = {kind != "group", kind != "user", *sid, last_rid.value_or(sid->rid()), *id};
    // The last id of a range must still be one.
    if (std::uint64_t{parsed.first_id} + (parsed.last_rid - sid->rid()) >= kNoId) return std::nullopt;
    return parsed;
}

}  // namespace

nsutil::Result<MapFile> MapFile::parse(std::string_view text) {
    if (text.size() > kTextLimit) return nsutil::fail(EFBIG, "the map file is too long");
    MapFile file;
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        line = line.substr(0, line.find('#'));
        const auto kind = next_word(line);
        if (kind.empty()) continue;
        const bool known = kind == "user" || kind == "group" || kind == "both";
        const auto parsed = known ? parse_line(kind, line) : std::nullopt;
        if (!parsed)
            return nsutil::fail(EINVAL, "line " + std::to_string(number) + " of the map file is malformed");
        if (file.lines_.size() == kLinesMost)
            return nsutil::fail(EFBIG, "the map file has more than " + std::to_string(kLinesMost) + " lines");
        file.lines_.push_back(*parsed);
    }
    return file;
}

std::optional<IdOrSid> MapFile::find(const IdQuestion& question) const {
    for (const auto& line : lines_) {
        if (!line.serves(question.kind)) continue;
        const std::uint32_t span = line.last_rid - line.first.rid();
        if (question.wants_id()) {
            const auto rid = question.sid().rid();
            if (question.sid().same_domain(line.first) && rid >= line.first.rid() && rid <= line.last_rid)
                return line.first_id + (rid - line.first.rid());
        } else if (question.id() >= line.first_id && question.id() - line.first_id <= span) {
            return line.first.with_rid(line.first.rid() + (question.id() - line.first_id));
        }
    }
    return std::nullopt;
}

}  // namespace nsupcall
