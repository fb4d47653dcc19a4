#pragma once
/// @file
/// Calls: everything that is answered but SPNEGO tokens. One function a kind; none of them touches a key.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmap/chain.hpp"
#include "idmap/id_question.hpp"
#include "nsutil/deadline.hpp"
#include "nsutil/secret_bytes.hpp"
#include "privsep/logon_upcall.hpp"
#include "privsep/sealed_job.hpp"

namespace nsupcall {

/// Who asks.
struct Asker {
    pid_t tid = 0;                ///< in the initial pid namespace; our own for a call by hand
    std::uint32_t host_uid = 0;   ///< owner of the key
    bool made_by_kernel = false;  ///< the kernel itself asks; by hand: the administrator
    bool proven = false;          ///< ... and the thread keyring proves it
    std::string callout{};        ///< what came beside the description
};

/// What a call came to.
struct CallResult {
    JobOutcome job;                  ///< for the log
    int code = 0;                    ///< 0, or the errno for the key
    std::string message;             ///< why, where code is not 0; holds no secret
    nsutil::SecretBytes payload;     ///< for the key; also of a failure that the key shall hold
    unsigned lives_seconds = 0;      ///< how long the payload holds; 0: for ever
    bool is_number = false;          ///< `words` holds one number
    bool is_list = false;            ///< `words` may hold any number of texts
    std::vector<std::string> words;  ///< the answer in words, to be printed; empty for a secret

    void fail(int error, std::string why) {
        code = error;
        message = std::move(why);
    }
};

/// A host name, "[type:]name". A name that cannot be resolved has a payload that says so.
/// @param config         the rules
/// @param lives_seconds  where the resolver does not tell
[[nodiscard]] CallResult call_names(std::string_view description, const std::string& config,
                                    const Asker& asker, unsigned lives_seconds,
                                    const nsutil::Deadline& deadline);

/// An id or a SID.
[[nodiscard]] CallResult call_idmap(const IdQuestion& question, const IdmapOptions& options,
                                    const Asker& asker, unsigned lives_seconds,
                                    const nsutil::Deadline& deadline);

/// A principal: the uid of its local user, or the primary gid.
[[nodiscard]] CallResult call_principal(std::string_view principal, bool want_gid, const Asker& asker,
                                        unsigned lives_seconds, const nsutil::Deadline& deadline);

/// A `logon` key's description.
[[nodiscard]] CallResult call_logon(std::string_view description, const LogonOptions& options,
                                    const Asker& asker, unsigned lives_seconds,
                                    const nsutil::Deadline& deadline);

}  // namespace nsupcall
