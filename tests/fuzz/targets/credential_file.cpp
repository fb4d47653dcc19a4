#include "logon/credential_file.hpp"

#include "fuzz_target.hpp"
#include "logon/logon_request.hpp"

NSUPCALL_FUZZ_TARGET(credential_file) {
    using nsupcall::LogonCredential;
    using nsupcall::fuzz::require;
    (void)nsupcall::LogonRequest::parse(input.text());
    const auto credential = LogonCredential::parse(input.text());
    if (!credential) return;
    require(!credential->user.empty() && credential->user.size() <= LogonCredential::kUserLimit);
    require(credential->password.size() <= LogonCredential::kPasswordLimit);
    // The kernel takes the first ':' for the end of the user name.
    require(credential->user.find(':') == std::string::npos);
    (void)credential->payload();
}
