#include "admin/node_probe.hpp"

#include <sys/wait.h>

#include "admin/node_run.hpp"

namespace nsupcall::admin {

nsutil::Result<void> probe_program(const NodeRoot& node, const std::string& program) {
    const auto deadline = nsutil::Deadline::after(std::chrono::seconds(10));
    auto status = run_on_node(node, {program, "--version"}, deadline);
    if (!status) return nsutil::propagate(status);
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0)
        return nsutil::fail(ELIBBAD, program + " starts, and fails at once: its libraries do not load");
    return {};
}

}  // namespace nsupcall::admin
