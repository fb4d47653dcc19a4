#include "names/name_query.hpp"

#include "fuzz_target.hpp"
#include "names/address_lookup.hpp"

NSUPCALL_FUZZ_TARGET(name_query) {
    using nsupcall::fuzz::require;
    const auto text = input.text();
    const auto split = text.find('\n');
    const auto description = text.substr(0, split);
    const auto callout = split == std::string_view::npos ? std::string_view{} : text.substr(split + 1);
    const auto query = nsupcall::NameQuery::parse(description, callout);
    if (query) require(!query->name.empty() && query->name.size() <= nsupcall::NameQuery::kNameLimit);
    (void)nsupcall::hosts_file_names(callout, description);
}
