/// @file
/// The map as a tree of lines, laid out by libsmartcols.

#include <langinfo.h>
#include <libsmartcols/libsmartcols.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "admin/map_output.hpp"
#include "admin/map_text.hpp"

namespace nsupcall::admin {
namespace {

enum Column : std::size_t { kName, kWho, kLeft, kRemark, kColumns };

using Table = std::unique_ptr<libscols_table, decltype(&::scols_unref_table)>;

bool draws_blocks() {
    return std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
}

std::string bar(std::int64_t expires, std::int64_t now) {
    constexpr int kCells = 10;
    const bool blocks = draws_blocks();
    const int full = static_cast<int>(std::ceil(bar_fill(expires, now) * kCells));
    std::string text;
    for (int cell = 0; cell < kCells; ++cell)
        text += cell < full ? (blocks ? "\u2588" : "#") : (blocks ? "\u2591" : ".");
    return text;
}

const char* colour_of(Tone tone) {
    static constexpr std::array<const char*, 6> kCodes = {nullptr,    "\033[32m", "\033[33m",
                                                          "\033[31m", "\033[2m",  "\033[1m"};
    return kCodes.at(static_cast<std::size_t>(tone));
}

/// Adds lines; the first failure stays.
class Tree {
  public:
    Tree(const NodeMap& map, const MapView& view, const Painter& painter)
        : map_(map), view_(view), painter_(painter), table_(::scols_new_table(), ::scols_unref_table) {}

    nsutil::Result<std::string> print() {
        if (!begin()) return nsutil::fail(ENOMEM, "table");
        std::size_t hidden = 0;
        for (const auto& place : map_.places) {
            if (view_.shows(place))
                add_place(place);
            else
                ++hidden;
        }
        std::string out;
        if (::scols_table_is_empty(table_.get()) == 0) {
            char* text = nullptr;
            if (failed_ || ::scols_print_table_to_string(table_.get(), &text) != 0)
                return nsutil::fail(ENOMEM, "table");
            const std::unique_ptr<char, decltype(&std::free)> owner(text, std::free);
            out = std::string(text) + "\n";
        }
        const bool bad =
            map_.mounts_in(CredentialState::expired) + map_.mounts_in(CredentialState::missing) > 0;
        out += painter_.paint(bad ? Tone::bad : Tone::heading, summary_words(map_)) + "\n";
        if (hidden > 0)
            out += painter_.paint(Tone::faint,
                                  std::to_string(hidden) + (hidden == 1 ? " place has" : " places have") +
                                      " neither credentials nor such mounts (--all shows them)") +
                   "\n";
        for (const auto& line : unseen_words(map_)) out += painter_.paint(Tone::warning, line) + "\n";
        return out;
    }

  private:
    bool begin() {
        if (table_ == nullptr) return false;
        (void)::scols_table_enable_colors(table_.get(), painter_.colours() ? 1 : 0);
        (void)::scols_table_enable_noencoding(table_.get(), 1);  // everything is escaped already
        static constexpr std::array<std::pair<const char*, int>, kColumns> kHeads = {
            {{"NAME", SCOLS_FL_TREE}, {"PRINCIPAL", 0}, {"LEFT", 0}, {"REMARK", SCOLS_FL_WRAP}}};
        for (const auto& [name, flags] : kHeads)
            if (::scols_table_new_column(table_.get(), name, 0, flags) == nullptr) return false;
        return true;
    }

    libscols_line* add(libscols_line* parent, const std::string& name) {
        auto* line = ::scols_table_new_line(table_.get(), parent);
        if (line == nullptr)
            failed_ = true;
        else
            put(line, kName, name, Tone::plain);
        return line;
    }

    void put(libscols_line* line, Column column, const std::string& text, Tone tone) {
        if (line == nullptr || ::scols_line_set_data(line, column, text.c_str()) != 0) {
            failed_ = true;
            return;
        }
        if (tone == Tone::plain) return;
        if (auto* cell = ::scols_line_get_cell(line, column))
            (void)::scols_cell_set_color(cell, colour_of(tone));
    }

    void add_place(const MapPlace& place) {
        auto* line = add(nullptr, escape(place.title()));
        put(line, kName, escape(place.title()), Tone::heading);
        put(line, kRemark, place.problem.empty() ? place_words(place) : escape(place.problem),
            place.problem.empty() ? Tone::faint : Tone::warning);
        for (const auto& user : place.users)
            if (view_.shows(user)) add_user(line, user);
    }

    void add_user(libscols_line* parent, const MapUser& user) {
        auto* line = add(parent, user_words(user));
        if (!user.problem.empty()) put(line, kRemark, escape(user.problem), Tone::warning);
        std::vector<libscols_line*> credentials;
        credentials.reserve(user.credentials.size());
        for (const auto& credential : user.credentials)
            credentials.push_back(add_credential(line, credential));
        for (const auto& mount : user.mounts) {
            const int on = credential_of(user, mount);
            add_mount(on < 0 ? line : credentials[static_cast<std::size_t>(on)], mount, on >= 0);
        }
    }

    libscols_line* add_credential(libscols_line* parent, const Candidate& credential) {
        auto* line = add(parent, escape(credential.name.empty() ? credential.source : credential.name));
        const auto state = state_of(credential);
        const auto tone = tone_of(state, credential.expires, map_.taken_at);
        put(line, kWho, credential_words(credential), credential.principal.empty() ? tone : Tone::plain);
        if (credential.expires != 0) put(line, kLeft, bar(credential.expires, map_.taken_at), tone);
        put(line, kRemark,
            credential.expires != 0        ? expiry_words(credential.expires, map_.taken_at)
            : credential.principal.empty() ? std::string()
                                           : std::string(verdict_name(credential.verdict)),
            tone);
        return line;
    }

    void add_mount(libscols_line* parent, const MapMount& mount, bool on_credential) {
        auto* line = add(parent, mount_words(mount));
        const auto tone = tone_of(mount.state, mount.expires, map_.taken_at);
        if (on_credential) return put(line, kRemark, mount.multiuser ? "multiuser" : "", Tone::faint);
        if (mount.expires != 0) put(line, kLeft, bar(mount.expires, map_.taken_at), tone);
        put(line, kWho, escape(mount.principal), Tone::plain);
        auto words = expiry_words(mount.expires, map_.taken_at);
        if (!mount.elsewhere.empty()) words += (words.empty() ? "in " : ", in ") + escape(mount.elsewhere);
        if (mount.expires == 0 && !mount.why.empty())
            words += (words.empty() ? "" : ": ") + escape(mount.why);
        put(line, kRemark, words, tone);
    }

    const NodeMap& map_;
    const MapView& view_;
    const Painter& painter_;
    Table table_;
    bool failed_ = false;
};

}  // namespace

nsutil::Result<std::string> map_tree(const NodeMap& map, const MapView& view, const Painter& painter) {
    return Tree(map, view, painter).print();
}

}  // namespace nsupcall::admin
