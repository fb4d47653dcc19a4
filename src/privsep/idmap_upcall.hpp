#pragma once
/// @file
/// The engine for ids and SIDs: asks the chain of sources, and confines what a container says. Knows no key.

#include <sys/types.h>

#include <optional>

#include "idmap/chain.hpp"
#include "idmap/id_question.hpp"
#include "nsutil/deadline.hpp"
#include "privsep/sealed_job.hpp"

namespace nsupcall {

/// What a question came to. Its trace names every source that was asked.
struct IdmapOutcome {
    JobOutcome job;
    std::optional<IdOrSid> answer;  ///< ids are the host's
};

/// Asks the sources of the chain until one answers, for the task `tid`.
///
/// The host's own sources answer for everybody whose request the kernel made (`made_by_kernel`), and for
/// tasks of the host. A container's own are asked inside, and only where it has a user namespace of its own:
/// its ids are translated by that namespace's map, and one that is not mapped is refused. The kernel caches
/// answers for all: nothing else keeps a container from saying who owns what outside of it.
///
/// ENOKEY: nobody knows; EACCES: the answer cannot be confined; EPERM: not the kernel's request, and no
/// source of the asker's own; EHOSTUNREACH: a source that has the say does not answer, and none that follows
/// may contradict it; EINVAL: a map file that is malformed.
[[nodiscard]] IdmapOutcome answer_idmap(const IdQuestion& question, const IdmapOptions& given, pid_t tid,
                                        bool made_by_kernel, const nsutil::Deadline& deadline);

}  // namespace nsupcall
