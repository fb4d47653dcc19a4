#include "helpers/call.hpp"
#include "names/dns_payload.hpp"
#include "names/name_query.hpp"
#include "privsep/names_upcall.hpp"

namespace nsupcall {

CallResult call_names(std::string_view description, const Asker& asker, unsigned lives_seconds,
                      const nsutil::Deadline& deadline) {
    CallResult result;
    const auto query = NameQuery::parse(description, asker.callout);
    if (!query) {
        result.fail(query.error().code, query.error().text());
        return result;
    }
    if (!query->type.empty()) {
        result.fail(EINVAL, "queries of type " + query->type + " are not served");
        return result;
    }
    auto outcome = answer_name(*query, asker.tid, deadline);
    result.job = std::move(outcome.job);
    const int code = result.job.reply.code;
    if (code != 0) {
        result.fail(code, result.job.reply.message);
        // The resolver's own verdict is an answer, for which the key type has a form.
        if (code == ENODATA || code == EAGAIN || code == ECONNREFUSED) {
            result.payload = make_dns_error_payload(code);
            result.lives_seconds = 1;
        }
        return result;
    }
    const auto texts = std::span(outcome.addresses).first(query->list ? outcome.addresses.size() : 1);
    // All of them are checked, also those that only get printed.
    if (auto all = make_dns_payload(outcome.addresses); !all) {
        result.fail(EKEYREJECTED, all.error().text());
        return result;
    }
    auto payload = make_dns_payload(texts);
    if (!payload) {
        result.fail(EKEYREJECTED, payload.error().text());
        return result;
    }
    result.payload = std::move(*payload);
    result.is_list = true;
    result.words = std::move(outcome.addresses);
    result.lives_seconds = outcome.ttl_seconds.value_or(lives_seconds);
    return result;
}

}  // namespace nsupcall
