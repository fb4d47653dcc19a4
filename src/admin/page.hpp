#pragma once
/// @file
/// A page of names and values, and the words that pages share.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "admin/requester_report.hpp"
#include "admin/terminal.hpp"

namespace nsupcall::admin {

/// Lines with a name at their left; one without a name goes on with the line above. Values from outside must
/// be escaped before they are put.
class Page {
  public:
    explicit Page(const Painter& painter) : painter_(painter) {}

    /// Nothing where the value is empty.
    void put(std::string_view name, const std::string& value);
    void line(const std::string& text) { out_ += text + "\n"; }
    [[nodiscard]] std::string paint(Tone tone, std::string_view text) const {
        return painter_.paint(tone, text);
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    const Painter& painter_;
    std::string out_;
};

/// "uid 1000", or "uid 1000 (101000 here)".
[[nodiscard]] std::string both_ids(std::uint32_t inside, std::optional<std::uint32_t> host);

/// The requester, its container or pod, its namespaces.
void put_requester(Page& page, const RequesterReport& requester);

}  // namespace nsupcall::admin
