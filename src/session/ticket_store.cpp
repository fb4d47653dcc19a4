#include "session/ticket_store.hpp"

#include <fcntl.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "session/living_place.hpp"
#include "session/name_hash.hpp"
#include "session/private_folder.hpp"
#include "session/session_store.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::propagate;
using nsutil::Result;
using nsutil::SecretBytes;

/// In front of a record's text, which is in front of the tickets. In the machine's byte order: the file does
/// not outlive its kernel.
struct Head {
    static constexpr std::uint64_t kMagic = 0x3174656b63697473;  // "stickets" and a version
    std::uint64_t magic = kMagic;
    std::int64_t expires = 0;
    std::uint32_t record_size = 0;
    std::uint32_t tickets_size = 0;
};
constexpr std::size_t kFileMost = sizeof(Head) + kSessionTextLimit + TicketStore::kBytesMost;

NameHash hash_of(const TicketKey& key) {
    NameHash hash;
    hash.number(key.of_host ? 1 : 0).number(key.host_uid).text(key.user).text(key.right);
    for (const auto& id : key.place.view.ids) hash.number(id.device).number(id.inode);
    hash.number(key.place.view.root_device).number(key.place.view.root_inode);
    const auto& serials = key.place.serials;
    hash.number(serials.mount).number(serials.net).number(serials.user);
    return hash;
}

/// Everything but what proves that the place is still the same one. A record's `host` holds the right, since
/// that is what it is about here; the fields that a record must have and tickets have not are filled with a
/// word.
SessionRecord record_of(const TicketKey& key, std::string boot) {
    SessionRecord record;
    record.key = {key.right, "tickets", key.user, key.host_uid, false};
    record.of_host = key.of_host;
    record.place = key.place;
    record.boot_id = std::move(boot);
    record.principal = "tickets";
    return record;
}

/// The place that `record` means is the one where the request comes from.
bool is_same_place(const SessionRecord& record, const TicketKey& key) {
    if (key.of_host) return true;  // the host lasts as long as the boot
    if (proves(record, key.place, key.witness.tgid, key.witness.start_ticks, key.host)) return true;
    const auto anchor = LivingProcess::open(record.anchor.tgid, key.host);
    return anchor && anchor->place.view == key.place.view &&
           proves(record, anchor->place, record.anchor.tgid, anchor->start_ticks, key.host);
}

Result<SecretBytes> take_apart(const SecretBytes& file, const TicketKey& key, const std::string& boot,
                               std::int64_t now) {
    Head head;
    if (file.size() < sizeof head) return fail(EINVAL, "kept tickets: too short");
    std::memcpy(&head, file.data(), sizeof head);
    if (head.magic != Head::kMagic || head.record_size > kSessionTextLimit ||
        head.tickets_size > TicketStore::kBytesMost ||
        file.size() != sizeof head + head.record_size + head.tickets_size)
        return fail(EINVAL, "kept tickets: malformed");
    auto record = parse_session(
        {reinterpret_cast<const char*>(file.data()) + sizeof head, std::size_t{head.record_size}});
    if (!record) return propagate(record, "kept tickets");
    // What identifies, field by field: names of files are hashes, which somebody could make collide.
    auto wanted = record_of(key, boot);
    wanted.anchor = record->anchor;
    wanted.alive_ticks = record->alive_ticks;
    wanted.written = record->written;
    // The container's name does not count: who entered it from the host is in a control group of the host.
    wanted.place.container = record->place.container;
    if (*record != wanted) return fail(EPERM, "kept tickets: they are of somebody or something else");
    const bool old = now < record->written || now - record->written > TicketStore::kAgeMost;
    if (old || head.expires < now + TicketStore::kLeastLife)
        return fail(EKEYEXPIRED, "kept tickets: expired");
    if (!is_same_place(*record, key))
        return fail(EPERM, "kept tickets: nothing proves that it is the same container");
    const auto* begin = file.data() + sizeof head + head.record_size;
    return SecretBytes(begin, begin + head.tickets_size);
}

}  // namespace

TicketStore TicketStore::beside(const std::string& sessions_folder) {
    const auto slash = sessions_folder.rfind('/');
    if (sessions_folder.empty() || slash == std::string::npos) return TicketStore("");
    return TicketStore(sessions_folder.substr(0, slash) + "/tickets");
}

Result<SecretBytes> TicketStore::find(const TicketKey& key, std::int64_t now) const {
    if (folder_.empty()) return fail(ENOENT, "no tickets are kept");
    auto folder = PrivateFolder::open(folder_);
    if (!folder) return propagate(folder, "kept tickets");
    auto boot = boot_id();
    if (!boot) return propagate(boot, "kept tickets");
    const auto name = hash_of(key).hex();
    auto file = folder->read_secret(name, kFileMost);
    if (!file) return propagate(file, "kept tickets");
    auto tickets = take_apart(*file, key, *boot, now);
    if (!tickets) folder->remove(name);
    return tickets;
}

Result<void> TicketStore::save(const TicketKey& key, const SecretBytes& tickets, std::int64_t expires,
                               std::int64_t now) const {
    if (folder_.empty()) return {};
    if (tickets.size() > kBytesMost) return fail(EFBIG, "tickets too long to be kept");
    auto boot = boot_id();
    if (!boot) return propagate(boot, "keep tickets");
    auto record = record_of(key, std::move(*boot));
    record.anchor = key.witness;
    record.alive_ticks = ticks_now();
    record.written = now;
    const auto text = print_session(record);
    if (text.size() > kSessionTextLimit) return fail(EFBIG, "tickets: their names are too long");
    const Head head{.expires = expires,
                    .record_size = static_cast<std::uint32_t>(text.size()),
                    .tickets_size = static_cast<std::uint32_t>(tickets.size())};
    SecretBytes file(sizeof head + text.size() + tickets.size());
    std::memcpy(file.data(), &head, sizeof head);
    std::memcpy(file.data() + sizeof head, text.data(), text.size());
    std::memcpy(file.data() + sizeof head + text.size(), tickets.data(), tickets.size());
    auto folder = PrivateFolder::open_or_make(folder_);
    if (!folder) return propagate(folder, "keep tickets");
    const auto name = hash_of(key).hex();
    const bool is_new = !folder->has(name);
    auto done = folder->replace(name, file);
    if (!done) return propagate(done, "keep tickets in " + folder_);
    if (is_new) folder->prune(kFilesMost);
    return {};
}

nsutil::UniqueFd TicketStore::lock(const TicketKey& key, const nsutil::Deadline& deadline) const {
    if (folder_.empty()) return {};
    auto folder = PrivateFolder::open_or_make(folder_);
    if (!folder) return {};
    // Beside the folder, in which old files are removed.
    nsutil::UniqueFd fd(
        ::open((folder_ + ".lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    if (!fd) return {};
    // One byte of one file stands for each key. The lock belongs to the open file: it ends with this process.
    struct flock range = {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(hash_of(key).value() >> 2U);
    range.l_len = 1;
    const auto patience = nsutil::Deadline::after(std::chrono::milliseconds(deadline.remaining_ms() / 2));
    constexpr auto kPause = std::chrono::milliseconds(5);
    while (::fcntl(fd.get(), F_OFD_SETLK, &range) != 0) {
        if (patience.passed() || (errno != EAGAIN && errno != EACCES && errno != EINTR)) return {};
        std::this_thread::sleep_for(kPause);
    }
    return fd;
}

}  // namespace nsupcall
