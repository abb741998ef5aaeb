#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "sample_results.hpp"

namespace varve::cli::test {
namespace {

using nlohmann::json;

std::set<std::string> keys(const json& object) {
    std::set<std::string> names;
    for (const auto& [key, value] : object.items()) names.insert(key);
    return names;
}

/// The fields that docs/interface.md promises, blank between them, are all there.
void promises(const json& object, const std::set<std::string>& names) {
    for (const auto& name : names) {
        CAPTURE(name);
        CHECK(keys(object).contains(name));
    }
}

TEST_CASE("status --json has the fields of the interface") {
    const auto source = to_json(sample_status())["sources"][0];

    promises(source, {"name", "driver", "state", "reason", "last_backup", "log", "recovery_windows", "gaps", "last_drill"});
    promises(source["last_backup"], {"id", "stop_time", "bytes_source", "bytes_stored"});
    promises(source["log"], {"position", "durable"});
    promises(source["log"]["durable"]["local"], {"position", "time", "lag_seconds"});
    promises(source["recovery_windows"][0], {"from", "to", "lineage"});
    CHECK(source["state"] == "warning");
    CHECK(source["last_drill"].is_null());
    CHECK(source["last_backup"]["stop_time"] == "2026-11-23T02:00:12Z");
    CHECK(source["log"]["durable"]["offsite"]["lag_seconds"] == 720.0);
    CHECK(source["log"]["durable"]["offsite"]["position"] == "0/4000000");
}

TEST_CASE("a drill has its time, its result and its recovery time") {
    auto status = sample_status();
    status.sources[0].last_drill = DrillSummary{at("2026-11-22T04:00:00Z"), true, std::chrono::seconds{90}};

    const auto drill = to_json(status)["sources"][0]["last_drill"];

    CHECK(drill == json{{"time", "2026-11-22T04:00:00Z"}, {"ok", true}, {"rto_seconds", 90.0}});
}

TEST_CASE("a source without a log or a backup has null in their place") {
    StatusResult status;
    status.sources.resize(1);

    const auto source = to_json(status)["sources"][0];

    CHECK(source["log"].is_null());
    CHECK(source["last_backup"].is_null());
    CHECK(source["state"] == "unknown");
}

TEST_CASE("a position that is not known is null, and comes back as none") {
    auto status = sample_status();
    status.sources[0].log->position.clear();
    status.sources[0].log->durable[RepositoryName{"local"}].position.clear();

    const auto sent = to_json(status);
    StatusResult back;
    from_json(sent, back);

    CHECK(sent["sources"][0]["log"]["position"].is_null());
    CHECK(sent["sources"][0]["log"]["durable"]["local"]["position"].is_null());
    CHECK(to_json(LogFollowResult{})["position"].is_null());
    CHECK(back.sources.at(0).log->position.empty());
}

TEST_CASE("backup run --json has the fields of the interface") {
    const auto backup = to_json(BackupRunResult{{sample_backup()}})["backups"][0];

    promises(backup, {"id", "source", "start_time", "stop_time", "files", "bytes_source", "bytes_read", "bytes_stored",
                      "chunks_new", "chunks_reused", "duration_seconds"});
    CHECK(backup["duration_seconds"] == 12.5);
    CHECK(backup["stop_time"] == "2026-11-23T02:00:12.500000Z");
    CHECK(backup["chunks_reused"] == 19000);
}

TEST_CASE("backup list --json has the fields of the interface") {
    BackupListResult result;
    result.backups.resize(1);
    result.backups[0].copies = {RepositoryName{"local"}, RepositoryName{"offsite"}};

    const auto backup = to_json(result)["backups"][0];

    CHECK(keys(backup) == std::set<std::string>{"id", "source", "start_time", "stop_time", "kept_until", "tiers", "state",
                                                "bytes_source", "bytes_stored", "copies"});
    CHECK(backup["copies"] == json{"local", "offsite"});
    // As of a damaged manifest: what is not known is null, and no time of 1970.
    CHECK(backup["stop_time"].is_null());
    CHECK(backup["kept_until"].is_null());
    CHECK(backup["bytes_source"].is_null());
}

TEST_CASE("backup show --json has the fields of the list beside its own") {
    BackupShowResult result;
    result.backup.id = BackupId{"b"};
    result.facts = Properties{{"system_identifier", "7301"}};

    const auto shown = to_json(result);

    promises(shown, {"id", "source", "kept_until", "copies", "files", "packs", "facts", "findings", "start_position"});
    CHECK(shown["facts"]["system_identifier"] == "7301");
    CHECK(to_json(BackupShowResult{})["facts"].is_null());
}

TEST_CASE("restore run --json has the fields of the interface") {
    RestoreRunResult result;
    result.base = BackupId{"20261123T020000Z-1a2b3c4d"};
    result.target_requested = "latest";
    result.duration = std::chrono::seconds{3};

    const auto told = to_json(result);

    promises(told, {"base", "target_requested", "target_reached", "bytes_written", "duration_seconds", "next_step"});
    CHECK(told["target_reached"].is_null());
    CHECK(told["base"] == "20261123T020000Z-1a2b3c4d");
}

TEST_CASE("what came over the control socket is what was sent") {
    const auto sent = to_json(sample_status());
    StatusResult status;
    from_json(sent, status);
    CHECK(to_json(status) == sent);

    auto backup = sample_backup();
    backup.findings = {{Finding::Level::error, "2 bad pages", "Look at the disk."}};
    BackupRunResult run;
    from_json(to_json(BackupRunResult{{backup}}), run);
    CHECK(to_json(run) == to_json(BackupRunResult{{backup}}));
    CHECK(run.backups.at(0).findings.at(0).level == Finding::Level::error);

    CheckResult check;
    check.repositories.resize(1);
    check.repositories[0].clock_skew = std::chrono::milliseconds{-1500};
    check.sources.resize(1);
    check.sources[0].round_trip = std::chrono::seconds{2};
    CheckResult back;
    from_json(to_json(check), back);
    CHECK(back.repositories.at(0).clock_skew == std::chrono::milliseconds{-1500});
    CHECK(to_json(back) == to_json(check));

    WalPushResult push;
    from_json(to_json(WalPushResult{SourceName{"pg/main"}, "f", "stored", LineageName{"7301-1"}}), push);
    CHECK(push.outcome == "stored");
    CHECK(push.lineage == LineageName{"7301-1"});
}

TEST_CASE("a field or word that the other version does not know keeps its default") {
    auto sent = to_json(sample_status());
    sent["sources"][0].erase("next_backup");
    sent["sources"][0]["state"] = "sleeping";
    sent["sources"][0]["mood"] = "good";

    StatusResult status;
    from_json(sent, status);

    CHECK(status.sources.at(0).state == State::unknown);
    CHECK_FALSE(status.sources.at(0).next_backup);
    CHECK(status.sources.at(0).name == SourceName{"pg/main"});
}

}  // namespace
}  // namespace varve::cli::test
