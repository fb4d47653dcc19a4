#pragma once
/// @file
/// Counts that are the same on every x86-64 processor.

namespace nsupcall::bench {

/// An environment variable that has glibc use the functions which every x86-64 processor can run.
/// @source  GNU C Library manual, "Hardware Capability Tunables"
inline constexpr const char* kPlainProcessor =
    "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load,-BMI2,-ERMS,-FSRM,-"
    "LZCNT,"
    "-MOVBE,-RTM,-SSE4_1,-SSE4_2,-SSSE3,-Fast_Unaligned_Copy,-XSAVEC";

}  // namespace nsupcall::bench
