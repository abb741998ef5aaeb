#include "sqlite/connection.hpp"

#include <sqlite3.h>

#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr int busy_patience_ms = 250;

Fault fault_of(int code) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_NOMEM:
        case SQLITE_PROTOCOL:
            return Fault::overloaded;
        case SQLITE_CORRUPT:
            return Fault::corrupt;
        case SQLITE_NOTADB:
            return Fault::invalid;
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY:
            return Fault::denied;
        case SQLITE_CANTOPEN:  // no descriptor left, most often: that the file is there was seen before
        case SQLITE_IOERR:
        case SQLITE_FULL:
            return Fault::unreachable;
        default:
            return Fault::defect;
    }
}

Error error_from(sqlite3* database, int code, const std::filesystem::path& path, const std::string& step) {
    const char* why = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
    Error error{fault_of(code), step + " " + path.string() + ": " + why};
    error.with("sqlite_code", std::to_string(database != nullptr ? sqlite3_extended_errcode(database) : code));
    return error;
}

struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Statement prepare(sqlite3* database, const std::string& sql, const std::filesystem::path& path) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v2(database, sql.c_str(), static_cast<int>(sql.size()) + 1, &raw, nullptr);
    if (code != SQLITE_OK) throw error_from(database, code, path, "reading");
    return Statement{raw};
}

}  // namespace

void Connection::Close::operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }

Connection::Connection(const std::filesystem::path& path, Access access) : path_{path} {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(raw);
    if (code != SQLITE_OK) throw error_from(raw, code, path_, "opening");
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, busy_patience_ms);
    sqlite3_wal_autocheckpoint(raw, 0);
    const int leave = access == Access::follow ? 1 : 0;
    if (sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave, nullptr) != SQLITE_OK)
        throw Error{Fault::unsupported, "this SQLite library cannot be told not to checkpoint when it closes"};
    execute("PRAGMA cache_size=8");
}

void Connection::execute(const std::string& sql) {
    const int code = sqlite3_exec(raw(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw error_from(raw(), code, path_, sql + " in");
}

std::optional<std::string> Connection::find_text(const std::string& sql) {
    const auto statement = prepare(raw(), sql, path_);
    const int code = sqlite3_step(statement.get());
    if (code == SQLITE_DONE) return std::nullopt;
    if (code != SQLITE_ROW) throw error_from(raw(), code, path_, "reading");
    const auto* text = sqlite3_column_text(statement.get(), 0);
    if (text == nullptr) return std::nullopt;
    return std::string{reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), 0))};
}

void Connection::begin_reading() {
    execute("BEGIN");
    try {
        find_text("SELECT 1 FROM sqlite_schema LIMIT 1");  // the snapshot is taken by the first read
    } catch (...) {
        end();
        throw;
    }
}

bool Connection::try_begin_writing(std::chrono::milliseconds patience) {
    sqlite3_busy_timeout(raw(), static_cast<int>(patience.count()));
    const int code = sqlite3_exec(raw(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return true;
    if ((code & 0xff) == SQLITE_BUSY) return false;
    throw error_from(raw(), code, path_, "locking");
}

void Connection::end() noexcept {
    if (sqlite3_get_autocommit(raw()) == 0) sqlite3_exec(raw(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Checkpoint Connection::checkpoint_passively() {
    Checkpoint result;
    const int code = sqlite3_wal_checkpoint_v2(raw(), "main", SQLITE_CHECKPOINT_PASSIVE, &result.frames, &result.backfilled);
    if ((code & 0xff) == SQLITE_BUSY) {
        result.busy = true;
        return result;
    }
    if (code != SQLITE_OK) throw error_from(raw(), code, path_, "checkpointing");
    return result;
}

std::string library_version() { return sqlite3_libversion(); }

bool has_wal_reset_defect() {
    const int version = sqlite3_libversion_number();
    const bool corrected_branch = (version >= 3044006 && version < 3045000) || (version >= 3050007 && version < 3051000);
    return version < 3051003 && !corrected_branch;
}

}  // namespace varve::sqlite
