#include "nsutil/bounded_read.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::must;

/// A file in memory that holds `size` bytes of a pattern, positioned at its start.
UniqueFd file_of(std::size_t size) {
    UniqueFd fd(::memfd_create("bounded_read", MFD_CLOEXEC));
    std::string text(size, '\0');
    for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>(at % 251);
    EXPECT_EQ(static_cast<ssize_t>(size), ::pwrite(fd.get(), text.data(), size, 0));
    return fd;
}

TEST(ReadAll, SizesAroundTheLimitAndTheFirstBuffer) {
    struct {
        std::size_t size, limit;
        bool fits;
    } const cases[] = {{0, 0, true},
                       {1, 0, false},
                       {0, 10, true},
                       {10, 10, true},
                       {11, 10, false},
                       {4095, 4096, true},
                       {4096, 4096, true},
                       {4097, 4096, false},
                       {4096, 100000, true},
                       {4097, 100000, true},
                       {100000, 99999, false},
                       {100000, 100000, true},
                       {200 * 1024, 1 << 20, true}};
    for (const auto& [size, limit, fits] : cases) {
        SCOPED_TRACE(std::to_string(size) + " bytes, limit " + std::to_string(limit));
        const auto file = file_of(size);
        const auto text = read_all(file.get(), limit);
        ASSERT_EQ(fits, text.has_value());
        if (!fits) {
            EXPECT_EQ(EFBIG, text.error().code);
            continue;
        }
        ASSERT_EQ(size, text->size());
        for (std::size_t at = 0; at < size; ++at) ASSERT_EQ(static_cast<char>(at % 251), (*text)[at]) << at;
    }
}

TEST(ReadAll, StartsAtThePosition) {
    const auto file = file_of(100);
    ASSERT_EQ(90, ::lseek(file.get(), 90, SEEK_SET));
    const auto text = must(read_all(file.get(), 10));
    EXPECT_EQ(10U, text.size());
    EXPECT_EQ(90, text[0]);
}

TEST(ReadAll, PipeInPieces_IsJoined) {
    int ends[2];
    ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC));
    const UniqueFd from(ends[0]);
    UniqueFd into(ends[1]);
    ASSERT_EQ(5, ::write(into.get(), "first", 5));
    ASSERT_EQ(6, ::write(into.get(), "second", 6));
    into.reset();
    EXPECT_EQ("firstsecond", must(read_all(from.get(), 100)));
}

TEST(ReadAll, EndlessFile_EndsAtTheLimit) {
    auto zero = must(open_at(AT_FDCWD, "/dev/zero", O_RDONLY));
    const auto text = read_all(zero.get(), 1 << 20);
    ASSERT_FALSE(text);
    EXPECT_EQ(EFBIG, text.error().code);
}

TEST(ReadAll, BadDescriptor_SaysSo) {
    const auto text = read_all(-1, 10);
    ASSERT_FALSE(text);
    EXPECT_EQ(EBADF, text.error().code);
}

TEST(OpenAt, SetsCloseOnExec) {
    const auto fd = must(open_at(AT_FDCWD, "/dev/null", O_RDONLY));
    EXPECT_EQ(FD_CLOEXEC, ::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC);
}

TEST(OpenAt, Absent_NamesTheFile) {
    const auto fd = open_at(AT_FDCWD, "/nonexistent/file", O_RDONLY);
    ASSERT_FALSE(fd);
    EXPECT_EQ(ENOENT, fd.error().code);
    EXPECT_EQ("open /nonexistent/file: No such file or directory", fd.error().text());
}

TEST(ReadFileAt, OfADirectory_NamesTheFile) {
    const auto text = read_file_at(AT_FDCWD, "/", 10);
    ASSERT_FALSE(text);
    EXPECT_EQ(EISDIR, text.error().code);
    EXPECT_EQ("/: read: Is a directory", text.error().text());
}

TEST(ReadFileAt, ProcFileWithoutASize_IsReadWhole) {
    const auto text = must(read_file_at(AT_FDCWD, "/proc/self/status", 1 << 20));
    EXPECT_NE(std::string::npos, text.find("\nUid:\t"));
    EXPECT_EQ('\n', text.back());
}

}  // namespace
}  // namespace nsutil
