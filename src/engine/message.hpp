#pragma once
/// @file
/// What the front end and the engine say to each other. Plain data: the front end has no library.

#include <cstddef>
#include <cstdint>

namespace nsupcall::engine {

inline constexpr const char* kSocketPath = "/run/nsupcall/engine/socket";
inline constexpr std::uint32_t kAskMagic = 0x6e73656bU, kAnswerMagic = 0x6e736561U,
                               kOutcomeMagic = 0x6e73656fU;

/// Of what both must have been built alike for; another one is declined.
inline constexpr std::uint32_t kProtocol = 1;
inline constexpr std::size_t kVersionSize = 16;

inline constexpr std::size_t kArgumentsMost = 64;        ///< words of the command line
inline constexpr std::size_t kArgumentBytesMost = 8192;  ///< with a NUL behind each
inline constexpr std::size_t kDescriptionMost = 8192;    ///< bytes; the kernel's own limit is below 4 KiB
inline constexpr std::size_t kPayloadMost = 72 * 1024;   ///< bytes: a token and its key, whole

/// The question, one datagram: this, the arguments (argv[0] first), the key's description as
/// keyctl_describe(2) gives it, without its NUL. With it comes one descriptor: /proc/keys, opened by whom
/// request-key gave the authority, whose keys it shows whoever reads it.
struct Ask {
    std::uint32_t magic = kAskMagic, protocol = kProtocol;
    char version[kVersionSize] = {};
    std::int32_t key = 0;
    std::uint32_t arguments = 0, argument_bytes = 0, description_bytes = 0;
    std::uint64_t started_ns = 0;  ///< when the front end began, CLOCK_MONOTONIC
};
inline constexpr std::size_t kAskMost = sizeof(Ask) + kArgumentBytesMost + kDescriptionMost;

enum class Verb : std::uint32_t {
    wait = 1,     ///< `wait_ms` more, then another message; nothing is decided
    instantiate,  ///< with the payload
    reject,       ///< with `code`
    decline,      ///< nothing was done: let the helper itself answer
};

/// The answer, one datagram: this, and the payload. Any number of waits may come before it.
struct Answer {
    std::uint32_t magic = kAnswerMagic;
    Verb verb = Verb::decline;
    std::int32_t code = 0;            ///< errno, 1 to 4094, of a rejection; else 0
    std::uint32_t wait_ms = 0;        ///< of a wait; of a rejection: how long it is held back; else 0
    std::uint32_t payload_bytes = 0;  ///< of an instantiation; else 0
};

inline constexpr std::int32_t kErrnoMost = 4094;
inline constexpr std::uint32_t kWaitMsMost = 120'000;
/// How long a rejection is held back at most. Nobody waits for what became of it then.
inline constexpr std::uint32_t kHoldMsMost = 2000;
/// How long a front end waits for the first word.
inline constexpr std::uint32_t kPatienceMs = 1000;

/// What became of the answer, one datagram.
struct Outcome {
    std::uint32_t magic = kOutcomeMagic;
    std::int32_t code = 0;  ///< errno of the instantiation or rejection; 0 it is done
};

}  // namespace nsupcall::engine
