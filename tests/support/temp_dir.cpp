#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "nsutil/unique_fd.hpp"
#include "support/janitor.hpp"

namespace nsupcall::test {
namespace {
namespace fs = std::filesystem;
using nsutil::Result;
using nsutil::UniqueFd;
constexpr std::string_view kPrefix = "nsupcall-test-";
constexpr std::size_t kReadLimit = 64UL << 20;
}  // namespace

Result<TempDir> TempDir::create() {
    sweep_stale("/tmp", kPrefix);
    static unsigned number = 0;
    for (int attempt = 0; attempt < 100; ++attempt) {
        const fs::path path = fs::path("/tmp") / (std::string(kPrefix) + std::to_string(::getpid()) + "-" +
                                                  std::to_string(++number));
        if (auto told = remember_path(path); !told) return std::unexpected(told.error());
        if (::mkdir(path.c_str(), 0711) == 0) {
            // Past the umask: other users of the test must reach their own files below.
            if (::chmod(path.c_str(), 0711) != 0) return nsutil::fail_errno("chmod a temporary folder");
            return TempDir(path);
        }
        if (errno != EEXIST) return nsutil::fail_errno("mkdir a temporary folder");
    }
    return nsutil::fail(EEXIST, "no free name for a temporary folder");
}

TempDir::~TempDir() {
    if (path_.empty()) return;
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    forget_path(path_);
}

Result<void> write_file(const fs::path& path, std::string_view content, mode_t mode, uid_t uid, gid_t gid) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return nsutil::fail_errno("open " + path.string());
    for (std::size_t done = 0; done < content.size();) {
        const ssize_t n = ::write(file.get(), content.data() + done, content.size() - done);
        if (n < 0) return nsutil::fail_errno("write " + path.string());
        done += static_cast<std::size_t>(n);
    }
    if (::fchown(file.get(), uid, gid) != 0) return nsutil::fail_errno("chown " + path.string());
    if (::fchmod(file.get(), mode) != 0) return nsutil::fail_errno("chmod " + path.string());
    return {};
}

Result<std::string> read_file(const fs::path& path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return nsutil::fail_errno("open " + path.string());
    std::string text;
    char buffer[16384];
    for (;;) {
        const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
        if (n < 0) return nsutil::fail_errno("read " + path.string());
        if (n == 0) return text;
        text.append(buffer, static_cast<std::size_t>(n));
        if (text.size() > kReadLimit) return nsutil::fail(EFBIG, "read " + path.string());
    }
}

}  // namespace nsupcall::test
