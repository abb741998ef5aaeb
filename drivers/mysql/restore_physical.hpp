/// A physical backup becomes a data directory: its files, made consistent by the server's own tool, and rolled forward by a
/// private server.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mysql/restore_roll.hpp"

namespace varve::mysql {

/// What a server on the restored directory must be told: of backup-my.cnf's [mysqld] what is InnoDB's, as arguments. Pure.
std::vector<std::string> server_arguments(std::string_view backup_my_cnf);

/// Where InnoDB itself stands in the log, by what `--prepare` printed. Nothing: it said nothing. Pure.
std::optional<BinlogPlace> place_in_prepare(std::string_view output);

/// Where applying begins when the files hold more than the coordinates say; nothing: at the coordinates. `prepared` is believed
/// only as a place of the same log, up to `log_after`, where that log ended when the files had been copied: what InnoDB remembers
/// outlives RESET MASTER, a renamed log_bin and a restore, and then is of another log. Pure.
std::optional<BinlogPlace> place_beyond(const Coordinates& base, const std::optional<BinlogPlace>& prepared,
                                        const std::optional<BinlogPlace>& log_after);

class PhysicalRestore {
public:
    PhysicalRestore(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services);
    /// Throws what run() would throw before it writes.
    Task<RestoreOutlook> examine();
    Task<Restored> run();

private:
    bool rolls_forward() const;
    StageOrder stage_order() const;
    void find_programs();
    void require_place() const;
    std::string find_owner() const;
    void prepare();
    void make_scratch() const;
    std::string apply(const StagedLog& staged) const;
    void give(const std::filesystem::path& path, mode_t mode) const;
    void give_tree() const;
    std::string start_command() const;
    std::filesystem::path socket() const { return request_.to / "mysqld.sock"; }
    void start() const;

    RestoreRequest request_;
    RestoreSource& base_;
    LogSource* log_;
    DriverServices& services_;
    std::filesystem::path bin_dir_, prepare_tool_, server_, scratch_;
    std::vector<std::string> arguments_;   ///< for a server on the restored directory
    std::optional<BinlogPlace> prepared_;  ///< where the prepared files stand, by InnoDB's own word
    std::optional<std::string> owner_;     ///< when we are root
    std::vector<Entry> entries_;
    std::uint64_t bytes_ = 0;
};

}  // namespace varve::mysql
