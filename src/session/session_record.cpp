#include "session/session_record.hpp"

#include <array>
#include <optional>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

constexpr std::string_view kFirstLine = "nsupcall-session=1\n";
constexpr std::size_t kNameLimit = 4096;  // a ccache name may be a path
constexpr char kHex[] = "0123456789ABCDEF";

void put(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += '=';
    for (const char c : value.substr(0, kNameLimit)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > ' ' && byte < 0x7f && c != '%') {
            out += c;
        } else {
            out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
        }
    }
    out += '\n';
}

template <class Number>
void put_number(std::string& out, std::string_view name, Number value) {
    out += name;
    out += '=';
    out += std::to_string(value);
    out += '\n';
}

std::optional<unsigned> hex_digit(char c) {
    const auto at = std::string_view(kHex).find(c);
    if (at == std::string_view::npos) return std::nullopt;
    return static_cast<unsigned>(at);
}

/// Takes lines off a text, each of which must be the one expected.
class Lines {
  public:
    explicit Lines(std::string_view text) : rest_(text) {}

    std::string_view raw(std::string_view name) {
        const auto end = rest_.find('\n');
        if (!good_ || end == std::string_view::npos || !rest_.starts_with(name) ||
            rest_.size() <= name.size() || rest_[name.size()] != '=')
            return wrong();
        const auto value = rest_.substr(name.size() + 1, end - name.size() - 1);
        rest_.remove_prefix(end + 1);
        return value;
    }

    std::string text(std::string_view name) {
        auto value = raw(name);
        std::string out;
        while (good_ && !value.empty()) {
            const auto byte = static_cast<unsigned char>(value[0]);
            if (byte <= ' ' || byte >= 0x7f) {
                wrong();
            } else if (value[0] != '%') {
                out += value[0];
                value.remove_prefix(1);
            } else {
                const auto high = value.size() < 3 ? std::nullopt : hex_digit(value[1]);
                const auto low = value.size() < 3 ? std::nullopt : hex_digit(value[2]);
                if (!high || !low) {
                    wrong();
                    break;
                }
                out += static_cast<char>(*high << 4U | *low);
                value.remove_prefix(3);
            }
            if (out.size() > kNameLimit) wrong();
        }
        return out;
    }

    std::uint64_t number(std::string_view name, std::uint64_t most = UINT64_MAX) {
        const auto value = nsutil::parse_number<std::uint64_t>(raw(name));
        if (!value || *value > most) {
            wrong();
            return 0;
        }
        return *value;
    }

    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

  private:
    std::string_view wrong() {
        good_ = false;
        return {};
    }
    std::string_view rest_;
    bool good_ = true;
};

constexpr std::array<std::string_view, nsutil::kNamespaceKinds> kKinds = {"mnt", "net", "user", "pid"};

}  // namespace

SessionKey SessionKey::of(const SpnegoRequest& request) {
    return {request.host, request.address, request.user, request.creduid,
            request.target == UpcallTarget::mount};
}

bool SessionKey::same_session(const SessionKey& other) const {
    return host == other.host && user == other.user && creduid == other.creduid &&
           from_mount == other.from_mount;
}

std::string print_session(const SessionRecord& record) {
    std::string out(kFirstLine);
    put(out, "host", record.key.host);
    put(out, "address", record.key.address);
    put(out, "user", record.key.user);
    put_number(out, "creduid", record.key.creduid);
    put_number(out, "from_mount", record.key.from_mount ? 1 : 0);
    put_number(out, "of_host", record.of_host ? 1 : 0);
    for (std::size_t kind = 0; kind < nsutil::kNamespaceKinds; ++kind) {
        put_number(out, std::string(kKinds[kind]) + "_device", record.place.view.ids[kind].device);
        put_number(out, std::string(kKinds[kind]) + "_inode", record.place.view.ids[kind].inode);
    }
    put_number(out, "root_device", record.place.view.root_device);
    put_number(out, "root_inode", record.place.view.root_inode);
    put_number(out, "mnt_serial", record.place.serials.mount);
    put_number(out, "net_serial", record.place.serials.net);
    put_number(out, "user_serial", record.place.serials.user);
    put(out, "container", record.place.container);
    put_number(out, "anchor_tgid", record.anchor.tgid);
    put_number(out, "anchor_ticks", record.anchor.start_ticks);
    put_number(out, "alive_ticks", record.alive_ticks);
    put(out, "boot_id", record.boot_id);
    put(out, "principal", record.principal);
    put(out, "ccache", record.ccache);
    put_number(out, "written", record.written < 0 ? 0 : record.written);
    return out;
}

Result<SessionRecord> parse_session(std::string_view text) {
    if (text.size() > kSessionTextLimit) return fail(EFBIG, "session record too long");
    if (!text.starts_with(kFirstLine)) return fail(EINVAL, "not a session record of this version");
    Lines lines(text.substr(kFirstLine.size()));
    SessionRecord record;
    record.key.host = lines.text("host");
    record.key.address = lines.text("address");
    record.key.user = lines.text("user");
    record.key.creduid = static_cast<std::uint32_t>(lines.number("creduid", UINT32_MAX - 1));
    record.key.from_mount = lines.number("from_mount", 1) == 1;
    record.of_host = lines.number("of_host", 1) == 1;
    for (std::size_t kind = 0; kind < nsutil::kNamespaceKinds; ++kind) {
        record.place.view.ids[kind].device = lines.number(std::string(kKinds[kind]) + "_device");
        record.place.view.ids[kind].inode = lines.number(std::string(kKinds[kind]) + "_inode");
    }
    record.place.view.root_device = lines.number("root_device");
    record.place.view.root_inode = lines.number("root_inode");
    record.place.serials.mount = lines.number("mnt_serial");
    record.place.serials.net = lines.number("net_serial");
    record.place.serials.user = lines.number("user_serial");
    record.place.container = lines.text("container");
    record.anchor.tgid = static_cast<pid_t>(lines.number("anchor_tgid", INT32_MAX));
    record.anchor.start_ticks = lines.number("anchor_ticks");
    record.alive_ticks = lines.number("alive_ticks");
    record.boot_id = lines.text("boot_id");
    record.principal = lines.text("principal");
    record.ccache = lines.text("ccache");
    record.written = static_cast<std::int64_t>(lines.number("written", INT64_MAX));
    if (!lines.at_end()) return fail(EINVAL, "malformed session record");
    if (record.key.host.empty() || record.key.address.empty() || record.principal.empty() ||
        record.boot_id.empty())
        return fail(EINVAL, "session record that lacks its host, address, principal or boot");
    return record;
}

}  // namespace nsupcall
