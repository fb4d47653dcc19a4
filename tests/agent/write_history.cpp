/// @file
/// write_history DIR: adds upcalls to a history ring, as the helpers do: two tokens, a refusal, a forged request, and
/// one whose every text is hostile.

#include <cstdio>
#include <ctime>

#include "trace/history.hpp"

int main(int argc, char** argv) {
    using namespace nsupcall;
    if (argc != 2) return 64;
    const History history(argv[1]);
    struct {
        const char* call;
        int code;
        std::uint64_t duration_us;
        bool forged;
    } const upcalls[] = {{"cifs.spnego", 0, 2'000, false},
                         {"cifs.spnego", 0, 30'000, false},
                         {"cifs.spnego", ENOKEY, 700, false},
                         {"cifs.spnego", EPERM, 600, true},
                         {"\033]0;x\007\"\n", EINVAL, 20'000'000, false}};
    for (const auto& [call, code, duration_us, forged] : upcalls) {
        HistoryRecord record;
        record.time_us = static_cast<std::int64_t>(std::time(nullptr)) * 1'000'000;
        record.duration_us = duration_us;
        record.program = "cifs.upcall";
        record.call = call;
        record.description = record.message = record.principal = record.host = call;
        record.code = code;
        record.forged = forged;
        if (const auto done = history.append(record); !done) {
            (void)std::fprintf(stderr, "write_history: %s\n", done.error().text().c_str());
            return 1;
        }
    }
    return 0;
}
