#include "admin/elf_interpreter.hpp"

#include <elf.h>

#include <cstring>

namespace nsupcall::admin {
namespace {

/// Where the path is in the file: its first byte, and the bytes up to and without the NUL that ends it.
struct Room {
    std::size_t at = 0, size = 0;
};

template <class T>
bool read_at(const std::string& bytes, std::size_t at, T& value) {
    if (at > bytes.size() || bytes.size() - at < sizeof value) return false;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return true;
}

std::optional<Room> find_room(const std::string& program) {
    Elf64_Ehdr header = {};
    if (!read_at(program, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_phentsize != sizeof(Elf64_Phdr))
        return std::nullopt;
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment = {};
        if (header.e_phoff > program.size() ||
            !read_at(program, header.e_phoff + i * sizeof segment, segment))
            return std::nullopt;
        if (segment.p_type != PT_INTERP) continue;
        const Room room = {segment.p_offset, segment.p_filesz - 1};
        if (segment.p_filesz < 2 || room.at > program.size() || program.size() - room.at <= room.size ||
            program[room.at + room.size] != '\0')
            return std::nullopt;
        return room;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> elf_interpreter(const std::string& program) {
    const auto room = find_room(program);
    if (!room) return std::nullopt;
    return program.substr(room->at, room->size).c_str();
}

nsutil::Result<void> set_elf_interpreter(std::string& program, const std::string& folder,
                                         const std::string& file) {
    const auto room = find_room(program);
    if (!room) return nsutil::fail(ENOEXEC, "names no loader");
    if (folder.size() + 1 + file.size() > room->size)
        return nsutil::fail(ENAMETOOLONG, "has room for a loader's path of " + std::to_string(room->size) +
                                              " bytes, too few for " + folder + "/" + file);
    program.replace(room->at, room->size,
                    folder + std::string(room->size - folder.size() - file.size(), '/') + file);
    return {};
}

}  // namespace nsupcall::admin
