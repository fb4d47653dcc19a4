#pragma once
/// @file
/// The folder of session records.

#include <cstdint>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "session/session_record.hpp"

namespace nsupcall {

/// The running kernel's boot id. @errors those of /proc/sys/kernel/random/boot_id
[[nodiscard]] nsutil::Result<std::string> boot_id();

/// A record, and the file that it is in.
struct StoredSession {
    SessionRecord record;
    std::string file;  ///< name within the folder
};

/// What a search of the folder brought.
struct FoundSessions {
    std::vector<StoredSession> sessions;  ///< the newest first
    std::vector<std::string> notes;       ///< what was ignored and why, for the log
};

/// Keeps records in files of a folder of root's (made on demand, mode 0700), one for each session and place.
///
/// Only files that root owns, that nobody else may write to and that are not too long are read, in a folder
/// of which the same holds. Files are replaced whole (rename), so that a reader never sees half a one;
/// nothing is synchronised to disk, since the folder's file system does not outlive the kernel either.
class SessionStore {
  public:
    static constexpr const char* kFolder = "/run/nsupcall/sessions";
    static constexpr std::size_t kRecordsMost = 1024;           ///< files; then the oldest go
    static constexpr std::int64_t kAgeMost = 30LL * 24 * 3600;  ///< seconds; older ones do not count
    static constexpr std::int64_t kFresh = 3600;                ///< seconds; not written again before

    /// @param folder  absolute path; empty: nothing is kept
    explicit SessionStore(std::string folder = kFolder) : folder_(std::move(folder)) {}

    [[nodiscard]] const std::string& folder() const { return folder_; }

    /// Whether this very record is stored already, and so new that it need not be written again. An anchor
    /// counts only where `record` has one; when the stored one was written does not.
    [[nodiscard]] bool has_fresh(const SessionRecord& record, std::int64_t now) const;

    /// Writes the record, in place of an older one of the same session and place.
    /// @errors EFBIG it is too long; EPERM the folder is not root's alone; those of the file system
    [[nodiscard]] nsutil::Result<void> save(const SessionRecord& record) const;

    /// All that fit the key but for the address, of this boot and not too old.
    /// @param boot_id  of the running kernel
    [[nodiscard]] FoundSessions find(const SessionKey& key, std::string_view boot_id, std::int64_t now) const;

    /// All of one server and user=, whoever's (creduid) they are.
    [[nodiscard]] FoundSessions find_any_user(const SessionKey& key, std::string_view boot_id,
                                              std::int64_t now) const;

    /// All of this boot that are not too old, for who counts or shows them.
    [[nodiscard]] FoundSessions all(std::string_view boot_id, std::int64_t now) const;

    /// Removes a record; one that is gone already is no error.
    void forget(const StoredSession& session) const;

  private:
    std::string folder_;
};

}  // namespace nsupcall
