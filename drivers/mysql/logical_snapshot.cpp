#include "mysql/logical_snapshot.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "mysql/server_error.hpp"

namespace varve::mysql {

namespace {

using Steady = std::chrono::steady_clock;

constexpr unsigned attempts_max = 20;

std::chrono::milliseconds since(Steady::time_point begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begin);
}

/// Cuts a connection when it has held its locks for too long: the server then takes them back.
class HoldLimit {
public:
    HoldLimit(Connection& holder, std::chrono::seconds hold_max) {
        watch_ = std::jthread{[this, &holder, hold_max](const std::stop_token& stop) {
            std::unique_lock lock{mutex_};
            if (woken_.wait_for(lock, stop, hold_max, [] { return false; }) || stop.stop_requested()) return;
            cut_ = true;
            holder.interrupt();
        }};
    }
    HoldLimit(const HoldLimit&) = delete;
    HoldLimit& operator=(const HoldLimit&) = delete;
    ~HoldLimit() { end(); }
    void end() {
        watch_.request_stop();
        if (watch_.joinable()) watch_.join();
    }
    bool cut() const noexcept { return cut_; }

private:
    std::mutex mutex_;
    std::condition_variable_any woken_;
    std::atomic<bool> cut_ = false;
    std::jthread watch_;
};

class SnapshotTaker {
public:
    SnapshotTaker(const ConnectionSettings& settings, const SnapshotLimits& limits)
        : settings_{settings}, limits_{limits}, holder_{settings}, mariadb_{holder_.is_mariadb()} {}

    Snapshot take() {
        open_readers();
        holder_.execute("SET SESSION lock_wait_timeout = " + std::to_string(limits_.lock_wait_max.count()));
        HoldLimit limit{holder_, limits_.lock_hold_max};
        try {
            if (mariadb_)
                by_stages_at_last();
            else
                by_locks();
        } catch (const Error& error) {
            limit.end();
            if (limit.cut())
                throw Error{Fault::overloaded, "the locks of a logical backup were held for " +
                                                   std::to_string(limits_.lock_hold_max.count()) + " s and given back"}
                    .hint("The server has too many tables or answers too slowly: run the backup when it is quieter.");
            constexpr unsigned lock_wait_timeout = 1205;
            if (number_of(error) == lock_wait_timeout)
                throw Error{Fault::overloaded, "a lock that a logical backup needs was not to be had within " +
                                                   std::to_string(limits_.lock_wait_max.count()) + " s"}
                    .with("mysql_error", "1205")
                    .hint("A long statement holds what the lock waits for. The backup gave up, so that nobody waits for it.");
            throw;
        }
        limit.end();
        return std::move(snapshot_);
    }

private:
    void open_readers() {
        bool without_binlog = true;
        for (unsigned i = 0; i < limits_.readers; ++i) {
            auto& reader = snapshot_.readers.emplace_back(settings_);
            reader.execute(
                "SET SESSION character_set_results = NULL, net_write_timeout = 3600, net_read_timeout = 3600, lock_wait_timeout "
                "= " +
                std::to_string(limits_.lock_wait_max.count()));
            reader.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
            if (!mariadb_) continue;
            // Where the session writes no binlog, MariaDB lets go of a table at ROLLBACK TO SAVEPOINT.
            try {
                reader.execute("SET SESSION sql_log_bin = 0");
            } catch (const Error& error) {
                if (error.fault() != Fault::denied) throw;
                without_binlog = false;
            }
        }
        snapshot_.releases_tables = without_binlog;
    }

    void begin_transactions() {
        for (auto& reader : snapshot_.readers)
            reader.execute(mariadb_ ? "START TRANSACTION WITH CONSISTENT SNAPSHOT"
                                    : "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
        look_for_prepared();
    }

    /// What a transaction in two phases has written is in no snapshot before its XA COMMIT, and the log has no more than that
    /// behind it. Within the lock: nobody prepares one meanwhile.
    void look_for_prepared() {
        try {
            const auto prepared = holder_.query("XA RECOVER").size();
            if (prepared == 0) return;
            snapshot_.findings.push_back({Finding::Level::error,
                                          std::to_string(prepared) +
                                              " transactions in two phases are prepared and not ended: no log " +
                                              "can be applied to this backup past their XA COMMIT",
                                          "End them (XA RECOVER lists them) and take another backup."});
        } catch (const Error& error) {
            if (error.fault() != Fault::denied) throw;  // check_rights_to_copy names what is missing
        }
    }

    // ------------------------------------------------------------------------------------------------------- MariaDB

    /// A statement that alters a table may have locked it, and wait for our stage to end, when we want to see its definition:
    /// then it goes first.
    void by_stages_at_last() {
        for (unsigned attempt = 1;; ++attempt) {
            try {
                return by_stages();
            } catch (const Error& error) {
                constexpr unsigned deadlock = 1213;
                if (number_of(error) != deadlock) throw;
            }
            holder_.execute("BACKUP STAGE END");
            if (attempt == attempts_max)
                throw Error{Fault::conflict, "tables were altered again and again while a logical backup listed them"}
                    .code("table_altered", 75)
                    .hint("Nothing of this backup was kept. Run it again when the schema does not change.");
        }
    }

    void by_stages() {
        snapshot_.findings.clear();
        holder_.execute("BACKUP STAGE START");
        holder_.execute("BACKUP STAGE FLUSH");
        const auto ddl = Steady::now();
        holder_.execute("BACKUP STAGE BLOCK_DDL");
        snapshot_.schema = read_schema(holder_);
        const auto commits = Steady::now();
        holder_.execute("BACKUP STAGE BLOCK_COMMIT");
        begin_transactions();
        snapshot_.coordinates = find_place_of_mariadb();
        read_sequence_values(holder_, snapshot_.schema);
        snapshot_.time = ask_time(holder_);
        holder_.execute("BACKUP STAGE END");
        snapshot_.commits_held = since(commits);
        snapshot_.ddl_held = since(ddl);
        check_places();
    }

    std::optional<Coordinates> find_place_of_mariadb() {
        const auto rows = holder_.query("SHOW MASTER STATUS");
        if (rows.empty()) return std::nullopt;
        return Coordinates{.file = rows.text(0, "File"),
                           .position = std::stoull(rows.text(0, "Position")),
                           .gtid = holder_.value("SELECT @@GLOBAL.gtid_binlog_pos")};
    }

    /// Each reader knows where its own snapshot lies: a check that costs nothing.
    void check_places() {
        if (!snapshot_.coordinates) return;
        for (auto& reader : snapshot_.readers) {
            const auto rows = reader.query("SHOW STATUS LIKE 'Binlog_snapshot_%'");
            Coordinates place{.file = {}, .position = 0, .gtid = snapshot_.coordinates->gtid};
            for (std::size_t row = 0; row < rows.size(); ++row) {
                if (rows.text(row, 0) == "Binlog_snapshot_file") place.file = rows.text(row, 1);
                if (rows.text(row, 0) == "Binlog_snapshot_position") place.position = std::stoull(rows.text(row, 1));
            }
            if (place != *snapshot_.coordinates)
                throw Error{Fault::defect, "the snapshots of a logical backup do not lie at one place of the log"}
                    .with("wanted", snapshot_.coordinates->file + ":" + std::to_string(snapshot_.coordinates->position))
                    .with("found", place.file + ":" + std::to_string(place.position));
        }
    }

    // --------------------------------------------------------------------------------------------------------- MySQL

    /// In this order: a statement that alters a table takes the global lock first and the instance's then. Locked the other way
    /// round it would wait for us and we for it, and the server would end *it*.
    void by_locks() {
        wait_for_long_statements();
        const auto begin = Steady::now();
        holder_.execute("FLUSH TABLES WITH READ LOCK");
        const bool instance = lock_instance();
        if (!instance) snapshot_.schema = read_schema(holder_);
        begin_transactions();
        snapshot_.coordinates = find_place_of_mysql();
        snapshot_.time = ask_time(holder_);
        holder_.execute("UNLOCK TABLES");
        snapshot_.commits_held = since(begin);
        if (instance) {
            snapshot_.schema = read_schema(holder_);
            holder_.execute("UNLOCK INSTANCE");
        }
        snapshot_.ddl_held = since(begin);
        snapshot_.releases_tables = true;
    }

    /// What reads or alters a table for long makes the global lock wait, and all commits with it. Here it holds up only what
    /// wants the same table.
    void wait_for_long_statements() {
        holder_.execute("FLUSH NO_WRITE_TO_BINLOG TABLES");
        if (try_to_lock_instance()) holder_.execute("UNLOCK INSTANCE");
    }

    bool try_to_lock_instance() {
        try {
            holder_.execute("LOCK INSTANCE FOR BACKUP");
        } catch (const Error& error) {
            if (error.fault() != Fault::denied) throw;
            return false;
        }
        return true;
    }

    bool lock_instance() {
        if (try_to_lock_instance()) return true;
        snapshot_.findings.push_back({Finding::Level::warning,
                                      "the user may not lock the instance: commits wait while tables are listed",
                                      "GRANT BACKUP_ADMIN ON *.* to the user of this source."});
        return false;
    }

    std::optional<Coordinates> find_place_of_mysql() {
        if (holder_.value("SELECT @@GLOBAL.log_bin") == "0") return std::nullopt;
        const auto local =
            nlohmann::json::parse(holder_.value("SELECT LOCAL FROM performance_schema.log_status"), nullptr, false);
        if (!local.is_object() || !local.contains("binary_log_file") || !local.contains("binary_log_position"))
            throw Error{Fault::unsupported, "the server's performance_schema.log_status cannot be understood"};
        Coordinates place{.file = local["binary_log_file"].get<std::string>(),
                          .position = local["binary_log_position"].get<std::uint64_t>(),
                          .gtid = {}};
        for (const char c : local.value("gtid_executed", std::string{}))
            if (c != '\n' && c != ' ') place.gtid += c;
        return place;
    }

    const ConnectionSettings& settings_;
    const SnapshotLimits& limits_;
    Connection holder_;
    bool mariadb_;
    Snapshot snapshot_;
};

}  // namespace

Snapshot take_snapshot(const ConnectionSettings& settings, const SnapshotLimits& limits) {
    return SnapshotTaker{settings, limits}.take();
}

}  // namespace varve::mysql
