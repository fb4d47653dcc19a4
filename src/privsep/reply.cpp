#include "privsep/reply.hpp"

#include "keys/spnego_payload.hpp"
#include "privsep/wire.hpp"

namespace nsupcall {
namespace {

bool consistent(const Reply& reply) {
    if (reply.code < 0 || reply.code > kReplyErrnoMost) return false;
    const bool has_token = !reply.token.empty() && !reply.session_key.empty();
    const bool has_no_token = reply.token.empty() && reply.session_key.empty();
    const bool has_payload = !reply.payload.empty();
    if (!reply.tickets.empty() && !has_token) return false;
    if (reply.code == 0) return reply.end == WorkerEnd::answered && (has_payload ? has_no_token : has_token);
    return has_no_token && !has_payload;
}

}  // namespace

nsutil::SecretBytes encode_reply(const Reply& reply) {
    WireWriter writer;
    writer.number(kReplyMagic);
    writer.number(static_cast<std::uint32_t>(reply.end));
    writer.number(reply.code);
    writer.number(reply.forbidden_call);
    writer.text(reply.message);
    writer.bytes(reply.session_key);
    writer.bytes(reply.token);
    writer.bytes(reply.payload);
    writer.bytes(reply.tickets);
    writer.number(reply.tickets_expire);
    writer.text(reply.client);
    writer.text(reply.server);
    writer.number(reply.expires);
    const auto& candidates = reply.trace.candidates();
    writer.number(static_cast<std::uint32_t>(candidates.size()));
    writer.number(reply.trace.dropped());
    for (const auto& candidate : candidates) {
        writer.text(candidate.source);
        writer.text(candidate.name);
        writer.number(static_cast<std::uint32_t>(candidate.verdict));
        writer.text(candidate.principal);
        writer.number(candidate.expires);
        writer.text(candidate.detail);
    }
    return writer.take();
}

nsutil::Result<Reply> decode_reply(std::span<const std::byte> message) {
    const auto bad = [](const char* what) {
        return nsutil::fail(EPROTO, std::string("the worker's reply is malformed: ") + what);
    };
    if (message.size() > kReplyLimit) return bad("too long");
    WireReader reader(message);
    if (reader.number<std::uint32_t>() != kReplyMagic) return bad("magic");
    Reply reply;
    const auto end = reader.number<std::uint32_t>();
    if (end > static_cast<std::uint32_t>(WorkerEnd::forbidden_call)) return bad("end");
    reply.end = static_cast<WorkerEnd>(end);
    reply.code = reader.number<std::int32_t>();
    reply.forbidden_call = reader.number<std::uint32_t>();
    reply.message = reader.text();
    const auto key = reader.bytes(kSessionKeyLimit);
    reply.session_key.assign(key.begin(), key.end());
    const auto token = reader.bytes(kTokenLimit);
    reply.token.assign(token.begin(), token.end());
    const auto payload = reader.bytes(kPayloadLimit);
    reply.payload.assign(payload.begin(), payload.end());
    const auto tickets = reader.bytes(kTicketsLimit);
    reply.tickets.assign(tickets.begin(), tickets.end());
    reply.tickets_expire = reader.number<std::int64_t>();
    reply.client = reader.text();
    reply.server = reader.text();
    reply.expires = reader.number<std::int64_t>();
    const auto count = reader.number<std::uint32_t>();
    if (!reader.good() || count > Trace::kCandidatesMost) return bad("candidates");
    reply.trace.set_dropped(reader.number<std::uint32_t>());
    for (std::uint32_t at = 0; at < count && reader.good(); ++at) {
        Candidate candidate;
        candidate.source = reader.text();
        candidate.name = reader.text();
        const auto verdict = reader.number<std::uint32_t>();
        if (verdict >= kVerdicts) return bad("verdict");
        candidate.verdict = static_cast<Verdict>(verdict);
        candidate.principal = reader.text();
        candidate.expires = reader.number<std::int64_t>();
        candidate.detail = reader.text();
        reply.trace.add(std::move(candidate));
    }
    if (!reader.at_end()) return bad("length");
    if (!consistent(reply)) return bad("answer and errno do not fit together");
    return reply;
}

}  // namespace nsupcall
