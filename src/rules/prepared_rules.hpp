#pragma once
/// @file
/// Rules that are read before anybody asks for them.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "rules/rule_set.hpp"

namespace nsupcall {

/// The rules below one path, for as long as its files are those that were read.
///
/// Looking whether they are takes one stat(2) for each file, and for the folder. What changed in the second
/// before it was read is never taken for unchanged: a file system's clock has ticks, and two changes in one
/// tick look alike.
class PreparedRules {
  public:
    explicit PreparedRules(std::string path) : path_(std::move(path)) {}

    /// Reads the rules, unless those that are there are current.
    void refresh();

    [[nodiscard]] const std::string& path() const { return path_; }
    /// The rules of `path`. @return null where they were not read, or something has changed since
    [[nodiscard]] const RuleSet* current(const std::string& path) const;

  private:
    /// What tells one content of a file from another.
    struct Identity {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t changed_ns = 0, modified_ns = 0;  ///< Unix time
        friend bool operator==(const Identity&, const Identity&) = default;
    };
    struct Seen {
        std::string path;
        std::optional<Identity> identity;  ///< nothing: there is none of that name
    };
    [[nodiscard]] static std::optional<Seen> look_at(const std::string& path);
    [[nodiscard]] bool unchanged() const;

    std::string path_;
    std::optional<RuleSet> rules_;
    std::vector<Seen> seen_;
};

}  // namespace nsupcall
