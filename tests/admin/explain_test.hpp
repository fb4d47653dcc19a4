#pragma once
/// @file
/// The fixture of the tests of nsupcall explain.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <iterator>
#include <optional>
#include <regex>

#include "support/nsupcall_command.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {

class ExplainCommand : public UpcallTest {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        folder_.emplace(must(TempDir::create()));
        config_ = (folder_->path() / "nsupcall.conf").string();
        use_options({"--test-type=cifs.spnego", "--config=" + config_,
                     "--session-dir=" + (folder_->path() / "sessions").string()});
    }

    [[nodiscard]] Finished explain(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"explain", "--host", host(), "--config", config_,
                                             "--session-dir", (folder_->path() / "sessions").string()});
        return nsupcall_command(std::move(arguments));
    }
    [[nodiscard]] Finished explain(const Container& container, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"--pid", std::to_string(container.tid())});
        return explain(std::move(more));
    }

    /// The same as JSON that its schema describes.
    [[nodiscard]] nlohmann::json explain_json(const Container& container, int exit_code,
                                              std::vector<std::string> more = {}) const {
        more.insert(more.begin(),
                    {"explain", "--json", "--host", host(), "--config", config_, "--session-dir",
                     (folder_->path() / "sessions").string(), "--pid", std::to_string(container.tid())});
        return nsupcall_json(std::move(more), "explain.schema.json", exit_code);
    }

    /// What is foretold for the container's user is what an upcall then comes to.
    /// @param code  "" for a token of alice's
    Finished expect_foretold(const Container& container, std::uint32_t host_uid, const std::string& code,
                             std::vector<std::string> more = {}) {
        more.insert(more.end(), {"--uid", std::to_string(host_uid)});
        auto told = explain(container, std::move(more));
        EXPECT_EQ(code.empty() ? 0 : 1, told.exit_code) << told.output;
        EXPECT_THAT(told.output,
                    testing::HasSubstr(code.empty() ? "would succeed as " + realm().principal("alice")
                                                    : "would fail with " + code));
        const auto answer = ask(fields_for(container.tid(), host_uid));
        if (code.empty())
            expect_token(answer, "alice");
        else
            EXPECT_EQ(code, refusal(answer));
        return told;
    }

    /// How often the KDC was asked for a ticket. That it was connected to it logs as well.
    static std::ptrdiff_t questions() {
        const auto log = realm().kdc_log();
        const std::regex request("(AS|TGS)_REQ");
        return std::distance(std::sregex_iterator(log.begin(), log.end(), request), std::sregex_iterator());
    }

    static std::string ccache_in(const Container& container, const std::string& path) {
        return read_file(fmt::format("/proc/{}/root{}", container.pid(), path)).value_or("gone");
    }

    std::optional<TempDir> folder_;
    std::string config_;
};

}  // namespace nsupcall::test
