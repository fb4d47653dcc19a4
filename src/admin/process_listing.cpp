#include "admin/process_listing.hpp"

#include <fcntl.h>

#include "nsutil/bounded_read.hpp"
#include "nsutil/proc_text.hpp"

namespace nsupcall::admin {

nsutil::Result<ProcessListing> ProcessListing::open() {
    auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
    if (!proc) return nsutil::propagate(proc);
    ProcessListing listing;
    listing.folder_.reset(::fdopendir(proc->get()));
    if (listing.folder_ == nullptr) return nsutil::fail_errno("list /proc");
    (void)proc->release();  // the listing's now
    return listing;
}

std::vector<pid_t> ProcessListing::next() {
    constexpr std::size_t kAtOnce = 64;
    std::vector<pid_t> processes;
    processes.reserve(kAtOnce);
    const std::lock_guard lock(*mutex_);
    while (processes.size() < kAtOnce) {
        const dirent* entry = ::readdir(folder_.get());
        if (entry == nullptr) break;
        if (const auto tgid = nsutil::parse_number<std::uint32_t>(entry->d_name))
            processes.push_back(static_cast<pid_t>(*tgid));
    }
    return processes;
}

nsutil::Result<std::vector<pid_t>> all_processes() {
    auto listing = ProcessListing::open();
    if (!listing) return nsutil::propagate(listing);
    std::vector<pid_t> processes;
    for (auto some = listing->next(); !some.empty(); some = listing->next())
        processes.insert(processes.end(), some.begin(), some.end());
    return processes;
}

}  // namespace nsupcall::admin
