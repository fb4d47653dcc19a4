/// @file
/// Linked into the helpers of a sanitizer build. The kernel starts them with an empty environment, so that
/// ASAN_OPTIONS and UBSAN_OPTIONS can't be handed over, and with standard error on /dev/null.
///
/// A report goes to a file of the build folder; the tests look there. A worker that has crossed the boundary
/// cannot write one: it dies of the report, and the test that waits for its token fails.

extern "C" {

const char* __asan_default_options();
const char* __asan_default_options() {
    return "log_path=" NSUPCALL_SANITIZER_REPORTS
           "/report:log_exe_name=1:detect_leaks=1:abort_on_error=0:"
           "handle_abort=1";
}

const char* __ubsan_default_options();
const char* __ubsan_default_options() {
    return "log_path=" NSUPCALL_SANITIZER_REPORTS "/report:log_exe_name=1:print_stacktrace=1";
}
}
