/// The replication slot that makes the server keep its log until we have it.
#pragma once

#include <optional>
#include <string>

#include "postgresql/connection.hpp"
#include "postgresql/lsn.hpp"

namespace varve::postgresql {

struct SlotState {
    bool physical = true;
    std::optional<int> active_pid;  ///< the server process that streams from it now
    std::optional<Lsn> holds_from;  ///< nothing: it holds no log yet, or has lost it
    bool lost = false;              ///< the server removed log that the slot should have held
};

/// Nothing when there is no slot of that name.
Task<std::optional<SlotState>> find_slot(Session& sql, std::string name);

/// Makes the slot usable: creates it (RESERVE_WAL) where it is absent, makes it anew where it was lost. Whether the log that a
/// lost slot should have held is really gone shows when it is streamed. Fault::conflict, exit code 11, with the other's process
/// id when it is in use; Fault::overloaded when the user is `own_pid`, a connection of ours whose end the server has not noticed.
Task<> prepare_slot(Session& sql, Session& replication, std::string name, std::optional<int> own_pid);

/// Nothing happens when there is none.
Task<> drop_slot(Session& sql, Session& replication, std::string name);

}  // namespace varve::postgresql
