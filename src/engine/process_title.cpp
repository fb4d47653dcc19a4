#include "engine/process_title.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace nsupcall::engine {
namespace {

char* g_begin = nullptr;
std::size_t g_size = 0;

std::string& original() {
    static std::string text;
    return text;
}

}  // namespace

void remember_command_line(char** argv) {
    // The words lie one behind the other (Linux fs/binfmt_elf.c, create_elf_tables).
    char* end = argv[0];
    for (char** word = argv; *word != nullptr && *word == end; ++word) end = *word + std::strlen(*word) + 1;
    g_begin = argv[0];
    g_size = static_cast<std::size_t>(end - argv[0]);
    original().assign(g_begin, g_size);
}

void restore_command_line() {
    if (!original().empty()) std::memcpy(g_begin, original().data(), g_size);
}

void set_command_line(std::string_view name, std::string_view word) {
    // The last byte stays NUL: without it the kernel would go on into the environment.
    std::size_t at = 0;
    for (const auto text : {name, word}) {
        if (at + 1 >= g_size) return;
        const auto size = std::min(text.size(), g_size - at - 1);
        std::memcpy(g_begin + at, text.data(), size);
        g_begin[at + size] = '\0';
        at += size + 1;
    }
    std::memset(g_begin + at, 0, g_size - at);
}

}  // namespace nsupcall::engine
