#pragma once
/// @file
/// One parser under fuzzing. The same code runs under libFuzzer and, over the seed corpora, as a plain test.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string_view>

namespace nsupcall::fuzz {

/// What a target is given.
struct Input {
    std::span<const std::byte> bytes;

    [[nodiscard]] std::string_view text() const {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    /// Takes the first byte off, for a choice; 0 where there is none.
    unsigned take_byte() {
        if (bytes.empty()) return 0;
        const auto first = static_cast<unsigned>(bytes[0]);
        bytes = bytes.subspan(1);
        return first;
    }
};

/// A target that has made itself known; `name` is that of its corpus.
struct Target {
    const char* name;
    void (*run)(Input);
    const Target* next;

    Target(const char* target_name, void (*body)(Input)) : name(target_name), run(body), next(first()) {
        first() = this;
    }
    static const Target*& first() {
        static const Target* list = nullptr;
        return list;
    }
};

/// A property that must hold for every input.
inline void require(bool holds, std::source_location where = std::source_location::current()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%u: the property does not hold\n", where.file_name(), unsigned{where.line()});
    std::abort();
}

}  // namespace nsupcall::fuzz

/// Defines a target: NSUPCALL_FUZZ_TARGET(id_map) { ... input.text() ... }
#define NSUPCALL_FUZZ_TARGET(name)                                           \
    static void fuzz_##name(::nsupcall::fuzz::Input input);                  \
    static const ::nsupcall::fuzz::Target target_##name(#name, fuzz_##name); \
    static void fuzz_##name([[maybe_unused]] ::nsupcall::fuzz::Input input)
