#include "helpers/call.hpp"
#include "logon/logon_request.hpp"

namespace nsupcall {

CallResult call_logon(std::string_view description, const LogonOptions& options, const Asker& asker,
                      unsigned lives_seconds, const nsutil::Deadline& deadline) {
    CallResult result;
    const auto request = LogonRequest::parse(description);
    if (!request) {
        result.fail(request.error().code, request.error().text());
        return result;
    }
    result.job = answer_logon(*request, options, asker.host_uid, asker.tid, deadline);
    auto& reply = result.job.reply;
    if (reply.code != 0) {
        result.fail(reply.code, reply.message);
    } else if (reply.payload.empty()) {
        result.fail(EKEYREJECTED, "the worker's reply holds no credential");
    } else {
        result.payload = std::move(reply.payload);
        result.lives_seconds = lives_seconds;
    }
    return result;
}

}  // namespace nsupcall
