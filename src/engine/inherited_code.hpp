#pragma once
/// @file
/// Code that children of this process find mapped.

namespace nsupcall::engine {

/// Makes fork(2) copy the page tables of this program's code and constants, those of its libraries included.
///
/// It does so only for mappings that have a page of their own (Linux mm/memory.c, vma_needs_copy); of all
/// others a child takes a fault for every sixteen pages that it comes to. So one byte of each is written over
/// itself, by way of /proc/self/mem, which needs no mapping that is both writable and executable. A wish: where
/// the kernel does not let it, everything works as well, later.
/// @return mappings that have got their page
unsigned inherit_code();

}  // namespace nsupcall::engine
