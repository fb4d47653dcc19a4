/// @file
/// krb5.conf, the KDC, and the clock.

#include <fcntl.h>
#include <fmt/format.h>
#include <krb5/krb5.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "admin/doctor.hpp"
#include "credentials/host_profile.hpp"
#include "credentials/krb5_handles.hpp"
#include "nsutil/child.hpp"

namespace nsupcall::admin {
namespace {

constexpr const char* kKrb5Conf = "/etc/krb5.conf";
/// Seconds by which clocks may differ: more than this is refused by default (libdefaults, clockskew); and
/// what is worth a word.
constexpr std::int64_t kSkewMost = 300, kSkewNoticed = 30;

using InitCreds = Krb5Handle<krb5_init_creds_context, krb5_init_creds_free>;
using Krb5Error = Krb5Handle<krb5_error*, krb5_free_error>;

/// What came of asking a KDC. Goes through a channel as bytes.
struct KdcAnswer {
    krb5_error_code code = 0;    ///< of the attempt
    std::int32_t kdc_said = -1;  ///< RFC 4120, 7.5.9; negative: no KDC said anything
    std::int64_t server_time = 0, asked_us = 0, answered_us = 0;
    std::array<char, 128> realm = {};
    std::array<char, 256> words = {};
};

std::int64_t now_us() {
    timespec now = {};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

template <std::size_t Size>
void put(std::array<char, Size>& place, const char* text) {
    (void)std::snprintf(place.data(), Size, "%s", text != nullptr ? text : "");
}

/// In a process of its own: libkrb5 waits as long as it likes.
void ask_kdc(KdcAnswer& answer) {
    krb5_context raw = nullptr;
    if ((answer.code = krb5_init_context(&raw)) != 0) return put(answer.words, "krb5.conf cannot be used");
    const Krb5Context context(raw);
    const auto failed = [&] {
        const char* words = krb5_get_error_message(raw, answer.code);
        put(answer.words, words);
        krb5_free_error_message(raw, words);
    };
    char* realm = nullptr;
    if ((answer.code = krb5_get_default_realm(raw, &realm)) != 0) return failed();
    put(answer.realm, realm);
    krb5_free_default_realm(raw, realm);
    krb5_principal raw_client = nullptr;
    answer.code =
        krb5_build_principal(raw, &raw_client, static_cast<unsigned>(std::strlen(answer.realm.data())),
                             answer.realm.data(), "nsupcall-doctor", static_cast<char*>(nullptr));
    if (answer.code != 0) return failed();
    const auto client = adopt<Principal>(raw, raw_client);
    krb5_init_creds_context raw_asking = nullptr;
    if ((answer.code = krb5_init_creds_init(raw, client.get(), nullptr, nullptr, 0, nullptr, &raw_asking)) !=
        0)
        return failed();
    const auto asking = adopt<InitCreds>(raw, raw_asking);
    answer.asked_us = now_us();
    answer.code = krb5_init_creds_get(raw, asking.get());
    answer.answered_us = now_us();
    failed();
    krb5_error* raw_error = nullptr;
    if (krb5_init_creds_get_error(raw, asking.get(), &raw_error) != 0 || raw_error == nullptr) return;
    const auto error = adopt<Krb5Error>(raw, raw_error);
    answer.kdc_said = static_cast<std::int32_t>(error->error);
    answer.server_time = error->stime;
}

Check clock_check(const KdcAnswer& answer) {
    constexpr const char* kId = "clock";
    // The KDC's clock was read between the two; its seconds are whole.
    const auto here = (answer.asked_us + answer.answered_us) / 2'000'000;
    const auto skew = answer.server_time - here;
    const auto size = skew < 0 ? -skew : skew;
    const auto text = fmt::format("this clock is {} s {} the KDC's", size, skew > 0 ? "behind" : "ahead of");
    const char* fix = "set the clock, and keep it by NTP (chrony, systemd-timesyncd)";
    if (size >= kSkewMost) return {kId, CheckStatus::failure, text + ": tickets are refused", fix};
    if (size >= kSkewNoticed) return {kId, CheckStatus::warning, text, fix};
    return {kId, CheckStatus::ok, size <= 1 ? "this clock and the KDC's agree" : text, ""};
}

}  // namespace

Checks examine_krb5_conf(const Patient& patient) {
    constexpr const char* kId = "krb5.conf";
    const char* named = patient.running ? std::getenv("KRB5_CONFIG") : nullptr;
    const std::string path = named != nullptr ? named : kKrb5Conf;
    if (named == nullptr && !patient.root.has(kKrb5Conf))
        return {{kId, CheckStatus::warning, "there is no /etc/krb5.conf",
                 "install one (package krb5-config), or rely on each container's own and on DNS"}};
    const auto opened = patient.root.open_at("/", O_RDONLY | O_DIRECTORY);
    if (!opened) return {{kId, CheckStatus::unknown, opened.error().text(), ""}};
    // Below another root the path begins at its descriptor; an include leads where it says.
    const auto file = patient.running ? path : fmt::format("/proc/self/fd/{}{}", opened->get(), kKrb5Conf);
    const auto profile = HostProfile::read(file);
    if (!profile)
        return {{kId, CheckStatus::failure, fmt::format("{}: {}", path, profile.error().text()),
                 "mend the file; every user must be able to read it (chmod 644)"}};
    const auto realms = (*profile)->values({"libdefaults", "default_realm"});
    if (realms.empty())
        return {{kId, CheckStatus::warning, path + " names no default_realm",
                 "set default_realm in [libdefaults] where this host belongs to a realm"}};
    return {{kId, CheckStatus::ok, fmt::format("{} is readable; the realm is {}", path, realms.front()), ""}};
}

Checks examine_kdc(const Patient& patient, int seconds) {
    constexpr const char* kId = "kdc";
    if (!patient.running)
        return {{kId, CheckStatus::unknown, "the KDC is asked by the running system only", ""}};
    const auto deadline = nsutil::Deadline::after(std::chrono::seconds(seconds));
    auto child = nsutil::Child::spawn([](int channel_fd) {
        KdcAnswer answer;
        ask_kdc(answer);
        return nsutil::send_message(channel_fd, std::as_bytes(std::span(&answer, 1)));
    });
    if (!child) return {{kId, CheckStatus::unknown, child.error().text(), ""}};
    KdcAnswer answer;
    const auto got = child->receive(std::as_writable_bytes(std::span(&answer, 1)), deadline);
    if (!got)
        return {{kId, CheckStatus::failure,
                 got.error().code == ETIMEDOUT ? fmt::format("no KDC answered within {} s", seconds)
                                               : "the KDC could not be asked: " + got.error().text(),
                 "look at the network, the firewall (port 88) and [realms] in krb5.conf"}};
    const std::string realm = answer.realm.data(), words = answer.words.data();
    if (realm.empty())
        return {{kId, CheckStatus::unknown, "no KDC was asked: " + words, "set default_realm in krb5.conf"}};
    if (answer.kdc_said < 0)
        return {
            {kId, CheckStatus::failure, fmt::format("no KDC of {} answers: {}", realm, words),
             "look at the network, the firewall (port 88), DNS (_kerberos._udp) and [realms] in krb5.conf"}};
    const auto took = (answer.answered_us - answer.asked_us) / 1000;
    return {
        {kId, took > 2000 ? CheckStatus::warning : CheckStatus::ok,
         fmt::format("the KDC of {} answers ({} ms)", realm, took),
         took > 2000 ? "upcalls wait for it: look for a KDC that is named first and does not answer" : ""},
        clock_check(answer)};
}

}  // namespace nsupcall::admin
