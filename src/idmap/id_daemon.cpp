#include "idmap/id_daemon.hpp"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;
using Answer = Result<std::optional<IdOrSid>>;

template <class Function>
bool find(void* library, const char* name, Function*& function) {
    function = reinterpret_cast<Function*>(::dlsym(library, name));
    return function != nullptr;
}

bool exists(const char* path) {
    struct stat info = {};
    return ::stat(path, &info) == 0;
}

/// libwbclient, by its documented interface (wbclient.h, 0.9 and later).
class Winbind final : public IdDaemon {
  public:
    struct DomainSid {
        std::uint8_t revision, count;
        std::uint8_t authority[6];
        std::uint32_t subs[Sid::kSubMost];  ///< in the machine's byte order
    };

    bool load(void* library) {
        return find(library, "wbcSidToUid", sid_to_uid_) && find(library, "wbcSidToGid", sid_to_gid_) &&
               find(library, "wbcUidToSid", uid_to_sid_) && find(library, "wbcGidToSid", gid_to_sid_);
    }

    Answer ask(const IdQuestion& question) override {
        if (!exists("/run/samba/winbindd/pipe") && !exists("/var/run/samba/winbindd/pipe"))
            return fail(ENOENT, "no winbind here");
        const bool user = question.kind == IdKind::user;
        if (question.wants_id()) {
            const auto sid = pack(question.sid());
            std::uint32_t id = kNoId;
            const int error = (user ? sid_to_uid_ : sid_to_gid_)(&sid, &id);
            if (error != 0) return without_answer(error);
            if (id == kNoId) return std::nullopt;
            return IdOrSid(id);
        }
        DomainSid sid = {};
        const int error = (user ? uid_to_sid_ : gid_to_sid_)(question.id(), &sid);
        if (error != 0) return without_answer(error);
        if (sid.revision != 1 || sid.count == 0 || sid.count > Sid::kSubMost)
            return fail(EPROTO, "winbind answered with no SID");
        std::uint64_t authority = 0;
        for (const auto byte : sid.authority) authority = (authority << 8U) | byte;
        return IdOrSid(Sid(authority, std::span(sid.subs).first(sid.count)));
    }

  private:
    static DomainSid pack(const Sid& sid) {
        DomainSid packed = {1, static_cast<std::uint8_t>(sid.subs().size()), {}, {}};
        for (unsigned at = 0; at < 6; ++at)
            packed.authority[at] = static_cast<std::uint8_t>(sid.authority() >> (40 - 8 * at));
        std::ranges::copy(sid.subs(), packed.subs);
        return packed;
    }

    /// What the numbers of wbcErr mean that are no success.
    static Answer without_answer(int error) {
        constexpr int kUnknownFailure = 2, kInvalidSid = 4, kDomainNotFound = 7, kUnknownUser = 11,
                      kUnknownGroup = 12;
        switch (error) {
            case kUnknownFailure:  // what winbind says of an id or a RID that nobody has
            case kInvalidSid:
            case kDomainNotFound:
            case kUnknownUser:
            case kUnknownGroup:
                return std::nullopt;
            default:
                return fail(EHOSTUNREACH, "winbind does not answer (wbcErr " + std::to_string(error) + ")");
        }
    }

    int (*sid_to_uid_)(const DomainSid*, std::uint32_t*) = nullptr;
    int (*sid_to_gid_)(const DomainSid*, std::uint32_t*) = nullptr;
    int (*uid_to_sid_)(std::uint32_t, DomainSid*) = nullptr;
    int (*gid_to_sid_)(std::uint32_t, DomainSid*) = nullptr;
};

/// libsss_nss_idmap, by its documented interface (sss_nss_idmap.h, 0.5 and later).
class Sssd final : public IdDaemon {
  public:
    bool load(void* library) {
        return find(library, "sss_nss_getidbysid", id_by_sid_) &&
               find(library, "sss_nss_getsidbyuid", sid_by_uid_) &&
               find(library, "sss_nss_getsidbygid", sid_by_gid_);
    }

    Answer ask(const IdQuestion& question) override {
        if (!exists("/var/lib/sss/pipes/nss")) return fail(ENOENT, "no SSSD here");
        constexpr int kUser = 1, kGroup = 2, kBoth = 3;
        const bool user = question.kind == IdKind::user;
        int type = 0;
        if (question.wants_id()) {
            std::uint32_t id = kNoId;
            if (const int error = id_by_sid_(question.sid().text().c_str(), &id, &type); error != 0)
                return without_answer(error);
            if (id == kNoId || (type != kBoth && type != (user ? kUser : kGroup))) return std::nullopt;
            return IdOrSid(id);
        }
        char* raw = nullptr;
        const int error = (user ? sid_by_uid_ : sid_by_gid_)(question.id(), &raw, &type);
        const std::unique_ptr<char, decltype(&std::free)> text(raw, &std::free);
        if (error != 0) return without_answer(error);
        const auto sid = Sid::parse(text ? std::string_view(text.get()) : std::string_view());
        if (!sid) return fail(EPROTO, "SSSD answered with no SID");
        return IdOrSid(*sid);
    }

  private:
    static Answer without_answer(int error) {
        // EINVAL: an id or SID of no domain that SSSD serves.
        if (error == ENOENT || error == EINVAL) return std::nullopt;
        return fail(EHOSTUNREACH, std::string("SSSD does not answer: ") + ::strerror(error));
    }

    int (*id_by_sid_)(const char*, std::uint32_t*, int*) = nullptr;
    int (*sid_by_uid_)(std::uint32_t, char**, int*) = nullptr;
    int (*sid_by_gid_)(std::uint32_t, char**, int*) = nullptr;
};

/// The library stays open: its functions are called until the process ends.
template <class Daemon>
Result<std::unique_ptr<IdDaemon>> open_library(const char* name) {
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    auto daemon = std::make_unique<Daemon>();
    if (library == nullptr || !daemon->load(library))
        return fail(ENOENT, std::string(name) + " is not installed");
    return daemon;
}

}  // namespace

Result<std::unique_ptr<IdDaemon>> IdDaemon::open_winbind() {
    return open_library<Winbind>("libwbclient.so.0");
}

Result<std::unique_ptr<IdDaemon>> IdDaemon::open_sssd() {
    return open_library<Sssd>("libsss_nss_idmap.so.0");
}

}  // namespace nsupcall
