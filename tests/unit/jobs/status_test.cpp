#include <catch2/catch.hpp>

#include "jobs/status_job.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

const Instant now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 12h};

SourceStatus backed_up(std::chrono::microseconds ago) {
    SourceStatus status;
    status.source = SourceName{"pg/main"};
    ArchiveView::Backup backup;
    backup.structure.set_stop_time(to_format(now - ago));
    backup.structure.mutable_lineage()->set_name("line");
    backup.structure.set_start_position(100);
    status.last_backup = backup;
    return status;
}

Verdict verdict(SourceStatus status, const ServiceView* service) {
    judge(status, service, true, now, {});
    CAPTURE(status.reason);
    CHECK_FALSE(status.reason.empty());
    return status.verdict;
}

}  // namespace

TEST_CASE("a source is green only when it has a young backup, a followed log, no gap and no lag") {
    ServiceView following;
    following.follows = following.connected = true;
    auto lagging = backed_up(1h);
    lagging.durable[RepositoryName{"local"}].lag = 31s;
    auto holed = backed_up(1h);
    holed.base_need =
        BaseNeed{.lineage = LineageName{"line"}, .holes = {{.lineage = LineageName{"line"}, .from = 90, .to = 101}}};
    auto closed = backed_up(1h);
    closed.gaps.emplace_back();
    auto cut = following;
    cut.log_problem = "the server is away";

    CHECK(verdict(backed_up(1h), &following) == Verdict::ok);
    CHECK(verdict(closed, &following) == Verdict::ok);
    CHECK(verdict(SourceStatus{}, &following) == Verdict::failed);
    CHECK(verdict(backed_up(27h), &following) == Verdict::warning);
    CHECK(verdict(backed_up(1h), nullptr) == Verdict::unknown);
    CHECK(verdict(lagging, &following) == Verdict::failed);
    CHECK(verdict(holed, &following) == Verdict::failed);
    CHECK(verdict(backed_up(1h), &cut) == Verdict::failed);
}

TEST_CASE("a copy that is not required and misses log is a warning, however fresh the required ones are") {
    ServiceView following;
    following.follows = following.connected = true;
    auto behind = backed_up(1h);
    behind.durable[RepositoryName{"local"}].lag = 0s;
    behind.durable[RepositoryName{"offsite"}] = {
        .required = false, .position = "0/1", .time = {}, .lag = {}, .lag_bytes = {}, .problem = "the disk is full"};
    auto slow = backed_up(1h);
    slow.durable[RepositoryName{"offsite"}] = {
        .required = false, .position = "0/1", .time = {}, .lag = 31s, .lag_bytes = {}, .problem = {}};

    CHECK(verdict(behind, &following) == Verdict::warning);
    CHECK(verdict(slow, &following) == Verdict::warning);
}

TEST_CASE("a backup that is dated in the future is a warning: its age says nothing") {
    ServiceView following;
    following.follows = following.connected = true;

    CHECK(verdict(backed_up(-1min), &following) == Verdict::ok);
    CHECK(verdict(backed_up(-24h), &following) == Verdict::warning);
}

TEST_CASE("log that a required copy lacks for nearly two ship intervals is no green, and later a failure") {
    ServiceView following;
    following.follows = following.connected = true;
    SourceSetup setup;
    setup.ship_interval = 10s;
    const auto judged = [&](std::chrono::microseconds lag) {
        auto status = backed_up(1h);
        status.durable[RepositoryName{"local"}].lag = lag;
        judge(status, &following, true, now, rules_for(setup));
        return status.verdict;
    };

    CHECK(judged(14s) == Verdict::ok);
    CHECK(judged(16s) == Verdict::warning);
    CHECK(judged(31s) == Verdict::failed);
    setup.ship_interval = 1h;
    CHECK(judged(70min) == Verdict::ok);
    CHECK(judged(2h) == Verdict::warning);
    CHECK(judged(4h) == Verdict::failed);
}

TEST_CASE(
    "a log that is not followed yet is unknown, and so is an archive that was not read yet; one that cannot be read is a "
    "failure") {
    ServiceView waiting;
    waiting.follows = true;
    auto following = waiting;
    following.connected = true;
    auto read = backed_up(1h);
    read.archive_read = now;
    auto unread = backed_up(1h);
    auto broken = read;
    broken.archive_problem = "the disk is gone";

    CHECK(verdict(backed_up(1h), &waiting) == Verdict::unknown);
    complete_status(read, following, now, {});
    CHECK(read.verdict == Verdict::ok);
    complete_status(unread, following, now, {});
    CHECK(unread.verdict == Verdict::unknown);
    complete_status(broken, following, now, {});
    CHECK(broken.verdict == Verdict::failed);
    CHECK(broken.reason == "the archive cannot be read: the disk is gone");
}
