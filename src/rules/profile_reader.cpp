#include "rules/profile_reader.hpp"

#include <krb5.h>
#include <profile.h>

#include <cerrno>

namespace nsupcall {
namespace {

constexpr std::size_t kDepthMost = 16;

/// Adds everything below `section` to `relations`. @return false past a limit
bool collect(profile_t profile, std::vector<std::string>& section, std::vector<Relation>& relations) {
    if (section.size() > kDepthMost) return false;
    std::vector<const char*> names;
    names.reserve(section.size() + 1);
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

int errno_of(long error) {
    constexpr long kErrnoMost = 4095;
    if (error == ENOENT) return ENOKEY;
    if (error == EPERM) return EACCES;
    if (error > 0 && error <= kErrnoMost) return static_cast<int>(error);
    return EINVAL;
}

}  // namespace

nsutil::Result<std::vector<Relation>> read_profile(const std::string& path) {
    profile_t profile = nullptr;
    if (const long error = profile_init_path(path.c_str(), &profile)) {
        std::string text = path;
        if (const char* message = krb5_get_error_message(nullptr, static_cast<krb5_error_code>(error))) {
            text += std::string(": ") + message;
            krb5_free_error_message(nullptr, message);
        }
        return std::unexpected(nsutil::Error{errno_of(error), nsutil::ErrorDomain::krb5, error,
                                             std::move(text), std::source_location::current()});
    }
    std::vector<Relation> relations;
    std::vector<std::string> top;
    const bool within_limits = collect(profile, top, relations);
    profile_release(profile);
    if (!within_limits) return nsutil::fail(EINVAL, path + ": more relations than allowed");
    return relations;
}

}  // namespace nsupcall
