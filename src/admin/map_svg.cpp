/// @file
/// The map as a picture: four columns of cards, joined by curves.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "admin/map_output.hpp"
#include "admin/map_text.hpp"

namespace nsupcall::admin {
namespace {

constexpr int kRow = 52, kCard = 42, kTop = 34, kGap = 14;
constexpr std::array<int, 4> kLeft = {8, 312, 606, 976}, kWidth = {264, 254, 330, 384};
constexpr int kTotalWidth = 1368, kBar = 70;
constexpr std::array<const char*, 4> kHeads = {"Container or pod", "User", "Credential", "CIFS mount"};

const char* class_of(Tone tone) {
    switch (tone) {
        case Tone::good:
            return "good";
        case Tone::warning:
            return "warn";
        case Tone::bad:
            return "bad";
        default:
            return "plain";
    }
}

/// A card's content; texts are escaped for a terminal, not yet for HTML.
struct Card {
    std::string title, text;
    Tone tone = Tone::plain;
    double fill = -1;  ///< of its bar; negative: it has none
};

/// Draws from the leaves up: a card stands in the middle of what hangs on it.
class Picture {
  public:
    Picture(const NodeMap& map, const MapView& view) : map_(map), view_(view) {}

    std::string draw() {
        for (const auto& place : map_.places)
            if (view_.shows(place)) {
                (void)draw_place(place);
                y_ += kGap;
            }
        const int height = std::max(y_, kTop + kRow);
        std::string out = fmt::format(
            "<svg class=\"map\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {} {}\" width=\"{}\" "
            "height=\"{}\" "
            "xmlns=\"http://www.w3.org/2000/svg\">\n",
            html_escaped(summary_words(map_)), kTotalWidth, height, kTotalWidth, height);
        for (std::size_t column = 0; column < kHeads.size(); ++column)
            out += fmt::format("<text class=\"head\" x=\"{}\" y=\"20\">{}</text>\n", kLeft[column],
                               kHeads[column]);
        return out + curves_ + cards_ + "</svg>\n";
    }

  private:
    /// @return y of the card's middle
    int put(std::size_t column, int middle, const Card& card) {
        const int top = middle - kCard / 2;
        cards_ += fmt::format(
            "<svg class=\"card {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title>"
            "<rect class=\"box\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\"/>"
            "<rect class=\"edge\" x=\"1\" y=\"8\" width=\"4\" height=\"{}\" rx=\"2\"/>"
            "<svg width=\"{}\" height=\"{}\"><text x=\"14\" y=\"17\">{}</text>"
            "<text class=\"small\" x=\"14\" y=\"33\">{}</text></svg>",
            class_of(card.tone), kLeft[column], top, kWidth[column], kCard,
            html_escaped(card.title + (card.text.empty() ? "" : "\n" + card.text)), kWidth[column] - 1,
            kCard - 1, kCard - 16, kWidth[column] - (card.fill < 0 ? 4 : kBar + 16), kCard,
            html_escaped(card.title), html_escaped(card.text));
        if (card.fill >= 0) {
            const int x = kWidth[column] - kBar - 10;
            cards_ += fmt::format(
                "<rect class=\"track\" x=\"{}\" y=\"26\" width=\"{}\" height=\"7\" rx=\"3\"/>"
                "<rect class=\"fill\" x=\"{}\" y=\"26\" width=\"{:.1f}\" height=\"7\" rx=\"3\"/>",
                x, kBar, x, card.fill * kBar);
        }
        cards_ += "</svg>\n";
        return middle;
    }

    void join(std::size_t from, int from_y, std::size_t to, int to_y, Tone tone) {
        const int x1 = kLeft[from] + kWidth[from], x2 = kLeft[to];
        const int bend = (x2 - x1) / 2;
        curves_ += fmt::format("<path class=\"curve {}\" d=\"M{} {}C{} {} {} {} {} {}\"/>\n", class_of(tone),
                               x1, from_y, x1 + bend, from_y, x2 - bend, to_y, x2, to_y);
    }

    /// Y of the next leaf's middle.
    int leaf() {
        const int middle = y_ + kRow / 2;
        y_ += kRow;
        return middle;
    }

    int draw_mount(const MapMount& mount, bool on_credential) {
        const auto tone = tone_of(mount.state, mount.expires, map_.taken_at);
        Card card;
        card.title = mount_words(mount);
        card.text =
            on_credential ? (mount.multiuser ? "multiuser" : escape(mount.security)) : rest_words(mount);
        card.tone = tone;
        return put(3, leaf(), card);
    }

    int draw_credential(const MapUser& user, std::size_t index) {
        const auto& credential = user.credentials[index];
        const auto tone = tone_of(state_of(credential), credential.expires, map_.taken_at);
        std::vector<int> below;
        for (const auto& mount : user.mounts)
            if (credential_of(user, mount) == static_cast<int>(index))
                below.push_back(draw_mount(mount, true));
        const int middle = below.empty() ? leaf() : (below.front() + below.back()) / 2;
        for (const int y : below) join(2, middle, 3, y, tone);
        Card card;
        card.title = credential_words(credential);
        card.text = escape(credential.name.empty() ? credential.source : credential.name);
        if (credential.expires != 0) {
            card.fill = bar_fill(credential.expires, map_.taken_at);
            card.text = relative_time(credential.expires, map_.taken_at) + "  " + card.text;
        }
        card.tone = tone;
        return put(2, middle, card);
    }

    int draw_user(const MapUser& user) {
        struct Hanging {
            std::size_t column;
            int y;
            Tone tone;
        };
        std::vector<Hanging> below;
        for (std::size_t index = 0; index < user.credentials.size(); ++index) {
            const auto& one = user.credentials[index];
            const auto tone = tone_of(state_of(one), one.expires, map_.taken_at);
            below.push_back({2, draw_credential(user, index), tone});
        }
        for (const auto& mount : user.mounts)
            if (credential_of(user, mount) < 0)
                below.push_back(
                    {3, draw_mount(mount, false), tone_of(mount.state, mount.expires, map_.taken_at)});
        const int middle = below.empty() ? leaf() : (below.front().y + below.back().y) / 2;
        for (const auto& [column, y, tone] : below) join(1, middle, column, y, tone);
        const auto words = user_words(user);
        const auto comma = words.find(", ");
        Card card;
        card.title = words.substr(0, comma);
        card.text = !user.problem.empty()        ? escape(user.problem)
                    : comma == std::string::npos ? "no process here"
                                                 : words.substr(comma + 2);
        card.tone = user.problem.empty() ? Tone::plain : Tone::warning;
        return put(1, middle, card);
    }

    int draw_place(const MapPlace& place) {
        std::vector<int> below;
        for (const auto& user : place.users)
            if (view_.shows(user)) below.push_back(draw_user(user));
        const int middle = below.empty() ? leaf() : (below.front() + below.back()) / 2;
        for (const int y : below) join(0, middle, 1, y, Tone::plain);
        Card card;
        card.title = escape(place.title());
        card.text = place.problem.empty() ? place_words(place) : escape(place.problem);
        card.tone = place.problem.empty() ? Tone::plain : Tone::warning;
        return put(0, middle, card);
    }

    const NodeMap& map_;
    const MapView& view_;
    std::string curves_, cards_;
    int y_ = kTop;
};

}  // namespace

std::string map_svg(const NodeMap& map, const MapView& view) {
    return Picture(map, view).draw();
}

}  // namespace nsupcall::admin
