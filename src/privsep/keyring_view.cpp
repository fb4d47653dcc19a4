#include "privsep/keyring_view.hpp"

#include <keyutils.h>

#include <algorithm>
#include <cstring>

#include "keys/key_service.hpp"
#include "keys/keyring_reading.hpp"
#include "privsep/sealed_job.hpp"
#include "privsep/wire.hpp"

namespace nsupcall {
namespace {

using nsutil::propagate;
using nsutil::Result;

KeyringView look_at(const char* name, KeySerial special) {
    KeyringView view{name, {}, {}, {}};
    const auto serial = find_keyring(special);
    if (!serial) {
        view.problem = serial.error().code == ENOKEY ? "there is none" : ::strerror(serial.error().code);
        return view;
    }
    auto description = describe_key(*serial);
    if (!description) {
        view.problem = ::strerror(description.error().code);
        return view;
    }
    view.description = std::move(*description);
    const auto keys = keyring_contents(*serial, kKeysMost);
    if (!keys) {
        view.problem = std::string("what is in it cannot be read: ") + ::strerror(keys.error().code);
        return view;
    }
    for (const auto key : *keys)
        if (auto text = describe_key(key)) view.keys.push_back(std::move(*text));
    return view;
}

}  // namespace

Result<std::vector<KeyringView>> look_at_keyrings(const Requester& requester, std::uint32_t host_uid,
                                                  const nsutil::Deadline& deadline) {
    auto identity = SealedIdentity::user(host_uid, requester, requester.namespaces);
    if (!identity) return propagate(identity);
    const SealedJob job = {.namespaces = requester.namespaces,
                           .identity = std::move(*identity),
                           .prepare = {},
                           .work = [](Reply& reply) -> Result<void> {
                               reply.payload =
                                   encode_keyrings({look_at("user", KEY_SPEC_USER_KEYRING),
                                                    look_at("user session", KEY_SPEC_USER_SESSION_KEYRING)});
                               return {};
                           }};
    const auto reply = run_sealed(job, deadline);
    if (reply.code != 0) return nsutil::fail(reply.code, reply.message);
    return decode_keyrings(reply.payload);
}

nsutil::SecretBytes encode_keyrings(const std::vector<KeyringView>& keyrings) {
    WireWriter writer;
    const auto count = std::min(keyrings.size(), kKeyringsMost);
    writer.number(static_cast<std::uint32_t>(count));
    for (std::size_t at = 0; at < count; ++at) {
        const auto& view = keyrings[at];
        writer.text(view.name);
        writer.text(view.problem);
        writer.text(view.description);
        const auto keys = std::min(view.keys.size(), kKeysMost);
        writer.number(static_cast<std::uint32_t>(keys));
        for (std::size_t key = 0; key < keys; ++key) writer.text(view.keys[key], kKeyTextMost);
    }
    return writer.take();
}

Result<std::vector<KeyringView>> decode_keyrings(std::span<const std::byte> bytes) {
    const auto bad = [] { return nsutil::fail(EPROTO, "the worker's keyrings are malformed"); };
    WireReader reader(bytes);
    const auto count = reader.number<std::uint32_t>();
    if (count > kKeyringsMost) return bad();
    std::vector<KeyringView> keyrings(count);
    for (auto& view : keyrings) {
        view.name = reader.text();
        view.problem = reader.text();
        view.description = reader.text();
        const auto keys = reader.number<std::uint32_t>();
        if (!reader.good() || keys > kKeysMost) return bad();
        for (std::uint32_t key = 0; key < keys; ++key) view.keys.push_back(reader.text(kKeyTextMost));
    }
    if (!reader.at_end()) return bad();
    return keyrings;
}

}  // namespace nsupcall
