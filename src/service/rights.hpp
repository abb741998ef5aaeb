/// Who may do what over the control socket, by the kernel's word on who is on the other end. Pure but for the names of groups.
#pragma once

#include <sys/types.h>

#include <optional>

#include "service/control.hpp"

namespace varve {

enum class Right { look, act };

struct Authorities {
    uid_t service = 0;             ///< the user that the service runs as
    std::optional<gid_t> admins;   ///< group `varve-admin` acts
    std::optional<gid_t> lookers;  ///< group `varve` looks
};

/// Root, the service's own user and group varve-admin do both.
bool may(const Peer& peer, const Authorities& authorities, Right right);
/// Handing over a log file: whoever may act, and the user that owns the source's data directory, with files of its own.
bool may_push(const Peer& peer, const Authorities& authorities, std::optional<uid_t> data_owner, uid_t file_owner);

/// This process's user and the two groups of this host, where they exist. Asks the name service: not on the io thread.
Authorities find_authorities();

}  // namespace varve
