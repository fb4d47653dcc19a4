#pragma once
/// @file
/// The child that works inside the requester's namespaces.

#include <krb5.h>
#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "credentials/credential_query.hpp"
#include "credentials/host_profile.hpp"
#include "nsutil/deadline.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "privsep/boundary.hpp"
#include "privsep/reply.hpp"
#include "request/spnego_request.hpp"

namespace nsupcall {

/// Work behind the boundary in place of making a token: fills in the reply's payload. See
/// privsep/examiner.hpp.
using Examiner = nsutil::Result<void> (*)(krb5_context context, const CredentialQuery& query, Reply& reply);

/// What a worker is to do, all of it known before it begins.
struct WorkerTask {
    const nsutil::NamespaceSet& namespaces;
    std::uint32_t host_uid = 0, inside_uid = 0;
    std::uint32_t host_gid = 0;
    std::vector<gid_t> host_groups = {};
    int environ_dir = -1;        ///< the requester's /proc directory where its environment counts, else -1
    CredentialQuery query = {};  ///< `environment.note` says why it does not count
    Security security = Security::krb5;
    const HostProfile* profile = nullptr;  ///< replaces the namespace's krb5.conf
    Examiner examine = nullptr;            ///< null: make a token
};

/// Runs in the child: reads the requester's environment, crosses the boundary, locates a credential, makes
/// the token, and sends one reply through `reply_fd`.
/// @return the exit status, 0 where a reply was sent
int run_worker(const WorkerTask& task, pid_t broker, int reply_fd, const nsutil::Deadline& deadline);

/// The same for a worker that has done what needs no task: ties to the broker, handlers of signals
/// (EmergencyReply::arm_handlers()), the first step of the boundary.
int run_prepared_worker(const WorkerTask& task, const BoundaryHead& head, pid_t broker, int reply_fd,
                        const nsutil::Deadline& deadline);

}  // namespace nsupcall
