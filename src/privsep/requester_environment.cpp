#include "privsep/requester_environment.hpp"

#include "credentials/service_name.hpp"
#include "nsutil/bounded_read.hpp"
#include "nsutil/proc_text.hpp"

namespace nsupcall {

void read_environment(int environ_dir, RequesterEnvironment& environment) {
    if (environ_dir < 0) return;
    const auto text = nsutil::read_file_at(environ_dir, "environ", nsutil::kEnvironLimit);
    if (!text) {
        environment.note = "the environment cannot be read: " + text.error().text();
        return;
    }
    const auto find = [&](const char* name) -> std::optional<std::string> {
        const auto value = nsutil::find_in_environ(*text, name);
        if (!value || value->empty()) return std::nullopt;
        constexpr std::size_t kNameMost = 4096;
        if (value->size() <= kNameMost) return std::string(*value);
        environment.note = std::string(name) + " is longer than a path can be";
        return std::nullopt;
    };
    environment.ccache = find("KRB5CCNAME");
    environment.client_keytab = find("KRB5_CLIENT_KTNAME");
    environment.keytab = find("KRB5_KTNAME");
    const auto proxy = find("GSS_USE_PROXY");
    environment.wants_gssproxy = proxy && (*proxy == "1" || lower_case(*proxy) == "yes");
}

}  // namespace nsupcall
