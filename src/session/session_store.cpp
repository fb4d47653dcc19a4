#include "session/session_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <memory>

#include "nsutil/bounded_read.hpp"
#include "nsutil/root_folder.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::propagate;
using nsutil::Result;
using nsutil::UniqueFd;

constexpr std::string_view kUnfinished = ".new-";
constexpr std::size_t kNotesMost = 8;

/// FNV-1a. Names need to be short, not secret: what a file holds decides, not what it is called.
class Hash {
  public:
    Hash& text(std::string_view bytes) {
        for (const char c : bytes) byte(static_cast<unsigned char>(c));
        byte(0xff);  // in no UTF-8 text, so that no two fields can run together
        return *this;
    }
    Hash& number(std::uint64_t value) {
        for (unsigned at = 0; at < sizeof value; ++at) byte(static_cast<unsigned char>(value >> (8 * at)));
        return *this;
    }
    [[nodiscard]] std::string hex() const {
        std::array<char, 17> digits;
        (void)std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(state_));
        return digits.data();
    }

  private:
    void byte(unsigned char value) {
        state_ ^= value;
        state_ *= 0x100000001b3ULL;
    }
    std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

/// The server and user= first, then whose session, then where: so prefixes serve as an index.
std::string server_part(const SessionKey& key) {
    return Hash().text(key.host).text(key.user).number(key.from_mount ? 1 : 0).hex() + "-";
}

std::string session_part(const SessionKey& key) {
    return server_part(key) + std::to_string(key.creduid) + "-";
}

std::string file_name(const SessionRecord& record) {
    Hash hash;
    hash.text(record.key.address).number(record.of_host ? 1 : 0).text(record.place.container);
    for (const auto& id : record.place.view.ids) hash.number(id.device).number(id.inode);
    hash.number(record.place.view.root_device).number(record.place.view.root_inode);
    const auto& serials = record.place.serials;
    hash.number(serials.mount).number(serials.net).number(serials.user);
    return session_part(record.key) + hash.hex();
}

Result<SessionRecord> read_record(int folder_fd, const char* name) {
    // O_NONBLOCK: nothing but a regular file may keep us waiting.
    auto fd = nsutil::open_at(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return propagate(fd);
    struct stat info = {};
    if (::fstat(fd->get(), &info) != 0) return fail_errno(name);
    if (!S_ISREG(info.st_mode)) return fail(EINVAL, std::string(name) + " is no file");
    if (!nsutil::is_roots_alone(info)) return fail(EPERM, std::string(name) + " is not root's alone");
    auto text = nsutil::read_all(fd->get(), kSessionTextLimit);
    if (!text) return propagate(text, name);
    auto record = parse_session(*text);
    if (!record) return propagate(record, name);
    return record;
}

/// Calls `visit` for each name in the folder until it says false.
void each_name(int folder_fd, const std::function<bool(const char*)>& visit) {
    const int copy = ::openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(copy), ::closedir);
    if (listing == nullptr) {
        (void)::close(copy);
        return;
    }
    while (const dirent* entry = ::readdir(listing.get()))
        if (std::string_view name(entry->d_name); name != "." && name != "..")
            if (!visit(entry->d_name)) return;
}

/// Keeps the number of files bounded, whatever put them there: the oldest go.
void prune(int folder_fd) {
    constexpr std::size_t kListedMost = 16 * SessionStore::kRecordsMost;
    std::vector<std::pair<std::int64_t, std::string>> files;
    each_name(folder_fd, [&](const char* name) {
        files.emplace_back(0, name);
        return files.size() < kListedMost;
    });
    if (files.size() <= SessionStore::kRecordsMost) return;
    for (auto& [changed, name] : files) {
        struct stat info = {};
        if (::fstatat(folder_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) changed = info.st_mtime;
    }
    std::ranges::sort(files);
    // To three quarters, so that this does not happen at each new record.
    const std::size_t excess = files.size() - SessionStore::kRecordsMost * 3 / 4;
    for (std::size_t at = 0; at < excess; ++at) (void)::unlinkat(folder_fd, files[at].second.c_str(), 0);
}

Result<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno("write");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> replace_file(int folder_fd, const std::string& name, std::string_view text) {
    const std::string unfinished = std::string(kUnfinished) + std::to_string(::getpid());
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd fd(::openat(folder_fd, unfinished.c_str(), kFlags, 0600));
    if (!fd && errno == EEXIST) {
        // Left by a process of this number that was killed.
        (void)::unlinkat(folder_fd, unfinished.c_str(), 0);
        fd = UniqueFd(::openat(folder_fd, unfinished.c_str(), kFlags, 0600));
    }
    if (!fd) return fail_errno("make a file");
    auto done = write_all(fd.get(), text);
    if (done && ::renameat(folder_fd, unfinished.c_str(), folder_fd, name.c_str()) != 0)
        done = fail_errno("rename");
    if (!done) (void)::unlinkat(folder_fd, unfinished.c_str(), 0);
    return done;
}

template <class Fits>
FoundSessions find_with(const std::string& folder, const std::string& prefix, std::string_view boot_id,
                        std::int64_t now, const Fits& fits) {
    FoundSessions found;
    if (folder.empty()) return found;
    const auto note = [&](const nsutil::Error& error) {
        if (found.notes.size() < kNotesMost) found.notes.push_back("session record ignored: " + error.text());
    };
    const auto fd = nsutil::open_root_folder(folder);
    if (!fd) {
        if (fd.error().code != ENOENT) note(fd.error());
        return found;
    }
    each_name(fd->get(), [&](const char* name) {
        if (!std::string_view(name).starts_with(prefix)) return true;
        auto record = read_record(fd->get(), name);
        if (!record) {
            if (record.error().code != ENOENT) note(record.error());
            return true;
        }
        const bool old = now > record->written && now - record->written > SessionStore::kAgeMost;
        if (!old && record->boot_id == boot_id && fits(record->key))
            found.sessions.push_back({std::move(*record), name});
        return found.sessions.size() < SessionStore::kRecordsMost;
    });
    std::ranges::stable_sort(found.sessions, [](const StoredSession& a, const StoredSession& b) {
        return a.record.written > b.record.written;
    });
    return found;
}

}  // namespace

Result<std::string> boot_id() {
    constexpr std::size_t kLimit = 64;
    auto text = nsutil::read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", kLimit);
    if (!text) return propagate(text);
    text->resize(std::min(text->find('\n'), text->size()));
    return text;
}

bool SessionStore::has_fresh(const SessionRecord& record, std::int64_t now) const {
    if (folder_.empty()) return true;
    const auto path = folder_ + "/" + file_name(record);
    auto stored = read_record(AT_FDCWD, path.c_str());
    if (!stored || now < stored->written || now - stored->written > kFresh) return false;
    if (record.anchor.tgid == 0) stored->anchor = {};
    stored->alive_ticks = record.alive_ticks;
    stored->written = record.written;
    return *stored == record;
}

Result<void> SessionStore::save(const SessionRecord& record) const {
    if (folder_.empty()) return {};
    const std::string text = print_session(record);
    if (text.size() > kSessionTextLimit) return fail(EFBIG, "session record too long");
    auto folder = nsutil::open_or_make_root_folder(folder_);
    if (!folder) return propagate(folder, "session record");
    const auto name = file_name(record);
    const bool is_new = ::faccessat(folder->get(), name.c_str(), F_OK, 0) != 0;
    auto done = replace_file(folder->get(), name, text);
    if (!done) return propagate(done, "session record in " + folder_);
    if (is_new) prune(folder->get());
    return {};
}

FoundSessions SessionStore::find(const SessionKey& key, std::string_view boot_id, std::int64_t now) const {
    return find_with(folder_, session_part(key), boot_id, now,
                     [&](const SessionKey& other) { return other.same_session(key); });
}

FoundSessions SessionStore::find_any_user(const SessionKey& key, std::string_view boot_id,
                                          std::int64_t now) const {
    return find_with(folder_, server_part(key), boot_id, now, [&](const SessionKey& other) {
        return other.host == key.host && other.user == key.user && other.from_mount == key.from_mount;
    });
}

void SessionStore::forget(const StoredSession& session) const {
    const auto folder = nsutil::open_root_folder(folder_);
    if (folder) (void)::unlinkat(folder->get(), session.file.c_str(), 0);
}

}  // namespace nsupcall
