#pragma once
/// @file
/// What /sbin/request-key would run: its configuration, read and matched as it does.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// One line of request-key's configuration.
struct RequestKeyLine {
    std::string file;     ///< "/etc/request-key.d/cifs.spnego.conf"
    unsigned number = 0;  ///< from 1
    std::string text;     ///< as request-key has it: cut at a NUL, without its last byte
    bool too_long = false;

    /// The first word of its command without '|'; empty where there is none.
    [[nodiscard]] std::string program() const;
    [[nodiscard]] std::string place() const { return file + ":" + std::to_string(number); }
};

/// What is asked: one upcall as the kernel hands it to request-key.
struct KeyQuestion {
    std::string_view operation, type, description, callout;
};

/// What comes of it.
struct RequestKeyAnswer {
    /// The line that is run; null: none fits.
    const RequestKeyLine* chosen = nullptr;
    /// A line at which request-key gives up, whatever else there is; null: none.
    const RequestKeyLine* stopped_at = nullptr;
    /// Lines that ask for the same kind of key, do not fit this question, and would come before the chosen
    /// one where they fit.
    std::vector<const RequestKeyLine*> before_for_others;
};

/// All lines, in the order in which request-key reads them. Of those that fit, the one with the shortest
/// wildcards wins, counted by columns from the left; then the first.
/// @source  request-key.conf(5), and keyutils 1.6.3 as observed with `request-key -d -v -v -D` (the tests
///          compare the two): `/etc/request-key.d` comes in the order of readdir(3), only regular files whose
///          names end in ".conf" and do not begin with a dot, then `/etc/request-key.conf`; a line is split
///          as far as it fits; one that has too few words or is too long ends everything.
class RequestKeyRules {
  public:
    static constexpr std::size_t kFileBytesMost = std::size_t{1} << 20U, kFilesMost = 1000;

    /// @errors EFBIG; those of open(2), also where one file may not be read: what it says is unknown then
    [[nodiscard]] static nsutil::Result<RequestKeyRules> read(const NodeRoot& root);

    [[nodiscard]] RequestKeyAnswer ask(const KeyQuestion& question) const;

    [[nodiscard]] const std::vector<RequestKeyLine>& lines() const { return lines_; }
    /// "*.conf" of the folder that request-key does not read: symbolic links, for one.
    [[nodiscard]] const std::vector<std::string>& passed_over() const { return passed_over_; }

  private:
    [[nodiscard]] nsutil::Result<void> read_folder(const NodeRoot& root);
    [[nodiscard]] nsutil::Result<void> read_file(const NodeRoot& root, const std::string& path);

    std::vector<RequestKeyLine> lines_;
    std::vector<std::string> passed_over_;
};

}  // namespace nsupcall::admin
