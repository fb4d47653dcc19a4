/// @file
/// Prints how many mounts the process with this number sees, and which host id its root is.

#include <cstdio>
#include <cstdlib>
#include <nsutil/mount_table.hpp>
#include <nsutil/namespaces.hpp>
#include <nsutil/task.hpp>

int main(int argc, char** argv) {
    const auto task = nsutil::Task::open(argc > 1 ? std::atoi(argv[1]) : 0);
    if (!task) {
        std::fprintf(stderr, "%s\n", task.error().text().c_str());
        return 1;
    }
    const auto own = nsutil::NamespaceView::own();
    const auto mounts = nsutil::MountTable::of_task(*task);
    if (!own || !mounts) return 1;
    const auto namespaces = nsutil::NamespaceSet::open(*task, *own);
    if (!namespaces) return 1;
    std::printf("mounts %zu root %lld\n", mounts->mounts().size(),
                static_cast<long long>(namespaces->uid_map().to_host(0).value_or(0xffffffffU)));
    return 0;
}
