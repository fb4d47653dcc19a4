#pragma once
/// @file
/// The configuration: /etc/nsupcall.conf and /etc/nsupcall.conf.d/*.conf. See nsupcall.conf(5).

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/profile_reader.hpp"
#include "rules/rule.hpp"
#include "rules/rule_parser.hpp"

namespace nsupcall {

inline constexpr const char* kConfigPath = "/etc/nsupcall.conf";

/// All rules of the host, in the order in which they are tried: by name, whichever file they are in
/// (libkrb5's parser keeps no other order).
///
/// An error never gives a requester more than an intact configuration would:
///  - A rule that holds an error keeps its place, with the conditions that can be read. Whoever it catches is
///    answered with the built-in defaults; its `deny` stays.
///  - A file that cannot be read, parsed or trusted takes everything with it but `deny` rules of other files.
///    Where the file itself mentions `deny` nobody can tell for whom: then every request is refused.
class RuleSet {
  public:
    static constexpr std::size_t kFileBytesMost = 1024 * 1024;
    static constexpr std::size_t kFilesMost = 256;

    /// Reads `path` and every *.conf in the folder `path` + ".d". Looks at two names only where neither is
    /// there. Files must belong to root and be writable by nobody else.
    [[nodiscard]] static RuleSet load(const std::string& path);

    /// How `subject` is answered.
    [[nodiscard]] Settings match(const Subject& subject) const;
    /// True where matching looks at the subject's control group.
    [[nodiscard]] bool need_cgroup() const;
    /// What is wrong, in the order of files and lines; empty where nothing is.
    [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
    [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
    /// The names that load() has looked at: the file's, the folder's, those of the files in it.
    [[nodiscard]] const std::vector<std::string>& sources() const { return sources_; }
    [[nodiscard]] const Settings& defaults() const { return defaults_; }

  private:
    /// One file that libkrb5's parser could read.
    struct File {
        std::string path, text;
        std::vector<Relation> relations;
    };
    [[nodiscard]] std::optional<File> read_file(const std::string& path);
    void take_defaults(const File& file);
    /// Where in rules_ the last rule of a name is.
    using Places = std::map<std::string, std::size_t, std::less<>>;
    void take_rules(const File& file, Places& places);
    void complain(const File& file, const std::string& rule, const std::string& key, unsigned occurrence,
                  const std::string& what);
    void lose_file(const std::string& path, unsigned line, const std::string& why, const std::string& text);
    void order_rules();

    Settings defaults_;
    std::vector<Rule> rules_;
    std::vector<Finding> findings_;
    std::vector<std::string> sources_;
    bool lost_file_ = false;   ///< only deny rules count
    bool refuse_all_ = false;  ///< a lost file spoke of deny
};

}  // namespace nsupcall
