#include "support/sanitizer_reports.hpp"

#include <filesystem>

#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {
namespace fs = std::filesystem;
const fs::path kFolder = NSUPCALL_SANITIZER_REPORTS;
}  // namespace

std::vector<std::string> take_sanitizer_reports() {
    std::vector<std::string> reports;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(kFolder, failed)) {
        reports.push_back(read_file(entry.path()).value_or("(unreadable)"));
        fs::remove(entry.path(), failed);
    }
    return reports;
}

void clear_sanitizer_reports() {
    std::error_code ignored;
    fs::remove_all(kFolder, ignored);
    // Workers run as any user.
    fs::create_directories(kFolder, ignored);
    fs::permissions(kFolder, fs::perms::all | fs::perms::sticky_bit, ignored);
}

}  // namespace nsupcall::test
