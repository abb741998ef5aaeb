#include "postgresql/backup_wal.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "support/private_postgres.hpp"
#include "support/run.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;
using namespace varve::test;

namespace {

/// Keeps finished entries in memory.
class MemoryBackup final : public BackupSink {
public:
    std::map<std::string, Bytes> entries;

    const PreviousBackup* previous() const override { return nullptr; }
    Task<bool> carry_over(Entry) override { co_return false; }
    Task<FileRead> take_file(Entry, std::shared_ptr<const LocalFile>, ChunkProfile, std::shared_ptr<BlockCheck>) override {
        co_return FileRead{};
    }
    Task<> add(Entry entry, Bytes content) override {
        entries[entry.path] = std::move(content);
        co_return;
    }
    Task<std::unique_ptr<EntryWriter>> open(Entry entry, ChunkProfile) override {
        co_return std::make_unique<Writer>(*this, entry.path);
    }

private:
    class Writer final : public EntryWriter {
    public:
        Writer(MemoryBackup& into, std::string path) : into_{into}, path_{std::move(path)} {}
        Task<> write(Bytes block) override {
            append(bytes_, block);
            co_return;
        }
        Task<> finish() override {
            into_.entries[path_] = std::move(bytes_);
            co_return;
        }

    private:
        MemoryBackup& into_;
        std::string path_;
        Bytes bytes_;
    };
};

/// The bytes of a segment's file before `end`, zeros after it.
Bytes segment_until(const PrivatePostgres& server, std::uint32_t timeline, Lsn at, Lsn end, std::uint64_t segment_bytes) {
    auto bytes = to_bytes(view_of(read_text(server.data() / "pg_wal" / segment_name(timeline, at, segment_bytes))));
    if (end < at + segment_bytes) std::fill(bytes.begin() + static_cast<long>(end - at), bytes.end(), std::uint8_t{0});
    return bytes;
}

}  // namespace

TEST_CASE("a backup carries all log from its start to its stop", "[engine]") {
    PrivatePostgres server{{.settings = {"wal_keep_size = '64MB'"}, .segment_megabytes = 1}};
    server.sql("CREATE TABLE t (n int, filler text)");
    asio::io_context io;
    TestPools pools;
    MemoryBackup backup;
    Lsn start = 0, stop = 0;
    ServerLog log;

    auto make = [&](TaskGroup& group) -> Task<> {
        auto wal = co_await BackupWal::open({.conninfo = server.conninfo()}, "2026-11-23T02:00:00Z Main", backup, pools.pools);
        auto sql = co_await Session::open({.conninfo = server.conninfo()}, SessionKind::sql, pools.pools);
        start = parse_lsn(co_await sql->value("SELECT pg_backup_start('x', true)"));
        CHECK(co_await sql->value(
                  "SELECT count(*) FROM pg_replication_slots WHERE temporary AND slot_name LIKE 'varve_backup_%_main'") == "1");
        group.spawn(wal->run(start));
        co_await sql->query("INSERT INTO public.t SELECT g, repeat('x', 300) FROM generate_series(1, 9000) g");
        stop = parse_lsn(co_await sql->value("SELECT lsn FROM pg_backup_stop(false)"));
        co_await wal->finish(stop);
        log = wal->server();
        CHECK(wal->received() >= stop);
        co_await group.join();
    };
    run(io, in_group(make));

    constexpr std::uint64_t segment_bytes = 1u << 20;
    REQUIRE(stop - start > 2 * segment_bytes);
    std::map<std::string, Bytes> expected;
    for (auto at = segment_start(start, segment_bytes); at < stop; at += segment_bytes)
        expected["wal/" + segment_name(1, at, segment_bytes)] = segment_until(server, 1, at, stop, segment_bytes);
    // What came behind the stop is no concern of the backup, and may be there or not.
    for (auto& [path, bytes] : backup.entries) {
        REQUIRE(bytes.size() == segment_bytes);
        if (path == "wal/" + segment_name(1, stop, segment_bytes))
            std::fill(bytes.begin() + static_cast<long>(stop % segment_bytes), bytes.end(), std::uint8_t{0});
    }
    CHECK(backup.entries == expected);
    CHECK(log.segment_bytes == segment_bytes);
    CHECK(server.sql("SELECT count(*) FROM pg_replication_slots") == "0");
}

TEST_CASE("a segment that was only begun behind a closed one is no part of the backup", "[engine]") {
    PrivatePostgres server{{.settings = {"wal_keep_size = '64MB'"}, .segment_megabytes = 1}};
    server.sql("CREATE TABLE t (n int)");
    asio::io_context io;
    TestPools pools;
    MemoryBackup backup;
    Lsn end = 0;

    auto make = [&](TaskGroup& group) -> Task<> {
        SystemClock clock;
        auto wal = co_await BackupWal::open({.conninfo = server.conninfo()}, "late", backup, pools.pools);
        auto sql = co_await Session::open({.conninfo = server.conninfo()}, SessionKind::sql, pools.pools);
        const auto start = parse_lsn(co_await sql->value("SELECT pg_backup_start('x', true)"));
        group.spawn(wal->run(start));
        const auto stop = parse_lsn(co_await sql->value("SELECT lsn FROM pg_backup_stop(false)"));
        end = segment_start(stop - 1, 1U << 20) + (1U << 20);
        // The server goes on, and the stream with it, before the backup says where it ends.
        while (wal->received() <= end) {
            co_await sql->query("INSERT INTO public.t VALUES (1)");
            co_await clock.sleep_for(std::chrono::milliseconds{10});
        }
        co_await wal->finish(end);
        co_await group.join();
    };
    run(io, in_group(make));

    CHECK(backup.entries.contains("wal/" + segment_name(1, end - 1, 1U << 20)));
    CHECK_FALSE(backup.entries.contains("wal/" + segment_name(1, end, 1U << 20)));
}

TEST_CASE("a standby that is promoted ends the backup's log, and finish says why", "[engine]") {
    PrivatePostgres primary{{.settings = {}, .segment_megabytes = 1}};
    auto standby = PrivatePostgres::make_standby(primary);
    asio::io_context io;
    TestPools pools;
    MemoryBackup backup;
    std::optional<Fault> fault;

    auto make = [&](TaskGroup& group) -> Task<> {
        auto wal = co_await BackupWal::open({.conninfo = standby->conninfo()}, "x", backup, pools.pools);
        group.spawn(wal->run(wal->server().flushed));
        co_await on_pool(pools.pools.blocking, [&] { standby->promote(); });
        co_await wal->finish(UINT64_MAX);
    };
    try {
        run(io, in_group(make));
    } catch (const Error& error) {
        fault = error.fault();
    }

    CHECK(fault == Fault::conflict);
}
