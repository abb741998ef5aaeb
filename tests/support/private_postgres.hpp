/// A PostgreSQL server of its own for a test: private data directory, unix socket only; stopped and removed at its end.
/// Needs the binaries of Debian's postgresql-15 (or VARVE_PG_BIN_DIR); as root it runs as user postgres.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace varve::test {

class PrivatePostgres {
public:
    struct Options {
        std::vector<std::string> settings;  ///< lines for postgresql.conf: "wal_level = replica"
        unsigned segment_megabytes = 16;
        bool checksums = true;
    };

    /// initdb and start.
    explicit PrivatePostgres(Options options);
    PrivatePostgres() : PrivatePostgres(Options{}) {}
    PrivatePostgres(const PrivatePostgres&) = delete;
    PrivatePostgres& operator=(const PrivatePostgres&) = delete;
    ~PrivatePostgres();

    /// A streaming standby of `primary`, made by pg_basebackup and started.
    static std::unique_ptr<PrivatePostgres> make_standby(const PrivatePostgres& primary,
                                                         const std::vector<std::string>& settings = {});

    static std::filesystem::path bin_dir();
    std::filesystem::path data() const { return place_ / "data"; }
    /// Superuser, over the unix socket.
    std::string conninfo(const std::string& database = "postgres") const;

    void start();
    /// smart | fast | immediate; waits for the end, and throws when it did not come within `seconds`.
    void stop(const std::string& mode = "fast", int seconds = 60);
    /// As stop(), without waiting: for watching what holds it.
    void begin_stop(const std::string& mode);
    bool is_running() const;
    void promote();
    void configure(const std::vector<std::string>& lines);  ///< appended to postgresql.conf; start() or reload() makes them true
    void reload();

    /// Unaligned output of psql, without the last newline. Throws what the server said.
    std::string sql(const std::string& statement, const std::string& database = "postgres") const;
    /// Runs one of the server's programs as its user: {"pg_waldump", "…"}; gives standard output.
    std::string tool(std::vector<std::string> arguments) const;

private:
    struct Empty {};
    explicit PrivatePostgres(Empty);
    void write_configuration(const std::vector<std::string>& settings);

    TempDir place_;
};

}  // namespace varve::test
