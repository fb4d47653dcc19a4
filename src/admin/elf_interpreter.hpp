#pragma once
/// @file
/// The loader that a program names (PT_INTERP), rewritten in place.

#include <optional>
#include <string>

#include "nsutil/result.hpp"

namespace nsupcall::admin {

/// The path of the loader in a 64-bit little-endian ELF program; nothing where it names none (a library, a
/// script).
/// @source System V ABI, ELF-64 object file format
[[nodiscard]] std::optional<std::string> elf_interpreter(const std::string& program);

/// Makes the program name `folder`/`file` as its loader. The room in the file stays what it is: it is filled
/// with slashes between the two, which mean nothing in a path.
/// @errors ENOEXEC it names no loader; ENAMETOOLONG the room is too small
[[nodiscard]] nsutil::Result<void> set_elf_interpreter(std::string& program, const std::string& folder,
                                                       const std::string& file);

}  // namespace nsupcall::admin
