#pragma once
/// @file
/// The file of request-key rules that makes a host use nsupcall's helpers.

#include <cstdint>
#include <string>
#include <vector>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// Who put the rules there. A package's and a node installer's are told apart: each sets the other's aside,
/// and takes away none but its own.
enum class RuleOwner : std::uint8_t { host, node };

/// What the file is. Names in text: rule_state_name().
enum class RuleState : std::uint8_t {
    absent,
    ours,    ///< as it was written
    edited,  ///< ours, and somebody has changed it since
    others,  ///< somebody else's, or another owner's
};
[[nodiscard]] const char* rule_state_name(RuleState state);

/// One change of the folder. What is only planned is told in the same words.
struct RuleStep {
    enum class Kind : std::uint8_t { keep_copy, write, rename, remove } kind;
    std::string name, to;  ///< `to`: of keep_copy and rename

    /// "write /etc/request-key.d/nsupcall.conf", to follow "would " or to stand alone.
    [[nodiscard]] std::string text() const;
};

/// `/etc/request-key.d/nsupcall.conf` of a machine. It remembers by itself what was done: its first line
/// names its owner and a digest of the rest; a file of somebody else that was there before lies beside it
/// under another name, which request-key does not read, and comes back.
///
/// At every moment the file is the former one or the new one, whole, also after a power failure. Others that
/// change it by this class wait (flock(2) on the folder).
class RuleFile {
  public:
    static constexpr const char *kFolder = "/etc/request-key.d", *kFile = "nsupcall.conf";
    static constexpr const char* kEdited = "nsupcall.conf.edited";  ///< where an edited one goes
    static constexpr std::size_t kBytesMost = 64 * 1024;

    RuleFile(const NodeRoot& root, RuleOwner owner) : root_(root), owner_(owner) {}

    /// The rules of this version with the helpers in the folder `helpers`, and the line in front.
    [[nodiscard]] static std::string text_for(RuleOwner owner, const std::string& helpers);

    /// Whether request-key can be told this path: its lines are split at white space and know `%`; the rest
    /// is prudence.
    [[nodiscard]] static bool is_plain_path(const std::string& path);

    [[nodiscard]] RuleState state() const;
    /// What is there of ours, edited or not; empty where nothing is.
    [[nodiscard]] std::string installed() const;

    enum class Act : std::uint8_t { really, only_plan };
    enum class Edits : std::uint8_t { keep, replace };

    /// Puts the rules in place. An edited file stays, or goes to kEdited, as `edits` says.
    /// @return the steps that were made, or would be; none where nothing is to be done
    /// @errors those of open(2), rename(2)...; EEXIST what was set aside before is in the way. What was there
    ///         before is there still
    [[nodiscard]] nsutil::Result<std::vector<RuleStep>> install(const std::string& text, Edits edits,
                                                                Act act = Act::really) const;
    /// Takes ours away, and brings back what was there before. An edited one is kept as kEdited.
    [[nodiscard]] nsutil::Result<std::vector<RuleStep>> remove(Act act = Act::really) const;

    /// The name under which a file of somebody else waits.
    [[nodiscard]] std::string set_aside() const { return set_aside_of(owner_); }

  private:
    [[nodiscard]] static std::string set_aside_of(RuleOwner owner);
    [[nodiscard]] static RuleState state_of(const nsutil::Result<std::string>& content, RuleOwner owner);
    [[nodiscard]] nsutil::Result<std::string> content(const std::string& name = kFile) const;
    [[nodiscard]] bool is_there(const std::string& name) const;
    [[nodiscard]] bool is_same_file(const std::string& one, const std::string& other) const;
    [[nodiscard]] nsutil::Result<std::vector<RuleStep>> plan_install(const std::string& text,
                                                                     Edits edits) const;
    [[nodiscard]] std::vector<RuleStep> plan_remove() const;
    [[nodiscard]] static nsutil::Result<void> make(int folder_fd, const RuleStep& step,
                                                   const std::string& text);

    const NodeRoot& root_;
    RuleOwner owner_;
};

}  // namespace nsupcall::admin
