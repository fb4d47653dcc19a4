#include "credentials/host_profile.hpp"

#include <cstdlib>
#include <cstring>

#include "credentials/krb5_handles.hpp"

namespace nsupcall {
namespace {

// NOLINTBEGIN(cppcoreguidelines-no-malloc): libkrb5's interface hands the list to free_values() as plain
// memory
long get_values(void* data, const char* const* names, char*** out) {
    std::vector<std::string> path;
    for (; *names != nullptr; ++names) path.emplace_back(*names);
    const auto values = static_cast<const HostProfile*>(data)->values(path);
    if (values.empty()) return PROF_NO_RELATION;
    auto** list = static_cast<char**>(std::calloc(values.size() + 1, sizeof(char*)));
    if (list == nullptr) return ENOMEM;
    for (std::size_t at = 0; at < values.size(); ++at) list[at] = ::strdup(values[at].c_str());
    *out = list;
    return 0;
}

void free_values(void*, char** values) {
    for (char** value = values; *value != nullptr; ++value) std::free(*value);
    std::free(static_cast<void*>(values));
}
// NOLINTEND(cppcoreguidelines-no-malloc)

}  // namespace

std::vector<std::string> HostProfile::values(const std::vector<std::string>& path) const {
    std::vector<std::string> found;
    for (const auto& [name, value] : relations_)
        if (name == path) found.push_back(value);
    return found;
}

nsutil::Result<std::unique_ptr<HostProfile>> HostProfile::read(const std::string& path) {
    auto relations = read_profile(path);
    if (!relations) return nsutil::propagate(relations);
    std::unique_ptr<HostProfile> profile(new HostProfile);
    profile->relations_ = std::move(*relations);
    profile_vtable table = {};
    table.minor_ver = 1;
    table.get_values = get_values;
    table.free_values = free_values;
    if (const long error = profile_init_vtable(&table, profile.get(), &profile->handle_))
        return fail_krb5(nullptr, static_cast<krb5_error_code>(error), path);
    return profile;
}

HostProfile::~HostProfile() {
    if (handle_ != nullptr) profile_abandon(handle_);
}

}  // namespace nsupcall
