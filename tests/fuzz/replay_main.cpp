/// @file
/// Runs every target over its seed corpus, under any compiler.
///
/// Usage: fuzz_replay <corpus folder>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz_target.hpp"

int main(int argc, char** argv) {
    namespace fs = std::filesystem;
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s <corpus folder>\n", argv[0]);
        return 64;
    }
    int status = 0;
    for (const auto* target = nsupcall::fuzz::Target::first(); target != nullptr; target = target->next) {
        unsigned inputs = 0;
        const auto folder = fs::path(argv[1]) / target->name;
        for (const auto& entry : fs::directory_iterator(folder)) {
            std::ifstream file(entry.path(), std::ios::binary);
            std::vector<char> data{std::istreambuf_iterator<char>(file), {}};
            std::fprintf(stderr, "%s %s\n", target->name, entry.path().filename().c_str());
            target->run({std::as_bytes(std::span(data))});
            // Every part of a seed as well: what is cut in the middle must be met.
            for (std::size_t size = 0; size < data.size() && size < 2048; ++size) {
                const std::vector<char> cut(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size));
                target->run({std::as_bytes(std::span(cut))});
            }
            ++inputs;
        }
        if (inputs == 0) {
            std::fprintf(stderr, "%s has no seeds\n", target->name);
            status = 1;
        }
    }
    return status;
}
