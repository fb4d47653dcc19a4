#pragma once
/// @file
/// A map as a tree for a terminal, as JSON, as a graph for dot(1), as a picture, and as a page.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "admin/node_map.hpp"
#include "admin/terminal.hpp"

namespace nsupcall::admin {

struct MapView {
    bool everything = false;  ///< also places and users with neither credentials nor mounts

    [[nodiscard]] bool shows(const MapPlace& place) const { return everything || place.is_of_interest(); }
    [[nodiscard]] bool shows(const MapUser& user) const { return everything || user.is_of_interest(); }
};

/// Lines for people. @errors ENOMEM
[[nodiscard]] nsutil::Result<std::string> map_tree(const NodeMap& map, const MapView& view,
                                                   const Painter& painter);

/// docs/schema/map.schema.json; the whole map, whatever is shown elsewhere.
[[nodiscard]] nlohmann::ordered_json map_document(const NodeMap& map);

/// A graph in the language of dot(1).
[[nodiscard]] std::string map_dot(const NodeMap& map, const MapView& view);

/// An <svg> element to stand in a page that has map_style().
[[nodiscard]] std::string map_svg(const NodeMap& map, const MapView& view);

/// What a page says around the picture.
struct PageOptions {
    std::string title = "nsupcall map";
    std::string head{};                ///< markup for the head; trusted
    std::vector<std::string> notes{};  ///< lines above the picture; text
};

/// One self-contained page: no script, nothing loaded from anywhere.
[[nodiscard]] std::string map_page(const NodeMap& map, const MapView& view, const PageOptions& options);

/// Text as HTML: escape() first, then the five characters that mean something.
[[nodiscard]] std::string html_text(std::string_view text);
/// The same for what is escaped already.
[[nodiscard]] std::string html_escaped(std::string_view text);

}  // namespace nsupcall::admin
