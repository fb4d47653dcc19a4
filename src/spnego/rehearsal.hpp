#pragma once
/// @file
/// Going through the making of a token with nothing in hand, so that the next time is a repetition.

namespace nsupcall {

/// Makes a token of a ticket that was made up, by the way that a real one takes: a krb5.conf is parsed, a
/// ccache searched, an authenticator encrypted. What stays is what the kernel and the C library have ready
/// from then on: pages of code and of the heap that are mapped already.
///
/// Opens no file but its own in memory, asks no name service and no network, and leaves no value of the
/// host's behind. It may fail at any point; then more is left to the first time.
/// @return whether it came to a token
[[nodiscard]] bool rehearse_token();

}  // namespace nsupcall
