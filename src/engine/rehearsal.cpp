#include "engine/rehearsal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "engine/channel.hpp"
#include "helpers/options.hpp"
#include "keys/spnego_payload.hpp"
#include "privsep/requester.hpp"
#include "privsep/rule_choice.hpp"
#include "privsep/task_message.hpp"
#include "request/origin.hpp"

namespace nsupcall::engine {
namespace {

constexpr std::int32_t kKey = 1;

/// What a front end would send if this process had touched a share.
std::string made_up_question() {
    const std::string arguments("cifs.upcall\0--thread-keyring\0001\0001\0", 33);
    char pid[16] = {};
    (void)std::snprintf(pid, sizeof pid, "0x%x", static_cast<unsigned>(::getpid()));
    const std::string description =
        "cifs.spnego;0;0;3f010000;ver=0x2;host=rehearsal.invalid;ip4=127.0.0.1;sec=krb5;uid=0x0;creduid=0x0;"
        "user=root;pid=" +
        std::string(pid);
    Ask ask;
    std::copy_n(NSUPCALL_VERSION, sizeof NSUPCALL_VERSION, ask.version);
    ask.key = kKey;
    ask.arguments = 4;
    ask.argument_bytes = static_cast<std::uint32_t>(arguments.size());
    ask.description_bytes = static_cast<std::uint32_t>(description.size());
    return std::string(reinterpret_cast<const char*>(&ask), sizeof ask) + arguments + description;
}

bool rehearse_reply() {
    Reply reply;
    reply.session_key.assign(32, std::byte{1});
    reply.token.assign(1500, std::byte{1});
    reply.client = "nobody@REHEARSAL";
    reply.trace.add({"KRB5CCNAME", "FILE:/rehearsal", Verdict::used, reply.client, 1, {}});
    const auto decoded = decode_reply(encode_reply(reply));
    return decoded && make_spnego_payload(decoded->session_key, decoded->token);
}

}  // namespace

bool rehearse_answer(const PreparedRules& rules) {
    auto question = parse_question(made_up_question());
    if (!question) return false;
    std::vector<char*> words;
    for (auto& word : question->arguments) words.push_back(word.data());
    words.push_back(nullptr);
    KeySerial key = 0;
    const auto options =
        HelperOptions::parse(static_cast<int>(question->arguments.size()), words.data(), key);
    const auto description = KeyDescription::parse(question->description);
    if (!options || !description) return false;
    const auto request = SpnegoRequest::parse(description->description);
    if (!request || !verify_spnego_origin(*description, "keyring;0;0;1f030000;.cifs_spnego")) return false;
    const auto requester = Requester::open(request->tid);
    if (!requester) return false;
    const auto place = requester_place(*requester);
    const auto choice =
        choose_settings({rules.path(), &rules}, *request, request->creduid, *requester, &place);
    WorkerTask task{.namespaces = requester->namespaces};
    task.query.host = request->host;
    task.query.settings = choice.settings;
    task.query.settings.gssproxy = GssProxyChoice::never;
    return encode_task(task, {}, nsutil::Deadline::after(kUsualDeadline)) && rehearse_reply();
}

}  // namespace nsupcall::engine
