/// Results as a host would give them, for the tests of JSON and text.
#pragma once

#include "cli/results.hpp"

namespace varve::cli::test {

inline Instant at(const char* time) { return from_rfc3339(time); }

inline BackupMade sample_backup() {
    BackupMade made;
    made.id = BackupId{"20261123T020000Z-1a2b3c4d"};
    made.source = SourceName{"pg/main"};
    made.start_time = at("2026-11-23T02:00:00Z");
    made.stop_time = at("2026-11-23T02:00:12.5Z");
    made.files = 1042;
    made.bytes_source = 1288490189;
    made.bytes_read = 20971520;
    made.bytes_stored = 5242880;
    made.chunks_new = 80;
    made.chunks_reused = 19000;
    made.duration = std::chrono::milliseconds{12500};
    made.copies = {RepositoryName{"local"}};
    return made;
}

inline SourceRow sample_source() {
    SourceRow row;
    row.name = SourceName{"pg/main"};
    row.driver = "postgresql";
    row.state = State::warning;
    row.reason = "offsite is 12 min behind.";
    row.last_backup = BackupSummary{BackupId{"20261123T020000Z-1a2b3c4d"}, at("2026-11-23T02:00:12Z"), 1288490189, 325058560};
    row.log.emplace();
    row.log->position = "0/5000148";
    row.log->durable[RepositoryName{"local"}] = {"0/5000148", at("2026-11-23T07:59:57Z"), Duration{0}, ""};
    row.log->durable[RepositoryName{"offsite"}] = {"0/4000000", at("2026-11-23T07:48:00Z"), std::chrono::minutes{12},
                                                   "connection refused"};
    row.recovery_windows = {{at("2026-11-20T02:00:12Z"), at("2026-11-23T07:59:58Z"), LineageName{"7301-1"}}};
    row.gaps = {{LineageName{"7301-1"}, "0/2000000", "0/3000000", at("2026-11-19T10:00:00Z"), "the slot was lost"}};
    row.next_backup = at("2026-11-24T02:00:00Z");
    row.next_actions = {"Look at offsite: varve check."};
    return row;
}

inline StatusResult sample_status() {
    StatusResult result;
    result.sources = {sample_source()};
    result.service = true;
    result.now = at("2026-11-23T08:00:00Z");
    return result;
}

}  // namespace varve::cli::test
