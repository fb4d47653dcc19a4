#pragma once
/// @file
/// For build-time tools: seccomp programs as arrays, so that no process compiles one.

#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <vector>

namespace nsupcall {

/// A program under construction, for one architecture: what no rule names gets `otherwise`, another
/// architecture's call ends the process. Every failure ends the tool.
class SeccompProgram {
  public:
    explicit SeccompProgram(std::uint32_t architecture, std::uint32_t otherwise = SCMP_ACT_ERRNO(EPERM))
        : context_(seccomp_init(otherwise)) {
        if (context_ == nullptr) die("seccomp_init", ENOMEM);
        if (architecture != seccomp_arch_native()) {
            check("arch", seccomp_arch_add(context_, architecture));
            check("arch", seccomp_arch_remove(context_, SCMP_ARCH_NATIVE));
        }
        architecture_ = architecture;
        check("bad arch", seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    }
    ~SeccompProgram() { seccomp_release(context_); }
    SeccompProgram(const SeccompProgram&) = delete;
    SeccompProgram& operator=(const SeccompProgram&) = delete;

    /// Sorted by number, in place of the order of the rules.
    void arrange_as_tree() { check("optimise", seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2)); }

    /// Calls that an architecture does not have (open on arm64, say) are left out.
    void rule(std::uint32_t action, const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
        if (seccomp_syscall_resolve_name_arch(architecture_, call) < 0) {
            if (seccomp_syscall_resolve_name(call) == __NR_SCMP_ERROR) die(call, ENOSYS);
            return;
        }
        // Rules take the number of the machine that this tool runs on; libseccomp translates.
        const std::vector<scmp_arg_cmp> list(arguments);
        check(call, seccomp_rule_add_array(context_, action, seccomp_syscall_resolve_name(call),
                                           static_cast<unsigned>(list.size()), list.data()));
    }
    void allow(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
        rule(SCMP_ACT_ALLOW, call, arguments);
    }

    /// Prints it as the array `name`.
    void write(const char* name) const {
        const int fd = ::memfd_create("filter", 0);
        if (fd < 0) die("memfd_create", errno);
        check("export", seccomp_export_bpf(context_, fd));
        std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)) /
                                         sizeof(sock_filter));
        if (::pread(fd, program.data(), program.size() * sizeof(sock_filter), 0) < 0) die("read", errno);
        (void)::close(fd);
        std::printf("constexpr sock_filter %s[] = {\n", name);
        for (const auto& step : program)
            std::printf("    {0x%02x, %u, %u, 0x%08x},\n", step.code, step.jt, step.jf, step.k);
        std::printf("};\n");
    }

  private:
    [[noreturn]] static void die(const char* what, int error) {
        (void)std::fprintf(stderr, "seccomp program: %s: %s\n", what,
                           std::strerror(error < 0 ? -error : error));
        std::exit(1);
    }
    static void check(const char* what, int error) {
        if (error != 0) die(what, error);
    }
    scmp_filter_ctx context_;
    std::uint32_t architecture_ = 0;
};

/// Calls `write(architecture)` for each machine that we build for, between the lines that choose among them.
/// @return the tool's exit status
template <class Write>
int write_for_all(const Write& write) {
    (void)std::fputs("#if defined(__x86_64__) && !defined(__ILP32__)\n", stdout);
    write(std::uint32_t{SCMP_ARCH_X86_64});
    (void)std::fputs("#elif defined(__aarch64__)\n", stdout);
    write(std::uint32_t{SCMP_ARCH_AARCH64});
    std::puts("#else\n#error \"no seccomp program for this architecture\"\n#endif");
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace nsupcall
