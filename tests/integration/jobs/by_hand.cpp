/// @file
/// Call types by hand: as the manual shows them, and for machines.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "jobs/job_test.hpp"
#include "nsutil/bounded_read.hpp"

namespace nsupcall::test {
namespace {

/// A place where nothing but the helper decides: these hosts, no name server, no map file, no daemon.
class ByHand : public JobTest {
  protected:
    static ContainerSpec quiet_place() {
        ContainerSpec spec;
        spec.net_namespace = true;
        spec.files = {{.path = "/etc/hosts", .content = "127.0.0.1 localhost\n10.7.0.1 target.lab.test\n"},
                      {.path = "/etc/krb5.conf",
                       .content = "[libdefaults]\n default_realm = LAB.TEST\n dns_lookup_kdc = false\n"},
                      {.path = "/etc/nsswitch.conf", .content = "passwd: files\nhosts: files\n"}};
        return spec;
    }

    /// What a shell inside prints, both streams in one, where the helper is found by its name.
    static Finished shell(const Container& container, const std::string& command) {
        int ends[2];
        EXPECT_EQ(0, ::pipe2(ends, O_CLOEXEC));
        nsutil::UniqueFd from(ends[0]), to(ends[1]);
        // A folder that is open is reached inside, too, whatever lies over its path there.
        const auto folder =
            must(nsutil::open_at(AT_FDCWD, std::filesystem::path(NSUPCALL_HELPER_PATH).parent_path().c_str(),
                                 O_PATH | O_DIRECTORY));
        Finished finished;
        finished.exit_code = must(container.run(
            [&] {
                (void)::dup2(to.get(), 1);
                (void)::dup2(to.get(), 2);
                const auto path =
                    fmt::format("/proc/self/fd/{}:/usr/sbin:/usr/bin:/sbin:/bin", ::dup(folder.get()));
                (void)::setenv("PATH", path.c_str(), 1);
                ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
                return 127;
            },
            0, 0));
        to = {};
        char buffer[4096];
        for (ssize_t got; (got = ::read(from.get(), buffer, sizeof buffer)) > 0;)
            finished.output.append(buffer, static_cast<std::size_t>(got));
        return finished;
    }
};

TEST_F(ByHand, ExamplesOfTheManual_PrintWhatItSays) {
    auto manual = must(read_file(std::filesystem::path(NSUPCALL_DOCS) / "man/cifs.upcall.8"));
    for (std::size_t at; (at = manual.find("\\-")) != std::string::npos;) manual.erase(at, 1);
    const auto begin = manual.find(".nf\n", manual.find(".SH EXAMPLES")) + 4;
    std::istringstream lines(manual.substr(begin, manual.find(".fi\n", begin) - begin));
    std::vector<std::pair<std::string, std::string>> examples;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# "))
            examples.emplace_back(line.substr(2), "");
        else
            examples.back().second += line + "\n";
    }
    EXPECT_GE(examples.size(), 4U);
    const auto container = must(Container::start(quiet_place()));
    for (const auto& [command, output] : examples)
        EXPECT_EQ(output, shell(container, command).output) << command;
}

TEST_F(ByHand, EveryCallWithJson_IsOneObjectWithAnAnswerOrAnError) {
    const struct {
        const char *call, *argument, *answer, *error;
    } calls[] = {{"dfs", "target.lab.test", R"(["10.7.0.1"])", nullptr},
                 {"uid.krb5", "root@LAB.TEST", "0", nullptr},
                 {"gid.krb5", "games@LAB.TEST", "60", nullptr},
                 {"uid.idmap", "7", R"("S-1-22-1-7")", nullptr},
                 {"gid.idmap", "7", R"("S-1-22-2-7")", nullptr},
                 {"uid.sids", "S-1-22-1-7", "7", nullptr},
                 {"gid.sids", "S-1-5-32-545", "100", nullptr},
                 {"dfs", "a b", nullptr, "EINVAL"},
                 {"uid.krb5", "root@OTHER.TEST", nullptr, "ENOKEY"},
                 {"gid.krb5", "nobodyatall@LAB.TEST", nullptr, "ENOKEY"},
                 {"uid.idmap", "4294967296", nullptr, "EINVAL"},
                 {"gid.idmap", "x", nullptr, "EINVAL"},
                 {"uid.sids", "S-1-5-21-1-2-3-4", nullptr, "ENOKEY"},
                 {"gid.sids", "S-1-22-1-7", nullptr, "ENOKEY"}};
    const auto container = must(Container::start(quiet_place()));
    for (const auto& [call, argument, answer, error] : calls) {
        const auto finished = shell(
            container, fmt::format("exec cifs.upcall --json --sources=unix,builtin {} '{}'", call, argument));
        EXPECT_EQ(error == nullptr ? 0 : 1, finished.exit_code) << call << " " << finished.output;
        ASSERT_TRUE(nlohmann::json::accept(finished.output)) << finished.output;
        EXPECT_EQ(finished.output.size() - 1, finished.output.find('\n'));
        const auto object = nlohmann::json::parse(finished.output);
        EXPECT_EQ(call, object.at("call"));
        EXPECT_EQ(argument, object.at("argument"));
        EXPECT_EQ(error == nullptr, object.contains("answer"));
        if (error == nullptr) {
            EXPECT_EQ(nlohmann::json::parse(answer), object.value("answer", nlohmann::json()));
        } else {
            EXPECT_EQ(error, object.value("error", ""));
            EXPECT_NE("", object.value("message", ""));
        }
    }
}

}  // namespace
}  // namespace nsupcall::test
