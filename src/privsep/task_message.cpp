#include "privsep/task_message.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

#include "privsep/wire.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

constexpr std::uint32_t kTaskMagic = 0x6e737475;
constexpr std::size_t kTextMost = 4096;  ///< a path
constexpr std::size_t kTextsMost = 256, kGroupsMost = 8192;

/// Which descriptors come with the message, in this order.
enum Bit : std::uint32_t { kMount = 1, kNet = 2, kUser = 4, kRoot = 8, kEnviron = 16, kAllBits = 31 };

bool lives_in_this_process(const WorkerTask& task) {
    return task.profile != nullptr || task.examine != nullptr || !task.query.host_keytab.empty() ||
           !task.query.rule_keytab.empty() || !task.query.host_ccaches.empty() ||
           task.query.settings.gssproxy != GssProxyChoice::never;
}

/// WireWriter cuts texts that are too long; a task must not be cut.
class TaskWriter {
  public:
    template <class Number>
    void number(Number value) {
        wire_.number(value);
    }
    void text(const std::string& value) {
        whole_ = whole_ && value.size() <= kTextMost;
        wire_.text(value, kTextMost);
    }
    void texts(const std::vector<std::string>& values) {
        whole_ = whole_ && values.size() <= kTextsMost;
        number(static_cast<std::uint32_t>(values.size()));
        for (const auto& value : values) text(value);
    }
    void groups(const std::vector<gid_t>& values) {
        whole_ = whole_ && values.size() <= kGroupsMost;
        wire_.bytes(std::as_bytes(std::span(values)));
    }
    void bytes(std::span<const std::byte> value) { wire_.bytes(value); }
    [[nodiscard]] bool whole() const { return whole_; }
    nsutil::SecretBytes take() { return wire_.take(); }

  private:
    WireWriter wire_;
    bool whole_ = true;
};

class TaskReader {
  public:
    explicit TaskReader(std::span<const std::byte> message) : wire_(message) {}
    template <class Number>
    void number(Number& value) {
        value = wire_.number<Number>();
    }
    void flag(bool& value) {
        const auto number = wire_.number<std::uint32_t>();
        value = number == 1;
        sound_ = sound_ && number <= 1;
    }
    template <class Enum>
    void choice(Enum& value, Enum last) {
        const auto number = wire_.number<std::uint32_t>();
        sound_ = sound_ && number <= static_cast<std::uint32_t>(last);
        value = sound_ ? static_cast<Enum>(number) : Enum{};
    }
    void text(std::string& value) { value = wire_.text(kTextMost); }
    void texts(std::vector<std::string>& values) {
        const auto count = wire_.number<std::uint32_t>();
        sound_ = sound_ && count <= kTextsMost;
        values.clear();
        for (std::uint32_t at = 0; at < count && good(); ++at) values.push_back(wire_.text(kTextMost));
    }
    void groups(std::vector<gid_t>& values) {
        const auto data = wire_.bytes(kGroupsMost * sizeof(gid_t));
        sound_ = sound_ && data.size() % sizeof(gid_t) == 0;
        values.resize(data.size() / sizeof(gid_t));
        if (!values.empty()) std::memcpy(values.data(), data.data(), values.size() * sizeof(gid_t));
    }
    void bytes(nsutil::SecretBytes& value, std::size_t limit) {
        const auto data = wire_.bytes(limit);
        value.assign(data.begin(), data.end());
    }
    [[nodiscard]] bool good() const { return sound_ && wire_.good(); }
    [[nodiscard]] bool at_end() const { return sound_ && wire_.at_end(); }

  private:
    WireReader wire_;
    bool sound_ = true;
};

void write_settings(TaskWriter& writer, const Settings& settings) {
    writer.number(static_cast<std::uint32_t>(settings.sources.size()));
    for (const auto source : settings.sources) writer.number(static_cast<std::uint32_t>(source));
    writer.texts(settings.ccaches);
    writer.texts(settings.services);
    writer.text(settings.principal);
    writer.number(std::uint32_t{settings.keytab_first_entry});
    writer.number(std::uint32_t{settings.ticket_cache});
    writer.number(static_cast<std::uint32_t>(settings.network));
    writer.text(settings.rule);
}

void read_settings(TaskReader& reader, Settings& settings) {
    std::uint32_t sources = 0;
    reader.number(sources);
    settings.sources.clear();
    for (std::uint32_t at = 0; at < sources && reader.good(); ++at) {
        Source source{};
        reader.choice(source, Source::gssproxy);
        settings.sources.push_back(source);
    }
    reader.texts(settings.ccaches);
    reader.texts(settings.services);
    reader.text(settings.principal);
    reader.flag(settings.keytab_first_entry);
    reader.flag(settings.ticket_cache);
    reader.choice(settings.network, NetworkChoice::host);
    reader.text(settings.rule);
}

}  // namespace

Result<TaskMessage> encode_task(const WorkerTask& task, const WorkerTitle& title,
                                const nsutil::Deadline& deadline) {
    if (lives_in_this_process(task)) return fail(ENOTSUP, "the task is tied to this process");
    TaskMessage message;
    std::uint32_t present = 0;
    const auto handles = task.namespaces.handles();
    const std::pair<int, Bit> all[] = {{handles.mount, kMount},
                                       {handles.net, kNet},
                                       {handles.user, kUser},
                                       {handles.root, kRoot},
                                       {task.environ_dir, kEnviron}};
    for (const auto& [fd, bit] : all) {
        if (fd < 0) continue;
        present |= bit;
        message.descriptors.push_back(fd);
    }
    const auto& query = task.query;
    TaskWriter writer;
    writer.number(kTaskMagic);
    writer.number(present);
    writer.number(std::int64_t{deadline.end().time_since_epoch().count()});
    writer.text(title.name);
    writer.text(title.word);
    writer.number(task.host_uid);
    writer.number(task.inside_uid);
    writer.number(task.host_gid);
    writer.groups(task.host_groups);
    writer.number(static_cast<std::uint32_t>(task.security));
    writer.text(query.host);
    writer.text(query.address);
    writer.text(query.user);
    writer.text(query.container);
    writer.text(query.environment.note);
    writer.text(query.session_ccache);
    writer.bytes(query.kept_tickets);
    writer.number(std::uint32_t{query.trust_dns});
    write_settings(writer, query.settings);
    message.bytes = writer.take();
    if (!writer.whole() || message.bytes.size() > kTaskMessageLimit)
        return fail(ENOTSUP, "the task is too long for a message");
    return message;
}

Result<ReceivedTask> decode_task(std::span<const std::byte> message,
                                 std::vector<nsutil::UniqueFd> descriptors) {
    const auto bad = [](const char* what) {
        return fail(EPROTO, std::string("the task is malformed: ") + what);
    };
    TaskReader reader(message);
    std::uint32_t magic = 0;
    std::uint32_t present = 0;
    std::int64_t deadline_ns = 0;
    reader.number(magic);
    reader.number(present);
    reader.number(deadline_ns);
    if (magic != kTaskMagic) return bad("magic");
    if ((present & ~std::uint32_t{kAllBits}) != 0) return bad("descriptors");
    std::size_t next = 0;
    const auto take = [&](Bit bit) {
        if ((present & bit) == 0 || next >= descriptors.size()) {
            next += (present & bit) != 0 ? 1 : 0;
            return nsutil::UniqueFd();
        }
        return std::move(descriptors[next++]);
    };
    auto mount = take(kMount);
    auto net = take(kNet);
    auto user = take(kUser);
    auto root = take(kRoot);
    auto namespaces = std::make_unique<nsutil::NamespaceSet>(
        nsutil::NamespaceSet::adopt(std::move(mount), std::move(net), std::move(user), std::move(root)));
    const auto& entered = *namespaces;
    using Clock = nsutil::Deadline::Clock;
    ReceivedTask received{.namespaces = std::move(namespaces),
                          .environ_dir = take(kEnviron),
                          .title = {},
                          .deadline = nsutil::Deadline::at(Clock::time_point(Clock::duration(deadline_ns))),
                          .task = WorkerTask{.namespaces = entered}};
    // One too few, one too many, one that could not be passed: nobody knows then which is which.
    if (next != descriptors.size()) return bad("descriptors");
    auto& task = received.task;
    auto& query = task.query;
    task.environ_dir = received.environ_dir.get();
    reader.text(received.title.name);
    reader.text(received.title.word);
    reader.number(task.host_uid);
    reader.number(task.inside_uid);
    reader.number(task.host_gid);
    reader.groups(task.host_groups);
    reader.choice(task.security, Security::mskrb5);
    reader.text(query.host);
    reader.text(query.address);
    reader.text(query.user);
    reader.text(query.container);
    reader.text(query.environment.note);
    reader.text(query.session_ccache);
    reader.bytes(query.kept_tickets, kTicketsLimit);
    reader.flag(query.trust_dns);
    read_settings(reader, query.settings);
    if (!reader.at_end()) return bad("length");
    query.inside_uid = task.inside_uid;
    query.host_uid = task.host_uid;
    return received;
}

}  // namespace nsupcall
