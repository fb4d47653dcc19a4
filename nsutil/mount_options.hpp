#pragma once
/// @file
/// Options of a file system in mountinfo, kept apart from what their values hold.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nsutil {

/// Prepares the text of a mountinfo file for libmount, which undoes all escapes before anybody can split the
/// options: a comma within a value (username=a,b), which the kernel writes as \054, would begin an option.
/// Afterwards MountOptions::parse() can tell the two.
/// @source Linux include/linux/seq_file.h (seq_show_option): the only place that writes \054
[[nodiscard]] std::string keep_commas_apart(std::string_view mountinfo);

/// Options in their order.
class MountOptions {
  public:
    /// @param text  as libmount gives it for a text that went through keep_commas_apart()
    [[nodiscard]] static MountOptions parse(std::string_view text);

    /// The value of the first option of this name; empty where it has none; nothing where it is absent.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

    /// Names and values.
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept {
        return all_;
    }

  private:
    std::vector<std::pair<std::string, std::string>> all_;
};

/// "host" of the source "//host/share" of an SMB mount, with slashes of either kind; empty where it is none.
[[nodiscard]] std::string_view smb_host_of(std::string_view source);

/// Whether two names of hosts or users are the same but for the case of ASCII letters.
[[nodiscard]] bool same_but_for_case(std::string_view a, std::string_view b);

}  // namespace nsutil
