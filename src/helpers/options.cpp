#include "helpers/options.hpp"

#include <getopt.h>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

enum LongOnly : int {
    kKrb5 = 256,
    kThreadKeyring,
    kTestType,
    kTestOrigin,
    kDeadline,
    kJson,
    kSources,
    kMapFile,
    kLogon,
    kLogonFile,
    kSessionDir,
    kHistoryDir,
    kConfig,
    kEngine,
    kStarted
};

constexpr const char* kShort = ":cdEe:hk:K:ltv";
constexpr option kLong[] = {{"trust-dns", no_argument, nullptr, 't'},
                            {"legacy-uid", no_argument, nullptr, 'l'},
                            {"krb5conf", required_argument, nullptr, 'k'},
                            {"keytab", required_argument, nullptr, 'K'},
                            {"no-env-probe", no_argument, nullptr, 'E'},
                            {"expire", required_argument, nullptr, 'e'},
                            {"debug", no_argument, nullptr, 'd'},
                            {"version", no_argument, nullptr, 'v'},
                            {"help", no_argument, nullptr, 'h'},
                            {"krb5", no_argument, nullptr, kKrb5},
                            {"thread-keyring", required_argument, nullptr, kThreadKeyring},
                            {"test-type", required_argument, nullptr, kTestType},
                            {"test-origin", no_argument, nullptr, kTestOrigin},
                            {"deadline", required_argument, nullptr, kDeadline},
                            {"session-dir", required_argument, nullptr, kSessionDir},
                            {"history-dir", required_argument, nullptr, kHistoryDir},
                            {"config", required_argument, nullptr, kConfig},
                            {"engine", required_argument, nullptr, kEngine},
                            {"started", required_argument, nullptr, kStarted},
                            {"json", no_argument, nullptr, kJson},
                            {"sources", required_argument, nullptr, kSources},
                            {"map-file", required_argument, nullptr, kMapFile},
                            {"logon", no_argument, nullptr, kLogon},
                            {"logon-file", required_argument, nullptr, kLogonFile},
                            {nullptr, 0, nullptr, 0}};

std::optional<KeySerial> parse_serial(std::string_view text) {
    const auto number = nsutil::parse_number<std::uint32_t>(text);
    if (!number || *number > 0x7fffffffU) return std::nullopt;
    return static_cast<KeySerial>(*number);
}

}  // namespace

nsutil::Result<HelperOptions> HelperOptions::parse(int argc, char** argv, KeySerial& key) {
    using nsutil::fail;
    HelperOptions options;
    std::optional<std::string> session_folder, history_folder;
    bool own_files = false;  // --logon-file replaces the default places, however often it is given
    // request-key's rules put the key last.
    if (argc > 1) key = parse_serial(argv[argc - 1]).value_or(0);

    ::opterr = 0;
    ::optind = 0;  // glibc's word for "from the beginning": 1 keeps a pointer into the last command line
    for (int choice = 0; (choice = ::getopt_long(argc, argv, kShort, kLong, nullptr)) != -1;) {
        switch (choice) {
            case 't':
                options.spnego.trust_dns = true;
                break;
            case 'l':
                options.spnego.legacy_uid = true;
                break;
            case 'k':
                options.spnego.krb5_conf = ::optarg;
                break;
            case 'K':
                options.spnego.keytab = ::optarg;
                break;
            case 'E':
                options.spnego.probe_environment = false;
                break;
            case 'e': {
                const auto seconds = nsutil::parse_number<std::uint32_t>(::optarg);
                if (!seconds || *seconds == 0)
                    return fail(EINVAL, std::string("bad expiry time: ") + ::optarg);
                options.expire_seconds = *seconds;
                break;
            }
            case 'c':  // accepted for old request-key rules; cifs-utils ignores it too
                break;
            case 'd':
                options.debug = true;
                break;
            case 'v':
                options.show_version = true;
                return options;
            case 'h':
                options.show_help = true;
                return options;
            case kKrb5:
                options.krb5_only = true;
                break;
            case kThreadKeyring:
                options.thread_keyring = parse_serial(::optarg);
                if (!options.thread_keyring)
                    return fail(EINVAL, std::string("bad keyring serial: ") + ::optarg);
                break;
            case kTestType:
                options.test_type = ::optarg;
                if (!serves(options.test_type)) return fail(EINVAL, "no such key type: " + options.test_type);
                break;
            case kTestOrigin:
                options.test_origin = true;
                break;
            case kJson:
                options.json = true;
                break;
            case kSources: {
                auto chain = IdmapOptions::parse_chain(::optarg);
                if (!chain) return nsutil::propagate(chain);
                options.idmap.chain = std::move(*chain);
                break;
            }
            case kMapFile:
                options.idmap.map_file = ::optarg;
                break;
            case kLogonFile:
                if (!own_files) options.logon.files.clear();
                own_files = true;
                options.logon.files.emplace_back(::optarg);
                [[fallthrough]];
            case kLogon:
                options.logon.enabled = true;
                break;
            case kDeadline: {
                constexpr unsigned kLeastMs = 100, kMostMs = 60'000;
                const auto span_ms = nsutil::parse_number<std::uint32_t>(::optarg);
                if (!span_ms || *span_ms < kLeastMs || *span_ms > kMostMs)
                    return fail(EINVAL, std::string("bad deadline: ") + ::optarg);
                options.deadline = std::chrono::milliseconds(*span_ms);
                break;
            }
            case kConfig:
                options.spnego.config = ::optarg;
                if (!options.spnego.config.starts_with('/'))
                    return fail(EINVAL, "not an absolute path: " + options.spnego.config);
                options.idmap.config = options.logon.config = options.spnego.config;
                break;
            case kEngine:  // the front end's: where no engine answers the helper gets the same command line
                break;
            case kStarted: {
                const auto nanoseconds = nsutil::parse_number<std::uint64_t>(::optarg);
                if (nanoseconds) options.began = beginning(*nanoseconds);
                if (!options.began) return fail(EINVAL, std::string("bad start: ") + ::optarg);
                break;
            }
            case kSessionDir:
                session_folder = ::optarg;
                if (!session_folder->starts_with('/'))
                    return fail(EINVAL, "not an absolute path: " + *session_folder);
                break;
            case kHistoryDir:
                history_folder = ::optarg;
                if (!history_folder->empty() && !history_folder->starts_with('/'))
                    return fail(EINVAL, "not an absolute path: " + *history_folder);
                break;
            case ':':
                return fail(EINVAL, std::string("option needs a value: ") + argv[::optind - 1]);
            default:
                return fail(EINVAL, std::string("unknown option: ") + argv[::optind - 1]);
        }
    }
    constexpr int kBoth = 2;
    const int words = argc - ::optind;
    if (words == 0) return fail(EINVAL, "no key id given");
    if (words > kBoth) return fail(EINVAL, "too many arguments");
    options.argument = argv[argc - 1];
    if (words == kBoth) {
        const auto call = parse_call_type(argv[::optind]);
        if (!call) return fail(EINVAL, std::string("no such call type: ") + argv[::optind]);
        options.call = *call;
    }
    options.key = parse_serial(options.argument).value_or(0);
    if (options.call == CallType::key && options.key == 0)
        return fail(EINVAL, "bad key id: " + options.argument);
    // What a test asks for must not mix with what the kernel does.
    if (!session_folder && !options.test_type.empty()) session_folder = "";
    if (!history_folder && !options.test_type.empty()) history_folder = "";
    if (options.began) options.chronicle.started = *options.began;
    if (history_folder) options.chronicle.history = History(*history_folder);
    if (session_folder) options.spnego.sessions = SessionStore(*session_folder);
    return options;
}

std::optional<std::chrono::steady_clock::time_point> beginning(std::uint64_t nanoseconds) {
    using Clock = std::chrono::steady_clock;
    constexpr auto kOldest = std::chrono::minutes(2);
    if (nanoseconds > static_cast<std::uint64_t>(Clock::time_point::max().time_since_epoch().count()))
        return std::nullopt;
    const Clock::time_point start{std::chrono::nanoseconds(nanoseconds)};
    const auto age = Clock::now() - start;
    if (age < Clock::duration::zero() || age > kOldest) return std::nullopt;
    return start;
}

bool HelperOptions::serves(std::string_view key_type) {
    return key_type == "cifs.spnego" || key_type == "dns_resolver" || key_type == "cifs.resolver" ||
           key_type == "logon" || key_type == "cifs.idmap";
}

const char* helper_usage() {
    return "Usage: cifs.upcall [options] [<call_type>] <keyid>\n"
           "       cifs.upcall [options] <call_type> <argument>\n"
           "Answers the kernel's CIFS upcalls; run by request-key(8). With an argument in place of a\n"
           "key id it prints the answer.\n\n"
           "  key                        what the key's type asks for (the default)\n"
           "  dfs                        addresses of a host name\n"
           "  uid.krb5, gid.krb5         ids of the local user that a principal maps to\n"
           "  uid.idmap, gid.idmap       SID of a user id, a group id\n"
           "  uid.sids, gid.sids         user id, group id of a SID\n\n"
           "  -t, --trust-dns            try the server's reverse DNS name as well\n"
           "  -l, --legacy-uid           use uid= of the request in place of creduid=\n"
           "  -k, --krb5conf=FILE        use this krb5.conf of the host\n"
           "  -K, --keytab=FILE          use this keytab of the host where no ccache serves\n"
           "  -E, --no-env-probe         do not look at KRB5CCNAME of the requester\n"
           "  -e, --expire=SECONDS       life of an answer about a name or an id (default 600)\n"
           "  -c                         accepted and ignored\n"
           "      --krb5                 answer requests for Kerberos only\n"
           "      --thread-keyring=ID    request-key's %T: proof that the kernel asks\n"
           "      --sources=NAME,...     where ids come from: map, unix, winbind, sssd, well-known,\n"
           "                             builtin, container-map, container-winbind\n"
           "      --map-file=FILE        the host's map file (default /etc/nsupcall.idmap)\n"
           "      --logon                answer logon keys from the user's credentials file\n"
           "      --logon-file=FILE      look for it here (%{uid} is the user); implies --logon\n"
           "      --json                 print one line of JSON\n"
           "      --test-type=TYPE       treat a user key as one of TYPE; its origin is not checked:\n"
           "                             for tests and benchmarks only\n"
           "      --test-origin          with --test-type: check the origin all the same\n"
           "      --config=FILE          rules, in place of /etc/nsupcall.conf; and FILE.d/*.conf\n"
           "      --deadline=MS          answer within this time (default 15000): for tests only\n"
           "      --engine=SOCKET        where the front end asks, if first of all (default\n"
           "                             /run/nsupcall/engine/socket): for tests only\n"
           "      --started=NS           when the front end began, CLOCK_MONOTONIC\n"
           "      --session-dir=DIR      remember sessions below DIR (default /run/nsupcall/sessions, with\n"
           "                             --test-type nowhere): for tests only\n"
           "      --history-dir=DIR      keep the history in DIR; an empty DIR keeps none (default\n"
           "                             /run/nsupcall/history, with --test-type none)\n"
           "  -d, --debug                log more\n"
           "  -v, --version              print the version\n"
           "  -h, --help                 print this\n";
}

}  // namespace nsupcall
