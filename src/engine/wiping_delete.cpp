/// @file
/// Memory that is given back is wiped: a servant that has answered holds nothing of the request then, and
/// whoever gets the same memory next finds nothing in it.

#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace {

void wipe_and_free(void* memory) noexcept {
    if (memory == nullptr) return;
    ::explicit_bzero(memory, ::malloc_usable_size(memory));
    std::free(memory);  // NOLINT(cppcoreguidelines-no-malloc): see operator new
}

}  // namespace

void* operator new(std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): what knows how large a piece is when it comes back
    if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}

void* operator new[](std::size_t size) {
    return operator new(size);
}

void operator delete(void* memory) noexcept {
    wipe_and_free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    wipe_and_free(memory);
}

void operator delete[](void* memory) noexcept {
    wipe_and_free(memory);
}

void operator delete[](void* memory, std::size_t) noexcept {
    wipe_and_free(memory);
}
