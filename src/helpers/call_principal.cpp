#include "helpers/call.hpp"
#include "privsep/principal_upcall.hpp"

namespace nsupcall {

CallResult call_principal(std::string_view principal, bool want_gid, const Asker& asker,
                          unsigned lives_seconds, const nsutil::Deadline& deadline) {
    CallResult result;
    auto outcome = answer_principal(principal, asker.tid, deadline);
    result.job = std::move(outcome.job);
    if (result.job.reply.code != 0) {
        result.fail(result.job.reply.code, result.job.reply.message);
        return result;
    }
    const auto id = want_gid ? outcome.gid : outcome.uid;
    result.payload = make_id_payload(id);
    result.is_number = true;
    result.words = {std::to_string(id)};
    result.lives_seconds = lives_seconds;
    return result;
}

}  // namespace nsupcall
