#include "session/session_store.hpp"

#include <fcntl.h>

#include <algorithm>

#include "nsutil/bounded_read.hpp"
#include "session/name_hash.hpp"
#include "session/private_folder.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::propagate;
using nsutil::Result;

constexpr std::size_t kNotesMost = 8;

/// The server and user= first, then whose session, then where: so prefixes serve as an index.
std::string server_part(const SessionKey& key) {
    return NameHash().text(key.host).text(key.user).number(key.from_mount ? 1 : 0).hex() + "-";
}

std::string session_part(const SessionKey& key) {
    return server_part(key) + std::to_string(key.creduid) + "-";
}

std::string file_name(const SessionRecord& record) {
    NameHash hash;
    hash.text(record.key.address).number(record.of_host ? 1 : 0).text(record.place.container);
    for (const auto& id : record.place.view.ids) hash.number(id.device).number(id.inode);
    hash.number(record.place.view.root_device).number(record.place.view.root_inode);
    const auto& serials = record.place.serials;
    hash.number(serials.mount).number(serials.net).number(serials.user);
    return session_part(record.key) + hash.hex();
}

Result<SessionRecord> read_record(const PrivateFolder& folder, const std::string& name) {
    auto text = folder.read(name, kSessionTextLimit);
    if (!text) return propagate(text);
    auto record = parse_session(*text);
    if (!record) return propagate(record, name);
    return record;
}

template <class Fits>
FoundSessions find_with(const std::string& folder, const std::string& prefix, std::string_view boot_id,
                        std::int64_t now, const Fits& fits) {
    FoundSessions found;
    if (folder.empty()) return found;
    const auto note = [&](const nsutil::Error& error) {
        if (found.notes.size() < kNotesMost) found.notes.push_back("session record ignored: " + error.text());
    };
    const auto opened = PrivateFolder::open(folder);
    if (!opened) {
        if (opened.error().code != ENOENT) note(opened.error());
        return found;
    }
    opened->each_name([&](const char* name) {
        if (!std::string_view(name).starts_with(prefix)) return true;
        auto record = read_record(*opened, name);
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
    auto folder = PrivateFolder::open(folder_);
    auto stored = folder ? read_record(*folder, file_name(record)) : Result<SessionRecord>(propagate(folder));
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
    auto folder = PrivateFolder::open_or_make(folder_);
    if (!folder) return propagate(folder, "session record");
    const auto name = file_name(record);
    const bool is_new = !folder->has(name);
    auto done = folder->replace(name, std::as_bytes(std::span(text)));
    if (!done) return propagate(done, "session record in " + folder_);
    if (is_new) folder->prune(kRecordsMost);
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

FoundSessions SessionStore::all(std::string_view boot_id, std::int64_t now) const {
    return find_with(folder_, "", boot_id, now, [](const SessionKey&) { return true; });
}

void SessionStore::forget(const StoredSession& session) const {
    const auto folder = PrivateFolder::open(folder_);
    if (folder) folder->remove(session.file);
}

}  // namespace nsupcall
