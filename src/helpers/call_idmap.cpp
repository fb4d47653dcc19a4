#include "helpers/call.hpp"
#include "privsep/idmap_upcall.hpp"

namespace nsupcall {

CallResult call_idmap(const IdQuestion& question, const IdmapOptions& options, const Asker& asker,
                      unsigned lives_seconds, const nsutil::Deadline& deadline) {
    CallResult result;
    auto outcome = answer_idmap(question, options, asker.tid, asker.made_by_kernel, deadline);
    result.job = std::move(outcome.job);
    if (!outcome.answer) {
        result.fail(result.job.reply.code, result.job.reply.message);
        return result;
    }
    result.payload = make_id_payload(*outcome.answer);
    result.is_number = question.wants_id();
    result.words = {text_of(*outcome.answer)};
    result.lives_seconds = lives_seconds;
    return result;
}

}  // namespace nsupcall
