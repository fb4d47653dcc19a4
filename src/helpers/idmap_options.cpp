#include "helpers/idmap_options.hpp"

#include <getopt.h>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::parse_number;

enum LongOnly : int {
    kThreadKeyring = 256,
    kTestType,
    kTestOrigin,
    kSources,
    kMapFile,
    kContainerMapFile,
    kDeadline,
    kHistoryDir,
    kConfig
};

constexpr const char* kShort = ":ht:v";
constexpr option kLong[] = {{"help", no_argument, nullptr, 'h'},
                            {"timeout", required_argument, nullptr, 't'},
                            {"version", no_argument, nullptr, 'v'},
                            {"thread-keyring", required_argument, nullptr, kThreadKeyring},
                            {"test-type", required_argument, nullptr, kTestType},
                            {"test-origin", no_argument, nullptr, kTestOrigin},
                            {"sources", required_argument, nullptr, kSources},
                            {"map-file", required_argument, nullptr, kMapFile},
                            {"container-map-file", required_argument, nullptr, kContainerMapFile},
                            {"deadline", required_argument, nullptr, kDeadline},
                            {"history-dir", required_argument, nullptr, kHistoryDir},
                            {"config", required_argument, nullptr, kConfig},
                            {nullptr, 0, nullptr, 0}};

std::optional<KeySerial> parse_serial(std::string_view text) {
    const auto number = parse_number<std::uint32_t>(text);
    if (!number || *number > 0x7fffffffU) return std::nullopt;
    return static_cast<KeySerial>(*number);
}

}  // namespace

nsutil::Result<IdmapHelperOptions> IdmapHelperOptions::parse(int argc, char** argv, KeySerial& key) {
    IdmapHelperOptions options;
    std::optional<std::string> history_folder;
    // request-key's rules put the key last.
    if (argc > 1) key = parse_serial(argv[argc - 1]).value_or(0);
    ::opterr = 0;
    ::optind = 0;  // glibc's word for "from the beginning"
    for (int choice = 0; (choice = ::getopt_long(argc, argv, kShort, kLong, nullptr)) != -1;) {
        const auto number = parse_number<std::uint32_t>(::optarg != nullptr ? ::optarg : "").value_or(0);
        switch (choice) {
            case 'h':
                options.show_help = true;
                return options;
            case 'v':
                options.show_version = true;
                return options;
            case 't':
                if (number == 0) return fail(EINVAL, std::string("bad timeout: ") + ::optarg);
                options.timeout_seconds = number;
                break;
            case kThreadKeyring:
                options.thread_keyring = parse_serial(::optarg);
                if (!options.thread_keyring)
                    return fail(EINVAL, std::string("bad keyring serial: ") + ::optarg);
                break;
            case kTestType:
                if (std::string_view(::optarg) != "cifs.idmap")
                    return fail(EINVAL, std::string("no such key type: ") + ::optarg);
                options.test_type = true;
                break;
            case kTestOrigin:
                options.test_origin = true;
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
            case kContainerMapFile:
                options.idmap.container_map_file = ::optarg;
                break;
            case kConfig:
                options.idmap.config = ::optarg;
                if (!options.idmap.config.starts_with('/'))
                    return fail(EINVAL, "not an absolute path: " + options.idmap.config);
                break;
            case kDeadline: {
                constexpr unsigned kLeastMs = 100, kMostMs = 60'000;
                if (number < kLeastMs || number > kMostMs)
                    return fail(EINVAL, std::string("bad deadline: ") + ::optarg);
                options.deadline = std::chrono::milliseconds(number);
                break;
            }
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
    if (::optind != argc - 1)
        return fail(EINVAL, ::optind == argc ? "no key id given" : "more than one argument");
    const auto serial = parse_serial(argv[::optind]);
    if (!serial || *serial == 0) return fail(EINVAL, std::string("bad key id: ") + argv[::optind]);
    options.key = *serial;
    // What a test asks for must not mix with what the kernel does.
    if (!history_folder && options.test_type) history_folder = "";
    if (history_folder) options.chronicle.history = History(*history_folder);
    return options;
}

const char* idmap_usage() {
    return "Usage: cifs.idmap [options] <keyid>\n"
           "Answers the kernel's questions for ids and SIDs on CIFS mounts; run by request-key(8). To ask "
           "by\n"
           "hand: cifs.upcall uid.sids <SID> and its like.\n\n"
           "  -t, --timeout=SECONDS         life of an answer (default 600)\n"
           "      --sources=NAME,...        where ids come from: map, unix, winbind, sssd, well-known, "
           "builtin,\n"
           "                                container-map, container-winbind\n"
           "      --map-file=FILE           the host's map file (default /etc/nsupcall.idmap)\n"
           "      --container-map-file=FILE the container's (default /etc/nsupcall.idmap)\n"
           "      --thread-keyring=ID       request-key's %T: proof that the kernel asks\n"
           "      --config=FILE             rules, in place of /etc/nsupcall.conf; and FILE.d/*.conf\n"
           "      --test-type=cifs.idmap    take a user key for one of this type; its origin is not "
           "checked:\n"
           "                                for tests and benchmarks only\n"
           "      --test-origin             with --test-type: check the origin all the same\n"
           "      --history-dir=DIR         keep the history in DIR; an empty DIR keeps none (default\n"
           "                                /run/nsupcall/history, with --test-type none)\n"
           "      --deadline=MS             answer within this time (default 15000): for tests only\n"
           "  -v, --version                 print the version\n"
           "  -h, --help                    print this\n";
}

}  // namespace nsupcall
