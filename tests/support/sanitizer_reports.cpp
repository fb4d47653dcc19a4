#include "support/sanitizer_reports.hpp"

#include <chrono>
#include <filesystem>

#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {
namespace fs = std::filesystem;
const fs::path kFolder = NSUPCALL_SANITIZER_REPORTS;

/// Tests run side by side: a report that is older than this process is for somebody else to find.
const auto kStarted = fs::file_time_type::clock::now();

}  // namespace

std::vector<std::string> take_sanitizer_reports() {
    std::vector<std::string> reports;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(kFolder, failed)) {
        const auto written = fs::last_write_time(entry.path(), failed);
        if (failed || written < kStarted) continue;
        reports.push_back(read_file(entry.path()).value_or("(unreadable)"));
        fs::remove(entry.path(), failed);
    }
    return reports;
}

void prepare_sanitizer_reports() {
    std::error_code ignored;
    // Workers run as any user.
    fs::create_directories(kFolder, ignored);
    fs::permissions(kFolder, fs::perms::all | fs::perms::sticky_bit, ignored);
    for (const auto& entry : fs::directory_iterator(kFolder, ignored)) {
        if (fs::last_write_time(entry.path(), ignored) < kStarted - std::chrono::hours(1)) {
            fs::remove(entry.path(), ignored);
        }
    }
}

}  // namespace nsupcall::test
