#include "credentials/well_known_places.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "credentials/service_name.hpp"

namespace nsupcall {
namespace {

namespace fs = std::filesystem;

class WellKnownPlaces : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "nsupcall-places-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name.data()));
        folder_ = name;
    }
    void TearDown() override { fs::remove_all(folder_); }
    void put(const std::string& name) const { std::ofstream(folder_ / name) << "x"; }
    /// The names of what was found, joined.
    static std::string names(const std::vector<std::string>& paths) {
        std::string joined;
        for (const auto& path : paths) joined += fs::path(path).filename().string() + " ";
        return joined;
    }

    fs::path folder_;
};

TEST_F(WellKnownPlaces, FilesMatching_SortedAndByPatternOnly) {
    for (const char* name :
         {"krb5cc_5001_b", "krb5cc_5001", "krb5cc_5001_a", "krb5cc_50011", "krb5cc_500", ".krb5cc_5001", "x"})
        put(name);
    EXPECT_EQ("krb5cc_5001_a krb5cc_5001_b ", names(files_matching(folder_, "krb5cc_5001_*")));
    EXPECT_EQ("krb5cc_5001 ", names(files_matching(folder_, "krb5cc_5001")));
    EXPECT_EQ("", names(files_matching(folder_, "none*")));
    EXPECT_EQ("", names(files_matching(folder_ / "absent", "*")));
}

TEST_F(WellKnownPlaces, FilesMatching_IsBounded) {
    for (unsigned count = 0; count < kFilesMost + 20; ++count) put("krb5cc_" + std::to_string(count));
    EXPECT_EQ(kFilesMost, files_matching(folder_, "krb5cc_*").size());
}

TEST_F(WellKnownPlaces, FilesOwned_RegularOnesOfTheUser_LinkTargetFirst) {
    for (const char* name : {"volume_a", "volume_b", "volume_c"}) put(name);
    fs::create_directory(folder_ / "folder");
    ASSERT_EQ(0, ::mkfifo((folder_ / "fifo").c_str(), 0600));
    const auto uid = ::geteuid();
    EXPECT_EQ("volume_a volume_b volume_c ", names(files_owned_in(folder_, uid)));
    fs::create_symlink("volume_b", folder_ / ("krb5cc_" + std::to_string(uid)));
    EXPECT_EQ("volume_b volume_a volume_c ", names(files_owned_in(folder_, uid)));
    EXPECT_EQ("", names(files_owned_in(folder_, uid + 1)));
    EXPECT_EQ("", names(files_owned_in(folder_ / "absent", uid)));
}

TEST(LowerCase, AsciiOnly) {
    EXPECT_EQ("fs.lab.test", lower_case("FS.Lab.TEST"));
    EXPECT_EQ("\xc3\x9c[", lower_case("\xc3\x9c["));
    EXPECT_EQ("", lower_case(""));
}

}  // namespace
}  // namespace nsupcall
