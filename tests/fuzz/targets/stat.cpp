#include "fuzz_target.hpp"
#include "nsutil/proc_text.hpp"

NSUPCALL_FUZZ_TARGET(stat) {
    const auto stat = nsutil::parse_stat(input.text());
    if (!stat) return;
    // Whatever a task calls itself, the fields behind it are the kernel's.
    const auto text = input.text();
    nsupcall::fuzz::require(text.substr(text.rfind(')')).find(stat->state) != std::string_view::npos);
    nsupcall::fuzz::require(stat->parent >= 0);
}
