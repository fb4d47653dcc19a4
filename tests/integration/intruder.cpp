/// @file
/// A shared library that leaves a mark where it is loaded: what a hostile container offers to the helper as a
/// plugin, in every place where a library looks for one.

#include <fcntl.h>
#include <unistd.h>

namespace {

struct Mark {
    Mark() {
        const int fd = ::open("/tmp/intruder-was-here", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0) (void)::close(fd);
    }
};

const Mark mark;

}  // namespace
