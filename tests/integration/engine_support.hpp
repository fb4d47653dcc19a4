#pragma once
/// @file
/// Rules whose program is a front end.

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

#include "engine/message.hpp"
#include "support/dead_kdc.hpp"
#include "support/test_engine.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {

/// Rules for 127.0.0.7, beside the fixture's own.
class FrontTest : public UpcallTest {
  protected:
    /// A front end that can become no helper: what it answers comes from an engine.
    std::filesystem::path lone_front() {
        const auto path = folder_.path() / "cifs.upcall";
        std::error_code failed;
        std::filesystem::copy_file(front_path(), path, std::filesystem::copy_options::skip_existing, failed);
        return path;
    }

    void use_front(const std::filesystem::path& front, const std::string& socket,
                   std::vector<std::string> more = {}) {
        std::vector<std::string> arguments = {"--engine=" + socket, "--test-type=cifs.spnego"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.emplace_back("%k");
        rule_.reset();
        rule_.emplace(must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.7;*",
                                                 .program = front,
                                                 .arguments = std::move(arguments)})));
    }

    [[nodiscard]] static UpcallFields fields(const Container& container) {
        auto fields = fields_for(container.tid(), unused_uid());
        fields.address = "ip4=127.0.0.7";
        return fields;
    }

    [[nodiscard]] Container container_with_ticket() {
        return must(Container::start(
            spec_with_ticket(must(realm().ticket("alice", {.service_ahead = true})), unused_uid())));
    }

    /// One whose KDC does not answer.
    [[nodiscard]] Container stuck_container() {
        auto spec = spec_with_ticket(must(realm().ticket("alice")), unused_uid());
        spec.files[0].content = realm().krb5_conf_for_port(dead_.port(), "    udp_preference_limit = 1");
        return must(Container::start(spec));
    }

    [[nodiscard]] std::vector<pid_t> processes_of_rule() const { return rule_->running_helpers(); }

    TempDir folder_ = must(TempDir::create());
    DeadKdc dead_ = must(DeadKdc::open());
    std::optional<RequestRule> rule_;
};

/// Looks every few milliseconds, for ten seconds at most.
[[nodiscard]] inline bool eventually(const std::function<bool()>& holds) {
    for (int at = 0; at < 2000; ++at) {
        if (holds()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

[[nodiscard]] inline sockaddr_un socket_address(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
    return address;
}

}  // namespace nsupcall::test
