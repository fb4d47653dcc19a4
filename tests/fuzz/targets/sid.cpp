#include "idmap/sid.hpp"

#include "fuzz_target.hpp"
#include "idmap/id_question.hpp"

NSUPCALL_FUZZ_TARGET(sid) {
    using nsupcall::Sid;
    using nsupcall::fuzz::require;
    if (const auto sid = Sid::parse(input.text())) {
        require(sid->text().size() <= Sid::kTextLimit);
        const auto again = Sid::parse(sid->text());
        require(again.has_value() && *again == *sid);
        const auto bytes = Sid::from_bytes(sid->bytes());
        require(bytes.has_value() && *bytes == *sid);
    }
    if (const auto sid = Sid::from_bytes(input.bytes)) {
        const auto again = Sid::parse(sid->text());
        require(again.has_value() && *again == *sid);
    }
    if (const auto question = nsupcall::IdQuestion::parse(input.text()))
        require(nsupcall::IdQuestion::parse(question->text()).has_value());
}
