#include "service/metrics.hpp"

#include <catch2/catch.hpp>

using namespace varve;
using namespace std::chrono_literals;

namespace {

const Instant now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 12h};
const RepositoryName local{"local"};

bool has(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line) != std::string::npos; }

/// A source of which everything is known and all is well.
SourceStatus good() {
    SourceStatus status;
    status.source = SourceName{"pg/main"};
    status.driver = "postgresql";
    status.has_log = true;
    status.verdict = Verdict::ok;
    status.archive_read = now;
    ArchiveView::Backup backup;
    backup.structure.set_bytes_source(1000);
    backup.structure.set_bytes_read(900);
    backup.structure.set_bytes_stored(100);
    status.last_backup = backup;
    status.backed_up[local] = now - 1h;
    status.durable[local] = {
        .required = true, .position = "0/1", .time = now - 1s, .lag = 1500ms, .lag_bytes = 10, .problem = {}};
    status.windows = {{.from = now - 48h, .to = now - 24h, .lineage = LineageName{"a"}},
                      {.from = now - 12h, .to = now, .lineage = LineageName{"a"}}};
    status.next_backup = now + 1h;
    ServiceView service;
    service.follows = service.connected = true;
    service.durable_through = now - 2s;
    service.backups = {.made = 3, .failed = 1, .last_begun = now - 2h, .last_duration = 90s};
    status.service = service;
    return status;
}

std::string told(SourceStatus status) {
    return metrics_text(
        {.now = now,
         .began = now - 24h,
         .sources = {std::move(status)},
         .repositories = {RepositoryFacts{
             .name = local, .required = true, .retries = 0, .answers = {}, .clock_skew = {}, .kinds = {}, .measured = {}}},
         .next_deletion = {},
         .notices = {}});
}

}  // namespace

TEST_CASE("what is known of a source is told with its labels, in base units") {
    const auto text = told(good());
    const std::string source = R"({source="pg/main",driver="postgresql")";

    CHECK(has(text, "varve_source_state" + source + R"(,kind="ok"} 1)"));
    CHECK(has(text, "varve_source_state" + source + R"(,kind="failed"} 0)"));
    CHECK(has(text, "varve_log_lag_seconds" + source + R"(,repository="local"} 1.5)"));
    CHECK(has(text, "varve_log_lag_bytes" + source + R"(,repository="local"} 10)"));
    CHECK(has(text, "varve_backup_bytes" + source + R"(,kind="stored"} 100)"));
    CHECK(has(text, "varve_backups_total" + source + R"(,kind="failed"} 1)"));
    CHECK(has(text, "varve_recovery_windows" + source + "} 2"));
    CHECK(has(text, "varve_log_gaps" + source + "} 0"));
    CHECK(has(text, "varve_backup_duration_seconds" + source + "} 90"));
    CHECK(has(text, "varve_last_success_timestamp_seconds" + source + R"(,repository="local",kind="backup"} 1795431600)"));
}

TEST_CASE("what is not known is absent, and never told as 0") {
    SourceStatus unknown;
    unknown.source = SourceName{"pg/main"};
    unknown.driver = "postgresql";
    unknown.has_log = true;
    unknown.service.emplace();
    unknown.service->follows = true;
    unknown.durable[local] = {.required = true, .position = {}, .time = {}, .lag = {}, .lag_bytes = {}, .problem = "away"};

    const auto text = told(unknown);

    CHECK(has(text, R"(varve_source_state{source="pg/main",driver="postgresql",kind="unknown"} 1)"));
    CHECK(has(text, R"(varve_log_connected{source="pg/main",driver="postgresql"} 0)"));
    for (const auto* name : {"lag", "last_success", "last_attempt", "bytes", "duration", "window", "gaps", "next_",
                             "durable_through", "partial", "clock_skew", "answers", "objects", "measured", "archive_read"}) {
        CAPTURE(name);
        CHECK(text.find(name) == std::string::npos);
    }
}

TEST_CASE("of a source without a log nothing is told of one") {
    auto tree = good();
    tree.has_log = false;

    CHECK(told(tree).find("varve_log_") == std::string::npos);
}

TEST_CASE("a repository that does not answer has no clock, and keeps the time of its count") {
    const auto text = metrics_text({.now = now,
                                    .began = now,
                                    .sources = {},
                                    .repositories = {{.name = local,
                                                      .required = true,
                                                      .retries = 4,
                                                      .answers = false,
                                                      .clock_skew = {},
                                                      .kinds = {{"pack", {.objects = 2, .bytes = 300}}},
                                                      .measured = now}},
                                    .next_deletion = {},
                                    .notices = {{"webhook", {.sent = 5, .failed = 2}}}});

    CHECK(has(text, R"(varve_repository_answers{repository="local"} 0)"));
    CHECK(has(text, R"(varve_repository_retries_total{repository="local"} 4)"));
    CHECK(has(text, R"(varve_repository_bytes{repository="local",kind="pack"} 300)"));
    CHECK(has(text, R"(varve_notifications_failed_total{kind="webhook"} 2)"));
    CHECK(text.find("skew") == std::string::npos);
}

TEST_CASE("readiness names what is red or unknown, and tells no reason") {
    auto red = good();
    red.verdict = Verdict::failed;
    red.reason = "the server said: secret row data";
    auto yellow = good();
    yellow.verdict = Verdict::warning;

    CHECK(unready({good(), yellow}).empty());
    CHECK(unready({good(), red}) == "pg/main failed\n");
}
