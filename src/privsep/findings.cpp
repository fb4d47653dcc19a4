#include "privsep/findings.hpp"

#include <algorithm>

#include "privsep/wire.hpp"
#include "trace/trace.hpp"

namespace nsupcall {
namespace {

constexpr std::size_t kKdcTextMost = 256;  ///< bytes; a DNS name has 253 at most
constexpr std::uint32_t kModeMost = 0177777;

void write(WireWriter& writer, const ProbedKdc& kdc) {
    writer.text(kdc.realm, kKdcTextMost);
    writer.text(kdc.name, kKdcTextMost);
    writer.text(kdc.address, kKdcTextMost);
    writer.number(static_cast<std::uint32_t>(kdc.state));
    writer.text(kdc.detail, kKdcTextMost);
}

void write(WireWriter& writer, const CandidateFile& file) {
    writer.number(file.candidate);
    writer.number(file.inside_uid);
    writer.number(file.mode);
    writer.number(file.mount_id);
}

bool read(WireReader& reader, ProbedKdc& kdc) {
    kdc.realm = reader.text(kKdcTextMost);
    kdc.name = reader.text(kKdcTextMost);
    kdc.address = reader.text(kKdcTextMost);
    const auto state = reader.number<std::uint32_t>();
    if (state >= kKdcStates) return false;
    kdc.state = static_cast<KdcState>(state);
    kdc.detail = reader.text(kKdcTextMost);
    return reader.good();
}

bool read(WireReader& reader, CandidateFile& file) {
    file.candidate = reader.number<std::uint32_t>();
    file.inside_uid = reader.number<std::uint32_t>();
    file.mode = reader.number<std::uint32_t>();
    file.mount_id = reader.number<std::uint64_t>();
    return reader.good() && file.candidate < Trace::kCandidatesMost && file.mode <= kModeMost;
}

template <class Item>
void write_list(WireWriter& writer, const std::vector<Item>& items, std::size_t most) {
    const auto count = std::min(items.size(), most);
    writer.number(static_cast<std::uint32_t>(count));
    for (std::size_t at = 0; at < count; ++at) write(writer, items[at]);
}

template <class Item>
bool read_list(WireReader& reader, std::vector<Item>& items, std::size_t most) {
    const auto count = reader.number<std::uint32_t>();
    if (!reader.good() || count > most) return false;
    items.resize(count);
    return std::ranges::all_of(items, [&](Item& item) { return read(reader, item); });
}

}  // namespace

nsutil::SecretBytes encode_findings(const Findings& findings) {
    WireWriter writer;
    writer.number(findings.code);
    writer.text(findings.message);
    writer.text(findings.client);
    writer.text(findings.server);
    writer.number(findings.expires);
    writer.number(static_cast<std::uint32_t>(findings.has_ticket));
    writer.text(findings.default_realm);
    writer.text(findings.realm);
    write_list(writer, findings.kdcs, kFindingsKdcsMost);
    write_list(writer, findings.files, Trace::kCandidatesMost);
    return writer.take();
}

nsutil::Result<Findings> decode_findings(std::span<const std::byte> bytes) {
    WireReader reader(bytes);
    Findings findings;
    findings.code = reader.number<std::int32_t>();
    findings.message = reader.text();
    findings.client = reader.text();
    findings.server = reader.text();
    findings.expires = reader.number<std::int64_t>();
    const auto has_ticket = reader.number<std::uint32_t>();
    findings.has_ticket = has_ticket == 1;
    findings.default_realm = reader.text();
    findings.realm = reader.text();
    const bool lists = read_list(reader, findings.kdcs, kFindingsKdcsMost) &&
                       read_list(reader, findings.files, Trace::kCandidatesMost);
    if (!lists || !reader.at_end() || has_ticket > 1 || findings.code < 0 ||
        findings.code > kReplyErrnoMost || (findings.code == 0 && findings.client.empty()))
        return nsutil::fail(EPROTO, "the worker's findings are malformed");
    return findings;
}

}  // namespace nsupcall
