#include "credentials/host_sources.hpp"

#include <glob.h>
#include <sys/stat.h>

#include <cstring>

#include "credentials/keytab_source.hpp"
#include "credentials/locator.hpp"
#include "rules/expand.hpp"

namespace nsupcall {
namespace {

/// Why root's helper must not read `path`; empty where it may.
std::string objection_to(const std::string& path) {
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0) return std::strerror(errno);
    if (!S_ISREG(info.st_mode)) return "it is no regular file";
    if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "others than root may write to it";
    return {};
}

}  // namespace

std::vector<HostCcache> load_host_ccaches(const CredentialQuery& query) {
    std::vector<HostCcache> ccaches;
    const auto variables = pattern_variables(query);
    for (const auto& pattern : query.settings.host_ccaches) {
        const auto expanded = expand(pattern, variables);
        if (!expanded) {
            ccaches.push_back({pattern, {}, expanded.error().what, {}});
            continue;
        }
        glob_t found = {};
        if (::glob(expanded->c_str(), 0, nullptr, &found) != 0)
            ccaches.push_back({*expanded, {}, "there is no such file", {}});
        for (std::size_t at = 0; at < found.gl_pathc && ccaches.size() < kHostCcachesMost; ++at) {
            HostCcache one{found.gl_pathv[at], {}, {}, {}};
            one.problem = objection_to(one.path);
            if (one.problem.empty()) {
                const auto memory = "MEMORY:nsupcall-host-" + std::to_string(ccaches.size());
                auto loaded = load_host_ccache(one.path, memory);
                if (loaded) {
                    one.memory = memory;
                    one.copy = std::move(*loaded);
                } else {
                    one.problem = loaded.error().what;
                }
            }
            ccaches.push_back(std::move(one));
        }
        ::globfree(&found);
    }
    return ccaches;
}

}  // namespace nsupcall
