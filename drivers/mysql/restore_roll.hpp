/// The archived log on its way into a restored server: files rebuilt byte for byte, and what the server must say afterwards.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mysql/base_backup.hpp"
#include "mysql/binlog_walk.hpp"

namespace varve::mysql {

/// Transactions that a server has, of either kind, as far as a restore compares them.
class AppliedGtids {
public:
    AppliedGtids(bool mariadb, std::string_view text);
    void add(const WalkedTransaction& one);
    /// MariaDB: the last one of each domain (gtid_binlog_pos); MySQL: the set.
    std::string text() const;
    bool mariadb() const noexcept { return mariadb_; }
    const GtidSet& set() const noexcept { return set_; }
    const std::map<std::uint32_t, MariadbGtid>& last() const noexcept { return last_; }

private:
    bool mariadb_;
    std::map<std::uint32_t, MariadbGtid> last_;
    GtidSet set_;
};

struct StagedLog {
    std::vector<std::filesystem::path> files;
    BinlogPlace start;                          ///< in the first of them
    BinlogPlace stop;                           ///< in the last of them, as the archive counts
    std::uint64_t stop_in_file = 0;             ///< there, as the staged file counts: less when a transaction was left out of it
    std::size_t transactions = 0;               ///< to apply
    std::optional<AppliedGtids> before, after;  ///< what the server has at the start, and must have at the end
};

struct StageOrder {
    Coordinates base;
    LogPosition base_stop;
    LogPosition to;
    std::string without;  ///< a GTID that is left out
    bool mariadb = true;
    std::filesystem::path folder;
    /// Later than the base's place, where the restored files know of more; of no account when no transaction ends there.
    std::optional<BinlogPlace> start;
};

/// Bytes that staging up to `to` takes.
std::uint64_t bytes_to_stage(const StageOrder& order);

/// Writes the files into order.folder. Fault::corrupt when the log ends early, Fault::refused when order.start is behind
/// order.to.
Task<StagedLog> stage_log(StageOrder order, LogSource& log, Pools& pools);

}  // namespace varve::mysql
