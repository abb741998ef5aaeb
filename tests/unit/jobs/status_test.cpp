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
    holed.gaps.push_back({.lineage = LineageName{"line"}, .from = 90, .to = 101, .last_commit_before = {}});
    auto closed = backed_up(1h);
    closed.gaps.push_back({.lineage = LineageName{"line"}, .from = 90, .to = 100, .last_commit_before = {}});
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
