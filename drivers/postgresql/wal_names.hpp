/// What the names that archive_command and restore_command hand over mean. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "postgresql/lsn.hpp"

namespace varve::postgresql {

struct WalFileName {
    enum class Kind {
        segment,  ///< 000000010000000000000003
        partial,  ///< 000000010000000000000003.partial: the last, unfinished segment of a timeline that was left
        history,  ///< 00000002.history
        backup,   ///< 000000010000000000000003.00000028.backup
    };
    Kind kind = Kind::segment;
    std::uint32_t timeline = 0;
    Lsn from = 0, to = 0;  ///< of the segment; 0 for a history
    friend bool operator==(const WalFileName&, const WalFileName&) = default;
};

/// Nothing for a name that the server would not use, a segment number that cannot be with this segment size among them.
std::optional<WalFileName> find_wal_name(std::string_view name, std::uint64_t segment_bytes);

}  // namespace varve::postgresql
