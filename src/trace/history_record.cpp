#include "trace/history_record.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace nsupcall {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kWordLimit = 64, kTextLimit = 256, kLongLimit = 1024;
constexpr std::size_t kNotesMost = 8;
constexpr std::string_view kCut = "...";

enum Flag : std::uint32_t { kForged = 1, kKernelThread = 2 };

class Writer {
  public:
    template <class Number>
    void number(Number value) {
        std::array<std::byte, sizeof value> bytes = {};
        std::memcpy(bytes.data(), &value, sizeof value);
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
    void text(std::string_view value, std::size_t limit) {
        const bool cut = value.size() > limit;
        if (cut) value = value.substr(0, limit - kCut.size());
        number(static_cast<std::uint16_t>(value.size() + (cut ? kCut.size() : 0)));
        append(value);
        if (cut) append(kCut);
    }
    void append(std::string_view bytes) {
        const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
        out_.insert(out_.end(), begin, begin + bytes.size());
    }
    void append(const std::vector<std::byte>& bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    void reserve(std::size_t bytes) { out_.reserve(bytes); }
    [[nodiscard]] std::size_t size() const { return out_.size(); }
    [[nodiscard]] std::vector<std::byte> take() { return std::move(out_); }

  private:
    std::vector<std::byte> out_;
};

class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

    template <class Number>
    Number number(Number most = std::numeric_limits<Number>::max()) {
        Number value = 0;
        if (rest_.size() < sizeof value) return wrong(), value;
        std::memcpy(&value, rest_.data(), sizeof value);
        rest_ = rest_.subspan(sizeof value);
        if (value > most) wrong();
        return value;
    }
    std::string text(std::size_t limit) {
        const auto size = number<std::uint16_t>();
        if (!good_ || size > limit || size > rest_.size()) return wrong(), std::string();
        std::string value(reinterpret_cast<const char*>(rest_.data()), size);
        rest_ = rest_.subspan(size);
        return value;
    }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }
    void wrong() {
        good_ = false;
        rest_ = {};
    }

  private:
    std::span<const std::byte> rest_;
    bool good_ = true;
};

std::vector<std::byte> encode_candidate(const Candidate& candidate) {
    Writer writer;
    writer.number(static_cast<std::uint8_t>(candidate.verdict));
    writer.number(candidate.expires);
    writer.text(candidate.source, kTextLimit);
    writer.text(candidate.name, kTextLimit);
    writer.text(candidate.principal, kTextLimit);
    writer.text(candidate.detail, kTextLimit);
    return writer.take();
}

Candidate decode_candidate(Reader& reader) {
    Candidate candidate;
    // The reader takes no higher number.
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange)
    candidate.verdict = static_cast<Verdict>(reader.number<std::uint8_t>(kVerdicts - 1));
    candidate.expires = reader.number<std::int64_t>();
    candidate.source = reader.text(kTextLimit);
    candidate.name = reader.text(kTextLimit);
    candidate.principal = reader.text(kTextLimit);
    candidate.detail = reader.text(kTextLimit);
    return candidate;
}

/// Puts in what fits, in order; room for the candidates that the answer rests on is kept from the start.
void encode_trace(Writer& writer, const Trace& trace) {
    constexpr std::size_t kCounts = sizeof(std::uint8_t) + sizeof(std::uint32_t);
    std::size_t room = kHistoryRecordLimit - writer.size() - kCounts;
    const auto& all = trace.candidates();
    std::vector<std::vector<std::byte>> encoded(all.size());
    std::vector<bool> kept(all.size());
    for (const bool used : {true, false}) {
        for (std::size_t at = 0; at < all.size(); ++at) {
            if ((all[at].verdict == Verdict::used) != used) continue;
            encoded[at] = encode_candidate(all[at]);
            kept[at] = encoded[at].size() <= room;
            if (kept[at]) room -= encoded[at].size();
        }
    }
    const auto count = static_cast<std::size_t>(std::ranges::count(kept, true));
    writer.number(static_cast<std::uint32_t>(trace.dropped() + (all.size() - count)));
    writer.number(static_cast<std::uint8_t>(count));
    for (std::size_t at = 0; at < all.size(); ++at)
        if (kept[at]) writer.append(encoded[at]);
}

void encode_requester(Writer& writer, const HistoryRequester& requester) {
    writer.number(requester.tid);
    writer.number(requester.tgid);
    writer.number(requester.uid);
    writer.text(requester.comm, kWordLimit);
    writer.text(requester.container, kTextLimit);
    writer.number(requester.mount_namespace);
    writer.number(requester.net_namespace);
    writer.number(requester.user_namespace);
    writer.number(requester.pid_namespace);
}

HistoryRequester decode_requester(Reader& reader) {
    HistoryRequester requester;
    requester.tid = reader.number<pid_t>();
    requester.tgid = reader.number<pid_t>();
    requester.uid = reader.number<std::uint32_t>();
    requester.comm = reader.text(kWordLimit);
    requester.container = reader.text(kTextLimit);
    requester.mount_namespace = reader.number<std::uint64_t>();
    requester.net_namespace = reader.number<std::uint64_t>();
    requester.user_namespace = reader.number<std::uint64_t>();
    requester.pid_namespace = reader.number<std::uint64_t>();
    return requester;
}

}  // namespace

std::vector<std::byte> encode_history(const HistoryRecord& record) {
    Writer writer;
    writer.reserve(kHistoryRecordLimit);
    writer.number(kVersion);
    writer.number((record.forged ? kForged : 0U) | (record.requester.kernel_thread ? kKernelThread : 0U));
    writer.number(record.sequence);
    writer.number(record.time_us);
    writer.number(record.duration_us);
    writer.number(record.code);
    writer.number(record.creduid);
    writer.number(record.expires);
    writer.text(record.program, kWordLimit);
    writer.text(record.call, kWordLimit);
    writer.text(record.description, kLongLimit);
    writer.text(record.message, kLongLimit);
    writer.text(record.host, kTextLimit);
    writer.text(record.address, kWordLimit);
    writer.text(record.user, kTextLimit);
    encode_requester(writer, record.requester);
    writer.text(record.whose, kTextLimit);
    writer.text(record.place_container, kTextLimit);
    writer.text(record.rule, kTextLimit);
    writer.text(record.principal, kTextLimit);
    writer.text(record.server, kTextLimit);
    writer.text(record.answer, kTextLimit);
    const auto notes = std::min(record.notes.size(), kNotesMost);
    writer.number(static_cast<std::uint8_t>(notes));
    for (std::size_t at = 0; at < notes; ++at) writer.text(record.notes[at], kTextLimit);
    encode_trace(writer, record.trace);
    return writer.take();
}

nsutil::Result<HistoryRecord> decode_history(std::span<const std::byte> bytes) {
    if (bytes.size() > kHistoryRecordLimit) return nsutil::fail(EPROTO, "history record too long");
    Reader reader(bytes);
    if (reader.number<std::uint32_t>() != kVersion)
        return nsutil::fail(EPROTO, "history record of another version");
    HistoryRecord record;
    const auto flags = reader.number<std::uint32_t>(kForged | kKernelThread);
    record.forged = (flags & kForged) != 0;
    record.sequence = reader.number<std::uint64_t>();
    record.time_us = reader.number<std::int64_t>();
    record.duration_us = reader.number<std::uint64_t>();
    record.code = reader.number<std::int32_t>();
    record.creduid = reader.number<std::uint32_t>();
    record.expires = reader.number<std::int64_t>();
    record.program = reader.text(kWordLimit);
    record.call = reader.text(kWordLimit);
    record.description = reader.text(kLongLimit);
    record.message = reader.text(kLongLimit);
    record.host = reader.text(kTextLimit);
    record.address = reader.text(kWordLimit);
    record.user = reader.text(kTextLimit);
    record.requester = decode_requester(reader);
    record.requester.kernel_thread = (flags & kKernelThread) != 0;
    record.whose = reader.text(kTextLimit);
    record.place_container = reader.text(kTextLimit);
    record.rule = reader.text(kTextLimit);
    record.principal = reader.text(kTextLimit);
    record.server = reader.text(kTextLimit);
    record.answer = reader.text(kTextLimit);
    const auto notes = reader.number<std::uint8_t>(kNotesMost);
    for (unsigned at = 0; reader.good() && at < notes; ++at) record.notes.push_back(reader.text(kTextLimit));
    record.trace.set_dropped(reader.number<std::uint32_t>());
    const auto candidates = reader.number<std::uint8_t>(Trace::kCandidatesMost);
    for (unsigned at = 0; reader.good() && at < candidates; ++at) record.trace.add(decode_candidate(reader));
    if (!reader.at_end()) return nsutil::fail(EPROTO, "malformed history record");
    return record;
}

}  // namespace nsupcall
