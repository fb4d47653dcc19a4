#pragma once
/// @file
/// What an examination found out behind the boundary, beside the trace: the payload of the worker's reply.

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "credentials/kdc_probe.hpp"
#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// The file behind one candidate, as the user sees it.
struct CandidateFile {
    std::uint32_t candidate = 0;  ///< index in the trace
    std::uint32_t inside_uid = 0;
    std::uint32_t mode = 0;
    std::uint64_t mount_id = 0;  ///< of mountinfo; 0 where this kernel does not tell
    friend bool operator==(const CandidateFile&, const CandidateFile&) = default;
};

/// What would have come of the request, and what that rests on.
struct Findings {
    std::int32_t code = 0;  ///< 0: it would be answered; else the errno that the key would get
    std::string message;    ///< why, where code is not 0
    std::string client, server;
    std::int64_t expires = 0;   ///< of the service ticket, Unix time; 0 where it is not there yet
    bool has_ticket = false;    ///< the service ticket is there: no KDC is needed, or it has been asked
    std::string default_realm;  ///< of the namespace's krb5.conf; empty where it has none
    std::string realm;          ///< whose KDC was wanted; empty where none was
    std::vector<ProbedKdc> kdcs;
    std::vector<CandidateFile> files;
    friend bool operator==(const Findings&, const Findings&) = default;
};

inline constexpr std::size_t kFindingsKdcsMost = 10;

/// Texts are cut to kReplyTextLimit, lists to what decode_findings() takes.
[[nodiscard]] nsutil::SecretBytes encode_findings(const Findings& findings);

/// @errors EPROTO anything that encode_findings() would not have made
[[nodiscard]] nsutil::Result<Findings> decode_findings(std::span<const std::byte> bytes);

}  // namespace nsupcall
