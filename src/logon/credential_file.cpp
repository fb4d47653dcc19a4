#include "logon/credential_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <span>

#include "nsutil/bounded_read.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::propagate;
using nsutil::Result;
using nsutil::SecretBytes;

std::string_view view(const SecretBytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SecretBytes copy(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

Result<void> check_file(int fd, const std::string& path, std::uint32_t uid) {
    struct stat info = {};
    if (::fstat(fd, &info) != 0) return nsutil::fail_errno("look at " + path);
    if (!S_ISREG(info.st_mode)) return fail(EACCES, path + " is no regular file");
    if (info.st_uid != uid && info.st_uid != 0) return fail(EACCES, path + " does not belong to the user");
    const mode_t others = info.st_uid == uid ? S_IRWXG | S_IRWXO : S_IRWXO;
    if ((info.st_mode & others) != 0) return fail(EACCES, path + " is open to others than the user");
    return {};
}

/// The whole file, never in memory that is not wiped.
Result<SecretBytes> read_secret(int fd, const std::string& path, std::uint32_t uid) {
    if (auto checked = check_file(fd, path, uid); !checked) return propagate(checked);
    SecretBytes text(LogonCredential::kFileLimit + 1);
    std::size_t used = 0;
    while (used < text.size()) {
        const ssize_t got = ::read(fd, text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return nsutil::fail_errno("read " + path);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    if (used > LogonCredential::kFileLimit) return fail(EINVAL, path + " is too long");
    text.resize(used);
    return text;
}

bool fits(std::string_view value, std::size_t limit) {
    return value.size() <= limit && value.find('\0') == std::string_view::npos;
}

Result<LogonCredential> checked(LogonCredential credential) {
    // The kernel takes what stands before the first colon for the user.
    if (credential.user.empty() || !fits(credential.user, LogonCredential::kUserLimit) ||
        credential.user.find(':') != std::string::npos)
        return fail(EINVAL, "no user name, or none that can be used");
    if (credential.password.empty() || !fits(view(credential.password), LogonCredential::kPasswordLimit))
        return fail(EINVAL, "no password, or none that can be used");
    if (!fits(credential.domain, LogonCredential::kDomainLimit))
        return fail(EINVAL, "the domain is too long");
    return credential;
}

/// One file of a folder. @return nothing where there is none of that name
Result<std::optional<SecretBytes>> read_member(int folder, const std::string& path, const char* name,
                                               std::uint32_t uid) {
    auto fd = nsutil::open_at(folder, name, O_RDONLY | O_NOCTTY | O_NONBLOCK);
    if (!fd && fd.error().code == ENOENT) return std::optional<SecretBytes>();
    const auto full = path + "/" + name;
    if (!fd) return fail(fd.error().code == ELOOP ? EACCES : fd.error().code, full + " cannot be opened");
    auto text = read_secret(fd->get(), full, uid);
    if (!text) return propagate(text);
    if (!text->empty() && text->back() == std::byte{'\n'}) text->pop_back();
    if (view(*text).find('\n') != std::string_view::npos) return fail(EINVAL, full + " has several lines");
    return std::optional(std::move(*text));
}

Result<LogonCredential> read_folder(int folder, const std::string& path, std::uint32_t uid) {
    auto user = read_member(folder, path, "username", uid);
    if (!user) return propagate(user);
    auto password = read_member(folder, path, "password", uid);
    if (!password) return propagate(password);
    auto domain = read_member(folder, path, "domain", uid);
    if (!domain) return propagate(domain);
    if (!*user && !*password) return fail(ENOENT, path + " holds no credential");
    LogonCredential credential;
    if (*user) credential.user = view(**user);
    if (*password) credential.password = std::move(**password);
    if (*domain) credential.domain = view(**domain);
    return checked(std::move(credential));
}

}  // namespace

Result<LogonCredential> LogonCredential::parse(std::string_view text) {
    LogonCredential credential;
    bool has_user = false, has_password = false, has_domain = false;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) return fail(EINVAL, "a line without '='");
        const auto name = line.substr(0, equals);
        const auto value = line.substr(equals + 1);
        bool* seen = nullptr;
        if (name == "username" || name == "user") {
            seen = &has_user;
            credential.user = value;
        } else if (name == "password" || name == "pass") {
            seen = &has_password;
            credential.password = copy(value);
        } else if (name == "domain" || name == "dom" || name == "workgroup") {
            seen = &has_domain;
            credential.domain = value;
        } else {
            return fail(EINVAL, "a line that is neither username=, password= nor domain=");
        }
        if (*seen) return fail(EINVAL, "something is named twice");
        *seen = true;
    }
    return checked(std::move(credential));
}

Result<LogonCredential> LogonCredential::read(const std::string& path, std::uint32_t uid) {
    // Never waits, whatever has been put there in place of a file.
    auto fd = nsutil::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK);
    if (!fd && (fd.error().code == ENOENT || fd.error().code == ENOTDIR)) return fail(ENOENT, path);
    if (!fd) return fail(EACCES, path + " cannot be opened: " + fd.error().text());
    struct stat info = {};
    if (::fstat(fd->get(), &info) != 0) return nsutil::fail_errno("look at " + path);
    if (S_ISDIR(info.st_mode)) return read_folder(fd->get(), path, uid);
    auto text = read_secret(fd->get(), path, uid);
    if (!text) return propagate(text);
    auto credential = parse(view(*text));
    if (!credential) return propagate(credential, path);
    return credential;
}

SecretBytes LogonCredential::payload() const {
    SecretBytes out;
    out.reserve(user.size() + 1 + password.size());
    const auto name = std::as_bytes(std::span(user));
    out.insert(out.end(), name.begin(), name.end());
    out.push_back(std::byte{':'});
    out.insert(out.end(), password.begin(), password.end());
    return out;
}

}  // namespace nsupcall
