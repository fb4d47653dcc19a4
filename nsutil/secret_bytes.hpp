#pragma once
/// @file
/// Memory that is wiped before it is given back.

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

namespace nsutil {

/// An allocator that overwrites what it frees, also what a growing vector leaves behind.
template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() = default;
    template <class Other>
    explicit WipingAllocator(const WipingAllocator<Other>&) noexcept {}
    [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>{}.allocate(count); }
    void deallocate(T* at, std::size_t count) noexcept {
        ::explicit_bzero(at, count * sizeof(T));
        std::allocator<T>{}.deallocate(at, count);
    }
    friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

/// Keys, passwords, and what holds them.
using SecretBytes = std::vector<std::byte, WipingAllocator<std::byte>>;

}  // namespace nsutil
