#include "bench/record_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "support/janitor.hpp"

namespace nsupcall::bench {

namespace fs = std::filesystem;

nsutil::Result<RecordFolder> RecordFolder::create() {
    static unsigned number = 0;
    constexpr const char *kFolder = "/dev/shm", *kPrefix = "nsupcall-bench-";
    test::sweep_stale(kFolder, kPrefix);
    const fs::path path = fmt::format("{}/{}{}-{}", kFolder, kPrefix, ::getpid(), ++number);
    if (auto told = test::remember_path(path); !told) return nsutil::propagate(told);
    std::error_code failed;
    fs::create_directory(path, failed);
    if (failed) return nsutil::fail(failed.value(), path.string());
    return RecordFolder(path);
}

std::vector<std::string> RecordFolder::options() const {
    return {"--session-dir=" + sessions().string(), "--history-dir=" + (path_ / "history").string()};
}

RecordFolder::~RecordFolder() {
    if (path_.empty()) return;
    std::error_code failed;
    fs::remove_all(path_, failed);
    test::forget_path(path_);
}

}  // namespace nsupcall::bench
