/// @file
/// The page around the picture.

#include <fmt/format.h>

#include <algorithm>

#include "admin/map_output.hpp"
#include "admin/map_text.hpp"

namespace nsupcall::admin {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --page: #f6f8fa; --box: #fff; --line: #d0d7de; --text: #1f2328; --small: #59636e;
  --good: #1a7f37; --warn: #9a6700; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --box: #161b22; --line: #30363d; --text: #e6edf3;
  --small: #9198a1; --good: #3fb950; --warn: #d29922; --bad: #f85149; } }
body { margin: 24px; background: var(--page); color: var(--text); font: 14px/1.4 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 20px; margin: 0 0 4px; } p { margin: 2px 0; color: var(--small); }
.counts { margin: 14px 0; display: flex; gap: 10px; flex-wrap: wrap; }
.counts span { background: var(--box); border: 1px solid var(--line); border-radius: 6px; padding: 6px 12px; }
.counts strong { font-size: 18px; margin-right: 6px; } strong.good { color: var(--good); } strong.warn { color: var(--warn); }
strong.bad { color: var(--bad); } .frame { overflow-x: auto; }
.map text { fill: var(--text); font: 13px system-ui, "DejaVu Sans", sans-serif; white-space: pre; }
.map text.small { fill: var(--small); font-size: 11px; } .map text.head { fill: var(--small); font-weight: 600; }
.map .box { fill: var(--box); stroke: var(--line); } .map .edge { fill: var(--line); } .map .track { fill: var(--line); }
.map .good > .edge, .map .good > .fill { fill: var(--good); } .map .warn > .edge, .map .warn > .fill { fill: var(--warn); }
.map .bad > .edge, .map .bad > .fill { fill: var(--bad); } .map .bad > .box { stroke: var(--bad); }
.map .curve { fill: none; stroke: var(--line); stroke-width: 1.5; } .map .curve.good { stroke: var(--good); }
.map .curve.warn { stroke: var(--warn); } .map .curve.bad { stroke: var(--bad); }
)";

std::string count(const char* tone, std::size_t number, const char* words) {
    return fmt::format("<span><strong class=\"{}\">{}</strong>{}</span>", number == 0 ? "" : tone, number, words);
}

}  // namespace

std::string html_escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string html_text(std::string_view text) {
    return html_escaped(escape(text));
}

std::string map_page(const NodeMap& map, const MapView& view, const PageOptions& options) {
    // No script runs here, whatever a name might bring in, and nothing is loaded from anywhere.
    std::string out = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\">\n"
        "<meta name=\"viewport\" "
        "content=\"width=device-width\">\n{}<title>{}</title>\n<style>{}</style>\n</head>\n"
        "<body>\n<h1>{}</h1>\n<p>{}</p>\n",
        options.head, html_text(options.title), kStyle, html_text(options.title),
        html_escaped(clock_time(map.taken_at) + ": " + summary_words(map)));
    for (const auto& line : options.notes) out += "<p>" + html_text(line) + "</p>\n";
    for (const auto& line : unseen_words(map)) out += "<p>" + html_escaped(line) + "</p>\n";
    out += "<div class=\"counts\">" +
           count("good", map.mounts_in(CredentialState::valid), "mounts with a valid ticket") +
           count("bad", map.mounts_in(CredentialState::expired), "expired") +
           count("bad", map.mounts_in(CredentialState::missing), "without a credential") +
           count("warn", map.mounts_in(CredentialState::unknown), "unknown") + "</div>\n";
    const auto hidden = static_cast<std::size_t>(
        std::ranges::count_if(map.places, [&](const MapPlace& place) { return !view.shows(place); }));
    out += "<div class=\"frame\">\n" + map_svg(map, view) + "</div>\n";
    if (hidden > 0)
        out += fmt::format("<p>{} {} neither credentials nor cifs mounts with Kerberos.</p>\n", hidden,
                           hidden == 1 ? "place has" : "places have");
    return out + "</body>\n</html>\n";
}

}  // namespace nsupcall::admin
