/// @file
/// What must hold of the source tree itself. Reads it, and runs none of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace nsupcall {
namespace {

namespace fs = std::filesystem;

/// One file: its path within the project, and its text.
struct SourceFile {
    std::string path, text;
};

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// All files below the named folders and files of the project.
std::vector<SourceFile> files_of(std::initializer_list<const char*> tops) {
    std::vector<SourceFile> files;
    const fs::path project(NSUPCALL_SOURCE_DIR);
    const auto add = [&](const fs::path& path) {
        files.push_back({fs::relative(path, project).string(), read(path)});
    };
    for (const char* top : tops) {
        if (!fs::is_directory(project / top)) {
            add(project / top);
            continue;
        }
        for (const auto& entry : fs::recursive_directory_iterator(project / top))
            if (entry.is_regular_file()) add(entry.path());
    }
    std::ranges::sort(files, {}, &SourceFile::path);
    return files;
}

bool is_code(const SourceFile& file) {
    return file.path.ends_with(".cpp") || file.path.ends_with(".hpp");
}

std::vector<SourceFile> code_of(std::initializer_list<const char*> tops) {
    auto files = files_of(tops);
    std::erase_if(files, std::not_fn(is_code));
    return files;
}

/// The text without comments and without the contents of string literals, lines kept.
std::string bare(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (text.compare(at, 2, "//") == 0) {
            at = std::min(text.find('\n', at), text.size());
        } else if (text[at] == '"' && (at == 0 || text[at - 1] != '\'')) {
            out += text[at++];
            while (at < text.size() && text[at] != '"' && text[at] != '\n') at += text[at] == '\\' ? 2 : 1;
            if (at < text.size() && text[at] == '"') out += text[at++];
        } else {
            out += text[at++];
        }
    }
    return out;
}

/// The filter's generator is no part of what is installed.
bool runs_at_build_time(const SourceFile& file) {
    return file.path.starts_with("src/privsep/filter/");
}

/// "src/keys/x.cpp" belongs to "keys", "nsutil/x.cpp" to "nsutil".
std::string folder_of(const std::string& path) {
    const auto inner = path.starts_with("src/") ? path.substr(4) : path;
    return inner.substr(0, inner.find('/'));
}

TEST(House, ReadsTheTree) {
    EXPECT_GT(code_of({"nsutil", "src"}).size(), 60U);
    EXPECT_EQ("a \n\"\" b \"\"\n", bare("a // setns(\n\"setns(\\\"\" b \"x\"\n"));
}

TEST(House, DangerousCalls_OccurInOneFileEach) {
    struct {
        const char *what, *pattern;
        std::set<std::string> only_files;
    } const rules[] = {
        {"setns", R"(\bsetns\s*\(|\bSYS_setns\b)", {"nsutil/namespaces.cpp"}},
        {"setres*id", R"(\bset(res|re|e|fs)?[ug]id\s*\(|\bSYS_set\w*[ug]id\b)", {"nsutil/credentials.cpp"}},
        {"setgroups", R"(\b(set|init)groups\s*\(|\bSYS_setgroups\b)", {"nsutil/credentials.cpp"}},
        {"capset",
         R"(\bcapset\s*\(|\bSYS_capset\b|\bcap_set_proc\b|\bPR_CAPBSET_DROP\b)",
         {"nsutil/credentials.cpp"}},
        {"seccomp", R"(\bSYS_seccomp\b|\bPR_SET_SECCOMP\b|\bseccomp_load\s*\()", {"nsutil/sandbox.cpp"}},
        {"Landlock", R"(\bSYS_landlock_\w+)", {"nsutil/sandbox.cpp"}},
        {"keyctl",
         R"(\bSYS_keyctl\b|\bkeyctl(_\w+)?\s*\()",
         {"src/keys/key_service.cpp", "src/front/front.cpp"}},
        {"request_key",
         R"(\bSYS_(add|request)_key\b|\b(add|request)_key\s*\()",
         {"src/keys/key_request.cpp"}},
        {"fork", R"(::v?fork\s*\(|\bSYS_(v?fork|clone3?)\b|\bunshare\s*\()", {"nsutil/child.cpp"}},
        // The other programs of the host that a key may be for; before anything of a container was read.
        // The engine becomes itself anew, the front end the helper.
        // (A node's installer tries what it installed, and asks the node's systemd, in a process of its own
        // and with the node as root directory.)
        {"exec",
         R"(\b(system|popen|exec[vl]p?e?|execveat|posix_spawnp?)\s*\(|\b(SYS|__NR)_exec)",
         {"src/helpers/other_calls.cpp", "src/admin/node_run.cpp", "src/engine/listening_socket.cpp",
          "src/front/front.cpp"}},
        {"chroot", R"(\bchroot\s*\(|\bpivot_root\b)", {"nsutil/namespaces.cpp"}},
        {"something for the standard library", R"(\bnamespace\s+(std|posix)\s*\{)", {}},
    };
    for (const auto& [what, pattern, only_files] : rules) {
        const std::regex regex(pattern);
        std::set<std::string> found;
        for (const auto& file : code_of({"nsutil", "src"}))
            if (!runs_at_build_time(file) && std::regex_search(bare(file.text), regex))
                found.insert(file.path);
        EXPECT_EQ(only_files, found) << what;
    }
}

/// Whether a statement says CLOEXEC, by itself or by a constant of its file.
bool says_cloexec(const std::string& statement, const std::string& text) {
    if (statement.find("CLOEXEC") != std::string::npos) return true;
    const std::regex constant(R"(\bk[A-Z]\w*)");
    for (std::sregex_iterator at(statement.begin(), statement.end(), constant), end; at != end; ++at) {
        const auto defined = text.find(at->str() + " =");
        if (defined != std::string::npos &&
            text.substr(defined, text.find(';', defined) - defined).find("CLOEXEC") != std::string::npos)
            return true;
    }
    return false;
}

TEST(House, EveryDescriptor_IsClosedOnExec) {
    // System calls are called with '::' in front and nothing before that: Task::open() is something else.
    const std::regex opens(
        R"((^|[^\w>])::(open|openat|socket|socketpair|accept4|pipe2|memfd_create|dup3|epoll_create1)\s*\()");
    const std::regex older(R"((^|[^\w>])::(pipe|accept|dup|creat|epoll_create)\s*\()");
    for (const auto& file : code_of({"nsutil", "src"})) {
        if (runs_at_build_time(file)) continue;
        const auto text = bare(file.text);
        EXPECT_FALSE(std::regex_search(text, older)) << file.path << ": a call that cannot set it";
        for (std::sregex_iterator at(text.begin(), text.end(), opens), end; at != end; ++at) {
            const auto begin = static_cast<std::size_t>(at->position());
            const auto statement = text.substr(begin, text.find(';', begin) - begin);
            EXPECT_TRUE(says_cloexec(statement, text)) << file.path << ": " << statement;
        }
    }
}

/// The layers of src/ and nsutil/, the lowest first. An include never points to a higher one.
const std::vector<std::set<std::string>> kLayers = {
    {"nsutil"},
    {"request", "keys", "rules", "trace"},
    {"credentials", "spnego", "idmap", "names", "logon", "session"},
    {"privsep"},
    {"helpers", "admin"},
    {"engine"},
    {"front"},
};

std::size_t layer_of(const std::string& folder) {
    for (std::size_t layer = 0; layer < kLayers.size(); ++layer)
        if (kLayers[layer].contains(folder)) return layer;
    return kLayers.size();
}

/// Which folder includes which others, with one file as a witness.
std::map<std::string, std::map<std::string, std::string>> includes() {
    std::map<std::string, std::map<std::string, std::string>> arrows;
    const std::regex include(R"re(#include "([a-z_]+)/)re");
    for (const auto& file : code_of({"nsutil", "src"}))
        for (std::sregex_iterator at(file.text.begin(), file.text.end(), include), end; at != end; ++at)
            if ((*at)[1] != folder_of(file.path)) arrows[folder_of(file.path)].emplace((*at)[1], file.path);
    return arrows;
}

TEST(House, IncludeArrows_PointDownwards) {
    for (const auto& [from, targets] : includes()) {
        ASSERT_LT(layer_of(from), kLayers.size()) << from << " is in no layer";
        for (const auto& [to, witness] : targets) {
            ASSERT_LT(layer_of(to), kLayers.size())
                << witness << " includes " << to << ", which is in no layer";
            EXPECT_LE(layer_of(to), layer_of(from)) << witness << " includes " << to;
        }
    }
}

TEST(House, IncludeArrows_MakeNoCircle) {
    const auto arrows = includes();
    std::set<std::string> done;
    std::vector<std::string> path;
    const std::function<void(const std::string&)> visit = [&](const std::string& folder) {
        ASSERT_EQ(path.end(), std::ranges::find(path, folder))
            << folder << " includes itself by way of others";
        if (done.contains(folder)) return;
        path.push_back(folder);
        if (const auto found = arrows.find(folder); found != arrows.end())
            for (const auto& [to, witness] : found->second) visit(to);
        path.pop_back();
        done.insert(folder);
    };
    for (const auto& [from, targets] : arrows) visit(from);
}

TEST(House, Workers_KnowNoKeys) {
    // Only the broker touches a key.
    const auto arrows = includes();
    for (const char* folder : {"credentials", "spnego", "idmap", "names", "logon"}) {
        const auto found = arrows.find(folder);
        EXPECT_TRUE(found == arrows.end() || !found->second.contains("keys")) << folder;
    }
}

TEST(House, Nsutil_KnowsNeitherKerberosNorKeyrings) {
    const std::regex foreign(R"(#include <(krb5|gssapi|profile|keyutils|com_err))");
    for (const auto& file : code_of({"nsutil"}))
        EXPECT_FALSE(std::regex_search(file.text, foreign)) << file.path;
}

TEST(House, Sources_IncludeNoTests) {
    for (const auto& file : code_of({"nsutil", "src"}))
        for (const char* word : {"#include \"support/", "#include \"tests/", "gtest/gtest.h"})
            EXPECT_EQ(std::string::npos, file.text.find(word)) << file.path;
}

TEST(House, Files_AreShort) {
    const auto expect_short = [](std::initializer_list<const char*> tops, int most) {
        for (const auto& file : code_of(tops))
            EXPECT_LE(std::ranges::count(file.text, '\n'), most) << file.path;
    };
    expect_short({"nsutil", "src"}, 330);
    expect_short({"tests"}, 340);
}

TEST(House, Mains_AreShort) {
    for (const auto& file : code_of({"src/helpers"})) {
        const bool is_main = file.text.find("\nint main(") != std::string::npos;
        EXPECT_TRUE(!is_main || std::ranges::count(file.text, '\n') < 100) << file.path;
    }
}

TEST(House, Sources_AreAscii) {
    // A letter that looks like another, or text that runs from right to left, shows a reader other code than
    // there is.
    for (const auto& file : code_of({"nsutil", "src"}))
        EXPECT_TRUE(std::ranges::all_of(file.text, [](unsigned char c) { return c < 0x80; })) << file.path;
}

TEST(House, Headers_SayWhatTheyAreFor) {
    for (const auto& file : code_of({"nsutil", "src"})) {
        if (!file.path.ends_with(".hpp")) continue;
        EXPECT_TRUE(file.text.starts_with("#pragma once\n/// @file\n/// ")) << file.path;
    }
}

/// Whether `text` holds `path` where a path begins, not as a part of a longer one. A quote in front counts
/// where it opens: "$HOME"/x goes on.
bool names_path(const std::string& text, const std::string& path) {
    const auto begins = [&](std::size_t at, std::string_view before) {
        return at == 0 || before.find(text[at - 1]) != std::string_view::npos;
    };
    for (auto at = text.find(path); at != std::string::npos; at = text.find(path, at + 1))
        if (begins(at, " \t\n`=:(<[") || (begins(at, "\"'") && begins(at - 1, " \t\n=:({[,"))) return true;
    return false;
}

TEST(House, Texts_NameNoMachine) {
    // Put together here, so that this file does not hold them.
    const std::vector<std::string> paths = {std::string("/wo") + "rk/", std::string("../sha") + "red",
                                            std::string("/tmp/help") + "er"};
    for (const auto& file : files_of({"nsutil", "src", "tests", "docs", "k8s", "README.md", "CHANGELOG.md",
                                      "CMakeLists.txt", "CMakePresets.json", "Containerfile"}))
        for (const auto& path : paths) EXPECT_FALSE(names_path(file.text, path)) << file.path << ": " << path;
}

TEST(House, TopLevel_HoldsNothingElse) {
    const std::set<std::string> allowed = {"CMakeLists.txt",
                                           "CMakePresets.json",
                                           "Containerfile",
                                           "CHANGELOG.md",
                                           "LICENSE",
                                           "README.md",
                                           "SECURITY.md",
                                           "src",
                                           "nsutil",
                                           "tests",
                                           "k8s",
                                           "docs",
                                           "build"};
    for (const auto& entry : fs::directory_iterator(NSUPCALL_SOURCE_DIR)) {
        const auto name = entry.path().filename().string();
        const bool counts = !name.starts_with('.') && !name.starts_with("build-");
        EXPECT_TRUE(!counts || allowed.contains(name)) << name;
    }
}

/// The ```cpp blocks of a Markdown text.
std::vector<std::string> code_blocks(const std::string& text) {
    static constexpr std::string_view kBegin = "```cpp\n", kEnd = "```";
    std::vector<std::string> blocks;
    for (std::size_t at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, at)) {
        at += kBegin.size();
        const auto end = text.find(kEnd, at);
        blocks.push_back(text.substr(at, end - at));
        at = end;
    }
    return blocks;
}

TEST(House, ExamplesOfTheLibrarysManual_AreCodeThatRuns) {
    const fs::path project(NSUPCALL_SOURCE_DIR);
    const auto example = read(project / "tests/root/nsutil/nsutil_example.cpp");
    const auto blocks = code_blocks(read(project / "docs/NSUTIL.md"));
    EXPECT_GE(blocks.size(), 1U);
    for (const auto& block : blocks)
        EXPECT_NE(std::string::npos, example.find(block))
            << "docs/NSUTIL.md has code that the test has not:\n"
            << block;
}

}  // namespace
}  // namespace nsupcall
