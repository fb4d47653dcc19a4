#include "credentials/host_profile.hpp"

#include <cstdlib>
#include <cstring>

#include "credentials/krb5_handles.hpp"

namespace nsupcall {
namespace {

constexpr std::size_t kRelationsMost = 65536;
constexpr std::size_t kDepthMost = 16;

using Relations = std::vector<std::pair<std::vector<std::string>, std::string>>;

/// Adds everything below `section` to `relations`. @return false past a limit
bool collect(profile_t profile, std::vector<std::string>& section, Relations& relations) {
    if (section.size() > kDepthMost) return false;
    std::vector<const char*> names;
    for (const auto& name : section) names.push_back(name.c_str());
    names.push_back(nullptr);
    void* iterator = nullptr;
    if (profile_iterator_create(profile, names.data(), PROFILE_ITER_LIST_SECTION, &iterator) != 0)
        return true;
    bool within_limits = true;
    for (;;) {
        char* name = nullptr;
        char* value = nullptr;
        if (profile_iterator(&iterator, &name, &value) != 0 || name == nullptr) break;
        section.emplace_back(name);
        if (value != nullptr)
            relations.emplace_back(section, value);
        else
            within_limits = collect(profile, section, relations);
        section.pop_back();
        profile_release_string(name);
        if (value != nullptr) profile_release_string(value);
        if (!within_limits || relations.size() > kRelationsMost) {
            within_limits = false;
            break;
        }
    }
    if (iterator != nullptr) profile_iterator_free(&iterator);
    return within_limits;
}

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

}  // namespace

std::vector<std::string> HostProfile::values(const std::vector<std::string>& path) const {
    std::vector<std::string> found;
    for (const auto& [name, value] : relations_)
        if (name == path) found.push_back(value);
    return found;
}

nsutil::Result<std::unique_ptr<HostProfile>> HostProfile::read(const std::string& path) {
    profile_t file = nullptr;
    if (const long error = profile_init_path(path.c_str(), &file))
        return fail_krb5(nullptr, static_cast<krb5_error_code>(error), path);
    std::unique_ptr<HostProfile> profile(new HostProfile);
    std::vector<std::string> top;
    const bool within_limits = collect(file, top, profile->relations_);
    profile_release(file);
    if (!within_limits) return nsutil::fail(EINVAL, path + ": more relations than allowed");
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
