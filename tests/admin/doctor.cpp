/// @file
/// nsupcall doctor on this machine and on made ones, sick and well.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <set>
#include <thread>

#include "machine_root.hpp"
#include "support/dead_kdc.hpp"
#include "support/janitor.hpp"
#include "support/realm.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// The report of `nsupcall doctor --json ARGUMENTS...`, which its schema describes.
struct Report {
    nlohmann::json document;
    int exit_code = 0;

    [[nodiscard]] std::string status(const std::string& id) const {
        std::string worst = "absent";
        const std::vector<std::string> order = {"absent", "ok", "unknown", "warning", "failure"};
        for (const auto& check : document["checks"])
            if (check["id"] == id && std::ranges::find(order, check["status"].get<std::string>()) >
                                         std::ranges::find(order, worst))
                worst = check["status"];
        return worst;
    }
    /// Texts and fixes of all checks of this id.
    [[nodiscard]] std::string words(const std::string& id) const {
        std::string all;
        for (const auto& check : document["checks"])
            if (check["id"] == id)
                all += check["text"].get<std::string>() + "; " +
                       (check["fix"].is_null() ? "" : check["fix"].get<std::string>()) + "\n";
        return all;
    }
};

void expect_schema(const std::string& output, const std::string& schema) {
    const auto folder = must(TempDir::create());
    must(write_file(folder.path() / "document", output));
    const auto validated = must(
        run_program({.argv = {"sh", "-c", "exec \"$0\" \"$1\" < \"$2\"", NSUPCALL_VALIDATE_PATH,
                              std::string(NSUPCALL_SCHEMA_DIR) + "/" + schema, folder.path() / "document"}}));
    EXPECT_EQ(0, validated.exit_code) << validated.output << output;
}

Report examine(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    arguments.insert(arguments.begin(), {"doctor", "--json"});
    const auto finished = nsupcall_command(arguments, std::move(environment));
    Report report;
    report.exit_code = finished.exit_code;
    expect_schema(finished.output, "doctor.schema.json");
    report.document = nlohmann::json::parse(finished.output);
    const std::string worst = report.document["worst"];
    EXPECT_EQ(worst == "failure" ? 2 : worst == "warning" ? 1 : 0, report.exit_code) << finished.output;
    return report;
}

Report examine(const MachineRoot& machine) {
    return examine({"--root", machine.path()});
}

TEST(Doctor, WellMachine_IsWell) {
    const MachineRoot machine;
    machine.write("/etc/krb5.conf", "[libdefaults]\n default_realm = LAB.TEST\n");
    ASSERT_EQ(0, machine.install().exit_code);
    const auto report = examine(machine);
    for (const char* id : {"request-key", "rules", "krb5.conf", "config", "state-folder"})
        EXPECT_EQ("ok", report.status(id)) << id << ": " << report.words(id);
    EXPECT_THAT(report.words("krb5.conf"), HasSubstr("LAB.TEST"));
    for (const char* id : {"cifs", "kdc", "self-test"}) EXPECT_EQ("unknown", report.status(id)) << id;
}

TEST(Doctor, SickMachines_AreToldWhatToDo) {
    const struct {
        const char* name;
        std::function<void(const MachineRoot&)> make_sick;
        std::string id, status, says;
    } cases[] = {
        {"no rules", [](const auto& machine) { (void)machine.run("uninstall"); }, "rules", "failure",
         "not to nsupcall, by /etc/request-key.d/cifs.spnego.conf:1; run nsupcall install"},
        {"no request-key", [](const auto& machine) { fs::remove(machine.at("/sbin/request-key")); },
         "request-key", "failure", "install the package keyutils"},
        {"request-key elsewhere",
         [](const auto& machine) {
             fs::rename(machine.at("/sbin/request-key"), machine.at("/usr/sbin/request-key"));
         },
         "request-key", "failure", "link the one to the other"},
        {"request-key is everybody's",
         [](const auto& machine) { ASSERT_EQ(0, ::chmod(machine.at("/sbin/request-key").c_str(), 0777)); },
         "request-key", "failure", "its mode is 0777"},
        {"helper is somebody's",
         [](const auto& machine) {
             ASSERT_EQ(0, ::chown(machine.at("/opt/ns/sbin/cifs.upcall").c_str(), 1234, 0));
         },
         "helpers", "failure", "it belongs to uid 1234"},
        {"helper does not start", [](const auto&) {}, "helpers", "failure",
         "/opt/ns/sbin/cifs.upcall or its loader is not there"},
        {"a malformed line",
         [](const auto& machine) { machine.write("/etc/request-key.d/x.conf", "create\n"); }, "rules",
         "failure", "gives up at /etc/request-key.d/x.conf:1"},
        {"a link",
         [](const auto& machine) { fs::create_symlink("x", machine.at("/etc/request-key.d/l.conf")); },
         "rules", "warning", "l.conf: request-key does not read it"},
        {"no krb5.conf", [](const auto&) {}, "krb5.conf", "warning", "there is no /etc/krb5.conf"},
        {"krb5.conf without a realm",
         [](const auto& machine) { machine.write("/etc/krb5.conf", "[libdefaults]\n"); }, "krb5.conf",
         "warning", "names no default_realm"},
        {"krb5.conf is broken",
         [](const auto& machine) { machine.write("/etc/krb5.conf", "[libdefaults\n"); }, "krb5.conf",
         "failure", "mend the file"},
        {"config is wrong",
         [](const auto& machine) {
             machine.write("/etc/nsupcall.conf", "[rules]\n 10-a = {\n  nonsense = 1\n }\n");
         },
         "config", "failure", "/etc/nsupcall.conf:3"},
        {"state folder is everybody's",
         [](const auto& machine) {
             fs::create_directories(machine.at("/run/nsupcall"));
             ASSERT_EQ(0, ::chmod(machine.at("/run/nsupcall").c_str(), 0777));
         },
         "state-folder", "failure", "mode 0777"},
        {"state folder is a link",
         [](const auto& machine) {
             fs::create_directories(machine.at("/run"));
             fs::create_symlink("/tmp", machine.at("/run/nsupcall"));
         },
         "state-folder", "failure", "is no folder"},
        {"state folder is a file",
         [](const auto& machine) {
             fs::create_directories(machine.at("/run"));
             machine.write("/run/nsupcall", "");
         },
         "state-folder", "failure", "is no folder"},
    };
    for (const auto& sick : cases) {
        SCOPED_TRACE(sick.name);
        const MachineRoot machine;
        ASSERT_EQ(0, machine.install().exit_code);
        sick.make_sick(machine);
        const auto report = examine(machine);
        EXPECT_EQ(sick.status, report.status(sick.id)) << report.words(sick.id);
        EXPECT_THAT(report.words(sick.id), HasSubstr(sick.says));
    }
}

TEST(Doctor, HostileNames_AreEscaped) {
    const MachineRoot machine;
    ASSERT_EQ(0, machine.install().exit_code);
    machine.write("/etc/request-key.d/\033[31mred\nline.conf", "create\n");
    (void)examine(machine);  // pure ASCII, by its schema's check
    const auto shown = machine.run("doctor");
    EXPECT_EQ(2, shown.exit_code);
    EXPECT_THAT(shown.output, AllOf(HasSubstr("\\x1b[31mred"), Not(HasSubstr("\033"))));
}

/// This machine with our rules, or with none.
class DoctorHere : public testing::Test {
  protected:
    void SetUp() override {
        if (fs::exists("/etc/request-key.d/nsupcall.conf")) NSUPCALL_SKIP("nsupcall is installed here");
        before_ = names();
        prefix_.emplace(must(TempDir::create()));
        ASSERT_EQ(0, ::chmod(prefix_->path().c_str(), 0755));
        fs::create_directory(prefix_->path() / "sbin");
        for (const char* name : {"cifs.upcall", "cifs.idmap"})
            fs::copy_file(fs::path(NSUPCALL_HELPER_PATH).parent_path() / name,
                          prefix_->path() / "sbin" / name);
        must(remember_path("/etc/request-key.d/nsupcall.conf"));
        const auto installed = nsupcall_command({"install", "--prefix", prefix_->path()});
        ASSERT_EQ(0, installed.exit_code) << installed.output;
    }
    void TearDown() override {
        if (!prefix_) return;
        EXPECT_EQ(0, nsupcall_command({"uninstall"}).exit_code);
        forget_path("/etc/request-key.d/nsupcall.conf");
        EXPECT_EQ(before_, names()) << "a rule was left behind";
        for (const auto& entry : fs::directory_iterator("/run/nsupcall"))
            EXPECT_FALSE(entry.path().filename().string().starts_with("doctor-")) << entry.path();
    }
    static std::set<std::string> names() {
        std::set<std::string> all;
        for (const auto& entry : fs::directory_iterator("/etc/request-key.d"))
            // Those of other test runs come and go.
            if (const auto name = entry.path().filename().string(); !name.starts_with("nsupcall-test-"))
                all.insert(name);
        return all;
    }
    [[nodiscard]] fs::path helper() const { return prefix_->path() / "sbin/cifs.upcall"; }

    std::set<std::string> before_;
    std::optional<TempDir> prefix_;
};

TEST_F(DoctorHere, UpcallThroughTheRunningKernel_IsAnswered) {
    const auto report = examine({"--no-kdc"});
    for (const char* id : {"request-key", "rules", "helpers", "self-test"})
        EXPECT_EQ("ok", report.status(id)) << report.words(id);
    EXPECT_THAT(report.words("self-test"), HasSubstr("ENOKEY, as it should"));
    EXPECT_THAT(report.words("helpers"), HasSubstr("cifs.idmap starts"));
    EXPECT_NE("absent", report.status("forged-requests"));
    EXPECT_NE("failure", report.status("forged-requests")) << "our rule hands over %T";
    EXPECT_EQ("absent", examine({"--no-kdc", "--no-self-test"}).status("self-test"));
}

TEST_F(DoctorHere, HelperThatDies_IsTold) {
    must(write_file(helper(), "#!/bin/sh\n# nsupcall\nexit 0\n", 0755));
    const auto report = examine({"--no-kdc"});
    EXPECT_EQ("failure", report.status("self-test"));
    EXPECT_THAT(report.words("self-test"), HasSubstr("did not come to " + helper().string()));
}

TEST_F(DoctorHere, WhatKilledRunsLeft_IsSwept) {
    must(remember_path("/etc/request-key.d/nsupcall-doctor-4194303.conf"));
    must(write_file("/etc/request-key.d/nsupcall-doctor-4194303.conf",
                    "create user nsupcall-none:* * /bin/false %k\n", 0644));
    EXPECT_EQ("ok", examine({"--no-kdc"}).status("self-test"));
    EXPECT_FALSE(fs::exists("/etc/request-key.d/nsupcall-doctor-4194303.conf"));
}

TEST_F(DoctorHere, KilledInTheMiddle_TheRuleGoesAll) {
    // A helper that takes its time, so that there is a middle.
    must(write_file(helper(), "#!/bin/sh\n# nsupcall\nsleep 3\n", 0755));
    auto doctor = must(Daemon::start(
        {.argv = {NSUPCALL_COMMAND_PATH, "doctor", "--no-kdc"}, .log_file = prefix_->path() / "log"}));
    const auto rule = "/etc/request-key.d/nsupcall-doctor-" + std::to_string(doctor.pid()) + ".conf";
    for (int i = 0; i < 500 && !fs::exists(rule); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(fs::exists(rule)) << read_file(prefix_->path() / "log").value_or("");
    ASSERT_EQ(0, ::kill(doctor.pid(), SIGKILL));
    for (int i = 0; i < 500 && fs::exists(rule); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_FALSE(fs::exists(rule));
    std::this_thread::sleep_for(std::chrono::seconds(3));  // for the helper's end
}

TEST(DoctorKerberos, Kdc_AnswersAndTellsTheTime) {
    const auto realm = must(Realm::start());
    const auto conf = "KRB5_CONFIG=" + realm.krb5_conf_path().string();
    const auto report = examine({"--no-self-test"}, {conf});
    EXPECT_EQ("ok", report.status("kdc")) << report.words("kdc");
    EXPECT_EQ("ok", report.status("clock")) << report.words("clock");
    EXPECT_THAT(report.words("kdc"), HasSubstr("the KDC of " + realm.name() + " answers"));

    // Ten minutes ahead of it, and a minute behind.
    const std::string preload = "LD_PRELOAD=" NSUPCALL_FAKETIME;
    const auto ahead = examine({"--no-self-test"}, {conf, preload, "FAKETIME=+600s"});
    EXPECT_EQ("failure", ahead.status("clock")) << ahead.words("clock");
    EXPECT_THAT(ahead.words("clock"), HasSubstr(" s ahead of the KDC's: tickets are refused; set the clock"));
    const auto behind = examine({"--no-self-test"}, {conf, preload, "FAKETIME=-60s"});
    EXPECT_EQ("warning", behind.status("clock")) << behind.words("clock");
    EXPECT_THAT(behind.words("clock"), HasSubstr(" s behind the KDC's"));
}

TEST(DoctorKerberos, DeadKdc_IsTold) {
    const auto realm = must(Realm::start());
    const auto dead = must(DeadKdc::open());
    const auto conf = realm.folder() / "dead.conf";
    must(write_file(conf, realm.krb5_conf_for_port(dead.port()), 0644));
    const auto began = std::chrono::steady_clock::now();
    const auto report = examine({"--no-self-test"}, {"KRB5_CONFIG=" + conf.string()});
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
    EXPECT_EQ("failure", report.status("kdc"));
    EXPECT_THAT(report.words("kdc"), HasSubstr("port 88"));
}

TEST(DoctorUnprivileged, WhatCannotBeSeen_IsSaid) {
    const auto finished =
        must(run_program({.argv = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                   NSUPCALL_COMMAND_PATH, "doctor", "--json", "--no-kdc"}}));
    const auto document = nlohmann::json::parse(finished.output);
    bool told = false;
    for (const auto& check : document["checks"])
        told = told || (check["id"] == "self-test" && check["status"] == "unknown" &&
                        check["fix"] == "run this as root");
    EXPECT_TRUE(told) << finished.output;
}

}  // namespace
}  // namespace nsupcall::test
