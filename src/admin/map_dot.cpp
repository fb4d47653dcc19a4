/// @file
/// The map for dot(1).

#include "admin/map_output.hpp"
#include "admin/map_text.hpp"

namespace nsupcall::admin {
namespace {

/// A quoted string of the language; `text` is escaped for a terminal already, so it holds no quote of its
/// own.
std::string dot_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out + "\"";
}

const char* colour_of(Tone tone) {
    switch (tone) {
        case Tone::good:
            return "#1a7f37";
        case Tone::warning:
            return "#9a6700";
        case Tone::bad:
            return "#cf222e";
        default:
            return "#57606a";
    }
}

class Graph {
  public:
    Graph(const NodeMap& map, const MapView& view) : map_(map), view_(view) {}

    std::string print() {
        out_ =
            "digraph nsupcall {\n  rankdir=LR;\n  node [shape=box, style=rounded, "
            "fontname=\"sans-serif\"];\n";
        for (const auto& place : map_.places) {
            if (!view_.shows(place)) continue;
            const int node = add(-1, escape(place.title()), place_words(place), Tone::plain);
            for (const auto& user : place.users)
                if (view_.shows(user)) add_user(node, user);
        }
        return out_ + "}\n";
    }

  private:
    int add(int parent, const std::string& first, const std::string& second, Tone tone) {
        const int id = next_++;
        // "\n" within a quoted string is dot's own line break.
        auto label = dot_string(first);
        if (!second.empty()) {
            label.pop_back();
            label += "\\n" + dot_string(second).substr(1);
        }
        out_ += "  n" + std::to_string(id) + " [label=" + label + ", color=\"" + colour_of(tone) + "\"];\n";
        if (parent >= 0) out_ += "  n" + std::to_string(parent) + " -> n" + std::to_string(id) + ";\n";
        return id;
    }

    void add_user(int parent, const MapUser& user) {
        const int node = add(parent, user_words(user), escape(user.problem),
                             user.problem.empty() ? Tone::plain : Tone::warning);
        std::vector<int> credentials;
        for (const auto& one : user.credentials) {
            auto words = credential_words(one);
            if (const auto expiry = expiry_words(one.expires, map_.taken_at); !expiry.empty())
                words += ", " + expiry;
            credentials.push_back(add(node, escape(one.name.empty() ? one.source : one.name), words,
                                      tone_of(state_of(one), one.expires, map_.taken_at)));
        }
        for (const auto& mount : user.mounts) {
            const int on = credential_of(user, mount);
            (void)add(on < 0 ? node : credentials[static_cast<std::size_t>(on)], mount_words(mount),
                      on < 0 ? rest_words(mount) : "", tone_of(mount.state, mount.expires, map_.taken_at));
        }
    }

    const NodeMap& map_;
    const MapView& view_;
    std::string out_;
    int next_ = 0;
};

}  // namespace

std::string map_dot(const NodeMap& map, const MapView& view) {
    return Graph(map, view).print();
}

}  // namespace nsupcall::admin
