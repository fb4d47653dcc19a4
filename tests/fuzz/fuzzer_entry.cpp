/// @file
/// libFuzzer's way in: the executable holds one target.

#include "fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    nsupcall::fuzz::Target::first()->run({std::as_bytes(std::span(data, size))});
    return 0;
}
