#include <algorithm>

#include "helpers/call.hpp"
#include "names/dns_payload.hpp"
#include "names/name_query.hpp"
#include "privsep/names_upcall.hpp"

namespace nsupcall {
namespace {

/// The kernel counts in whole seconds of the clock: 1 could be over at once.
constexpr unsigned kFleetingSeconds = 2;

/// True where the answer holds in a container only. The kernel keeps what it asks for itself in one keyring
/// and finds dns_resolver keys there by their names alone, without the tag of the network namespace
/// (security/keys/keyring.c, keyring_search_iterator: such keys are looked up by iteration). For as long as
/// the key lives, a container's hosts file would answer for the host and for other containers.
bool speaks_for_itself(const Requester& requester) {
    using nsutil::NamespaceKind;
    const auto& view = requester.namespaces.view();
    return !view.same(NamespaceKind::mount, requester.host) ||
           !view.same(NamespaceKind::net, requester.host) || !view.same_root(requester.host);
}

}  // namespace

CallResult call_names(std::string_view description, const std::string& config, const Asker& asker,
                      unsigned lives_seconds, const nsutil::Deadline& deadline) {
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
    auto outcome = answer_name(*query, config, asker.tid, deadline);
    result.job = std::move(outcome.job);
    const int code = result.job.reply.code;
    if (code != 0) {
        result.fail(code, result.job.reply.message);
        // The resolver's own verdict is an answer, for which the key type has a form.
        if (code == ENODATA || code == EAGAIN || code == ECONNREFUSED) {
            result.payload = make_dns_error_payload(code);
            result.lives_seconds = kFleetingSeconds;
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
    if (asker.proven && result.job.requester && speaks_for_itself(*result.job.requester))
        result.lives_seconds = std::min(result.lives_seconds, kFleetingSeconds);
    return result;
}

}  // namespace nsupcall
