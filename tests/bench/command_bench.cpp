/// @file
/// What the administrator's command costs on a full host: 1,000 containers, each with a control group, a
/// mount namespace, five processes, and a user of its own who has a ticket.
///
///   command_bench [--map-ms=1000] [--explain-ms=50] [--containers=1000] [--processes=5000]
///
/// Runs `nsupcall map` and all forms of `nsupcall explain`, among them the search of `explain --mount`
/// through the mount namespaces of all containers, which there is only where the host itself has no mount
/// there. Fails where the fastest of some runs is slower than allowed, or where one did not find what is
/// there. The fastest counts, and a slow one is tried again, since everything else on the machine can only
/// add to it. A machine that is slower than most (machine_pace.hpp) is given time in proportion.

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "../admin/made_ccache.hpp"
#include "control_groups.hpp"
#include "crowd.hpp"
#include "machine_pace.hpp"
#include "support/key_request.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::test;
using Clock = std::chrono::steady_clock;

constexpr int kFirstUid = 1'100'000;

struct Settings {
    double map_ms = 1000, explain_ms = 50;
    int containers = 1000, processes = 5000;
};

Settings parse(int argc, char** argv) {
    Settings settings;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const double value = std::atof(word.substr(std::min(word.find('=') + 1, word.size())).data());
        if (word.starts_with("--map-ms=")) settings.map_ms = value;
        if (word.starts_with("--explain-ms=")) settings.explain_ms = value;
        if (word.starts_with("--containers=")) settings.containers = static_cast<int>(value);
        if (word.starts_with("--processes=")) settings.processes = static_cast<int>(value);
    }
    return settings;
}

/// The commands come before all else that the machine has to do; where that may not be, they take their
/// chances.
void be_alone() {
    const sched_param first = {.sched_priority = 1};
    (void)::sched_setscheduler(0, SCHED_RR, &first);
}

/// A port of the loopback device where the kernel takes connections, and nobody speaks.
std::uint16_t listen_somewhere() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    constexpr int kWaiting = 1024;
    if (fd < 0 || ::bind(fd, any, size) != 0 || ::listen(fd, kWaiting) != 0 ||
        ::getsockname(fd, any, &size) != 0)
        return 0;
    return ntohs(address.sin_port);
}

/// A control group, an /etc whose krb5.conf names a KDC, a /tmp with a ticket, and a user.
bool furnish(const ControlGroups& groups, const std::string& ccache, std::uint16_t kdc_port, int number) {
    const auto uid = static_cast<uid_t>(kFirstUid + number);
    if (!groups.enter(number) || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", "/etc", "tmpfs", 0, "size=64k,mode=755") != 0)
        return false;
    std::ofstream("/etc/krb5.conf") << "[libdefaults]\n default_realm = LAB.TEST\n[realms]\n LAB.TEST = {\n"
                                    << "  kdc = 127.0.0.1:" << kdc_port << "\n }\n";
    if (::mount("tmpfs", "/tmp", "tmpfs", 0, "size=64k,mode=1777") != 0 || ::setresgid(uid, uid, uid) != 0 ||
        ::setresuid(uid, uid, uid) != 0)
        return false;
    (void)::prctl(PR_SET_DUMPABLE, 1);
    std::ofstream file(fmt::format("/tmp/krb5cc_{}", uid), std::ios::binary);
    return static_cast<bool>(file << ccache << std::flush);
}

/// How many of the crowd's users have a valid ticket in the map, in a place that is named after its control
/// group.
int tickets_in(const std::string& json, const Settings& settings) {
    int found = 0;
    const auto document = nlohmann::json::parse(json, nullptr, false);
    if (!document.is_object()) return -1;
    for (const auto& place : document["places"])
        for (const auto& user : place["users"]) {
            const int number = user["uid"].get<int>() - kFirstUid;
            if (number < 0 || number >= settings.containers || place["container"].is_null() ||
                place["container"]["id"] != ControlGroups::id_of(number))
                continue;
            for (const auto& credential : user["credentials"])
                found += credential["state"] == "valid" ? 1 : 0;
        }
    return found;
}

/// One command line, how long it may take, and what it must come to.
struct Task {
    const char* name;
    std::vector<std::string> argv;
    double most_ms;
    int exit_code;
    std::function<bool(const std::string&)> is_right;
};

/// @return whether it was fast enough and right
bool measure(const Task& task) {
    constexpr int kRunsLeast = 3, kRunsMost = 25;
    double fastest_ms = 1e9;
    int run = 0;
    while (run < kRunsLeast || (run < kRunsMost && fastest_ms >= task.most_ms)) {
        const auto begin = Clock::now();
        const auto finished = run_program({.argv = task.argv});
        const double took = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
        if (!finished || finished->exit_code != task.exit_code || !task.is_right(finished->output)) {
            fmt::print(stderr, "command_bench: {}: {}\n", task.name,
                       finished ? finished->output.substr(0, 2000) : finished.error().text());
            return false;
        }
        fastest_ms = std::min(fastest_ms, took);
        ++run;
    }
    fmt::print("{:<22} {:>6.1f} ms, the fastest of {} runs; at most {:.0f} ms\n", task.name, fastest_ms, run,
               task.most_ms);
    return fastest_ms < task.most_ms;
}

/// What a process with an SMB mount has in /proc. (Real ones: tests/vm.)
class MountFiles {
  public:
    explicit MountFiles(uid_t uid) {
        must(write_file(table(), fmt::format("1 0 8:1 / / rw - ext4 /dev/root rw\n"
                                             "2 1 0:99 / /data rw - cifs //fs.lab.test/data "
                                             "rw,sec=krb5,cruid={0},uid={0}\n",
                                             uid)));
        must(write_file(statistics(),
                        "device /dev/root mounted on / with fstype ext4\n"
                        "device //fs.lab.test/data mounted on /data with fstype cifs\n"));
    }
    [[nodiscard]] std::string table() const { return (folder_.path() / "mountinfo").string(); }
    [[nodiscard]] std::string statistics() const { return (folder_.path() / "mountstats").string(); }

  private:
    TempDir folder_ = must(TempDir::create());
};

/// Shows them as those of a process, in the mount namespace of this one.
class ShownAs {
  public:
    ShownAs(const MountFiles& files, pid_t process) : folder_(fmt::format("/proc/{}/", process)) {
        good_ = ::mount(files.table().c_str(), at("mountinfo").c_str(), nullptr, MS_BIND, nullptr) == 0 &&
                ::mount(files.statistics().c_str(), at("mountstats").c_str(), nullptr, MS_BIND, nullptr) == 0;
    }
    ShownAs(const ShownAs&) = delete;
    ShownAs& operator=(const ShownAs&) = delete;
    ~ShownAs() {
        for (const char* name : {"mountinfo", "mountstats"}) (void)::umount2(at(name).c_str(), MNT_DETACH);
    }
    [[nodiscard]] bool good() const { return good_; }

  private:
    [[nodiscard]] std::string at(const char* name) const { return folder_ + name; }

    std::string folder_;
    bool good_ = false;
};

/// The command with a mount table as its own.
std::vector<std::string> with_mount(const MountFiles& files, const std::vector<std::string>& command) {
    std::vector<std::string> argv = {
        "unshare",    "--mount", "sh", "-c", "mount --bind \"$0\" /proc/$$/mountinfo && exec \"$@\"",
        files.table()};
    argv.insert(argv.end(), command.begin(), command.end());
    return argv;
}

/// A request as a key, for as long as this is there.
class RequestKey {
  public:
    RequestKey(pid_t requester, uid_t uid) {
        UpcallFields fields;
        fields.host = "fs.lab.test";
        fields.pid = requester;
        fields.uid = fields.creduid = uid;
        const auto made =
            must(run_checked({.argv = {"keyctl", "add", "user", fields.description(), "x", "@u"}}));
        serial_ = made.substr(0, made.find('\n'));
    }
    RequestKey(const RequestKey&) = delete;
    RequestKey& operator=(const RequestKey&) = delete;
    ~RequestKey() { (void)run_program({.argv = {"keyctl", "unlink", serial_, "@u"}}); }
    [[nodiscard]] const std::string& serial() const { return serial_; }

  private:
    std::string serial_;
};

bool measure_all(const Settings& settings, pid_t last) {
    const auto id = ControlGroups::id_of(settings.containers - 1);
    const auto uid = static_cast<uid_t>(kFirstUid + settings.containers - 1);
    const MountFiles files(uid);
    const RequestKey key(last, uid);
    const auto finds_ticket = [](const std::string& output) {
        return output.find("would succeed as alice@LAB.TEST") != std::string::npos;
    };
    const auto explain = [](std::vector<std::string> words) {
        words.insert(words.begin(), {NSUPCALL_COMMAND_PATH, "explain", "--config=/nonexistent",
                                     "--session-dir=/nonexistent"});
        return words;
    };
    const auto most_ms = settings.explain_ms;
    const std::array tasks = {
        Task{"map",
             {NSUPCALL_COMMAND_PATH, "map", "--json", "--session-dir=/nonexistent", "--within=60000"},
             settings.map_ms,
             0,
             [&](const std::string& output) { return tickets_in(output, settings) == settings.containers; }},
        Task{"explain --pid", explain({"--pid", std::to_string(last), "--host=fs.lab.test"}), most_ms, 0,
             finds_ticket},
        Task{"explain --container", explain({"--container", id.substr(0, 12), "--host=fs.lab.test"}), most_ms,
             0, finds_ticket},
        Task{"explain --pod", explain({"--pod", ControlGroups::kPodUid, "--host=fs.lab.test"}), most_ms, 0,
             finds_ticket},
        Task{"explain --key", explain({"--key", key.serial()}), most_ms, 0, finds_ticket},
        // As the host has it: nobody there has a ticket.
        Task{"explain --mount", with_mount(files, explain({"--mount", "/data"})), most_ms, 1,
             [](const std::string& output) {
                 return output.find("(server: mount /data)") != std::string::npos;
             }}};
    bool good = true;
    for (const auto& task : tasks) good = measure(task) && good;
    const ShownAs shown(files, last);
    return shown.good() &&
           measure({"explain --mount, search", explain({"--mount", "/data"}), most_ms, 0, finds_ticket}) &&
           good;
}

}  // namespace

int main(int argc, char** argv) {
    constexpr int kSkip = 77;
    auto settings = parse(argc, argv);
    if (::geteuid() != 0) return fmt::print(stderr, "command_bench: must be root\n"), kSkip;
    (void)::signal(SIGPIPE, SIG_IGN);  // control groups must not stay behind
    const ControlGroups groups(settings.containers);
    if (!groups.complete()) return fmt::print(stderr, "command_bench: cannot make control groups\n"), 1;
    const auto ccache = made_ccache("alice", 36000);
    const auto kdc_port = listen_somewhere();
    const Crowd crowd(settings.containers, settings.processes / settings.containers,
                      [&](int number) { return furnish(groups, ccache, kdc_port, number); });
    if (!crowd.complete()) return fmt::print(stderr, "command_bench: cannot start so many processes\n"), 1;
    be_alone();
    const double basket = basket_ms();
    settings.map_ms *= allowance(basket);
    settings.explain_ms *= allowance(basket);
    fmt::print("the machine's own basket takes {:.0f} ms: {:.2f} times the limits\n", basket,
               allowance(basket));
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return fmt::print(stderr, "command_bench: cannot have a mount namespace\n"), 1;
    return measure_all(settings, crowd.last()) ? 0 : 1;
}
