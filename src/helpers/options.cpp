#include "helpers/options.hpp"

#include <getopt.h>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

enum LongOnly : int { kKrb5 = 256, kThreadKeyring, kTestType, kDeadline };

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
                            {"deadline", required_argument, nullptr, kDeadline},
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
    // request-key's rules put the key last.
    if (argc > 1) key = parse_serial(argv[argc - 1]).value_or(0);

    ::opterr = 0;
    ::optind = 0;  // glibc's word for "from the beginning": 1 keeps a pointer into the last command line
    for (int choice; (choice = ::getopt_long(argc, argv, kShort, kLong, nullptr)) != -1;) {
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
                if (options.test_type != "cifs.spnego")
                    return fail(EINVAL, "no such key type: " + options.test_type);
                break;
            case kDeadline: {
                constexpr unsigned kLeastMs = 100, kMostMs = 60'000;
                const auto span_ms = nsutil::parse_number<std::uint32_t>(::optarg);
                if (!span_ms || *span_ms < kLeastMs || *span_ms > kMostMs)
                    return fail(EINVAL, std::string("bad deadline: ") + ::optarg);
                options.deadline = std::chrono::milliseconds(*span_ms);
                break;
            }
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
    return options;
}

const char* helper_usage() {
    return "Usage: cifs.upcall [options] <keyid>\n"
           "Answers the kernel's CIFS upcalls; run by request-key(8), not by hand.\n\n"
           "  -t, --trust-dns            try the server's reverse DNS name as well\n"
           "  -l, --legacy-uid           use uid= of the request in place of creduid=\n"
           "  -k, --krb5conf=FILE        use this krb5.conf of the host\n"
           "  -K, --keytab=FILE          use this keytab of the host where no ccache serves\n"
           "  -E, --no-env-probe         do not look at KRB5CCNAME of the requester\n"
           "  -e, --expire=SECONDS       life of an answer about a host name (default 600)\n"
           "  -c                         accepted and ignored\n"
           "      --krb5                 answer requests for Kerberos only\n"
           "      --thread-keyring=ID    request-key's %T: proof that the kernel asks\n"
           "      --test-type=TYPE       treat a user key as one of TYPE (cifs.spnego); its origin is not\n"
           "                             checked: for tests and benchmarks only\n"
           "      --deadline=MS          answer within this time (default 15000): for tests only\n"
           "  -d, --debug                log more\n"
           "  -v, --version              print the version\n"
           "  -h, --help                 print this\n";
}

}  // namespace nsupcall
