#pragma once
/// @file
/// What is left of MEMORY ccaches: libkrb5 has no list of them.

#include <krb5.h>

#include <string>

namespace nsupcall::test {

/// How many of the ccaches that krb5_cc_new_unique() has made in this process still hold something.
[[nodiscard]] unsigned unique_ccaches(krb5_context context);

/// Whether the MEMORY ccache of this name holds something.
[[nodiscard]] bool is_there(krb5_context context, const std::string& full_name);

}  // namespace nsupcall::test
