/// A logical backup is loaded into an empty server, which then gets the archived log.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mysql/logical_load.hpp"
#include "mysql/restore_roll.hpp"
#include "mysql/scratch_folder.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

/// What the backup holds of one table.
struct TableContent {
    std::string quoted;  ///< `db`.`table`
    std::string database, name;
    std::optional<Entry> columns;  ///< the list of them
    std::vector<Entry> rows;       ///< in order
    std::optional<Entry> script;   ///< what makes it
    std::uint64_t bytes = 0;
};

/// The entries of a logical backup by what they are.
struct LogicalContent {
    std::map<std::string, TableContent> tables;                      ///< by folder
    std::map<std::string, std::vector<Entry>, std::less<>> objects;  ///< by kind: database, sequence, function, …, event
    std::optional<Entry> accounts;
    std::uint64_t bytes = 0;
};
/// Fault::corrupt for what no logical backup holds. Pure.
LogicalContent sort_entries(const std::vector<Entry>& entries);

class LogicalRestore {
public:
    LogicalRestore(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services);
    /// Throws what run() would throw before it writes.
    Task<RestoreOutlook> examine();
    Task<Restored> run();

private:
    bool rolls_forward() const;
    StageOrder stage_order(std::filesystem::path folder) const;
    void require_empty_server();
    void require_foreign_gtids(Connection& connection, const AppliedGtids& planned) const;
    Task<std::vector<std::string>> statements_in(Entry entry);
    Task<> run_scripts(const std::string& kind);
    Task<> make_views();
    Task<> load_tables();
    Task<> load_table(Connection& connection, const TableContent& table, asio::thread_pool& loaders);
    Task<> feed(const TableContent& table, RowQueue& rows);
    std::vector<std::string> try_accounts(const std::vector<std::string>& statements, std::optional<Error>& why);
    Task<> make_accounts();
    void quiet_server();
    std::string wake_server();
    Task<> stage();
    Task<std::string> roll_forward();
    void require_applied(const StagedLog& staged);
    void note_gtids(const std::string& applied);

    RestoreRequest request_;
    RestoreSource& base_;
    LogSource* log_;
    DriverServices& services_;
    ConnectionSettings settings_;
    bool mariadb_ = true;
    LogicalContent content_;
    std::optional<Connection> main_;
    LoadWay way_ = LoadWay::local_infile;
    std::vector<std::string> wake_;          ///< what gives the server its own settings back
    std::vector<std::string> foreign_keys_;  ///< statements, for the end
    std::set<std::string> accounts_kept_;    ///< which the server had
    std::filesystem::path scratch_beside_;   ///< where the log is staged, in a folder of its own
    std::optional<ScratchFolder> scratch_;
    std::optional<StagedLog> staged_;  ///< what is applied, when some log is
};

}  // namespace varve::mysql
