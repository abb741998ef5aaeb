#include "jobs/log_gaps.hpp"

#include <catch2/catch.hpp>

using namespace varve;

namespace {

const LineageName line{"7/1"}, other{"7/2"};

LineageLog log_with(std::vector<std::pair<std::uint64_t, std::uint64_t>> stretches) {
    LineageLog log;
    log.lineage.name = line;
    for (const auto& [from, to] : stretches) log.stretches.push_back({.from = from, .to = to, .stored_at = {}, .objects = {}});
    return log;
}

LogGap gap(std::uint64_t from, std::uint64_t to, std::string reason, LineageName lineage = line) {
    return {.lineage = std::move(lineage), .from = from, .to = to, .time = {}, .reason = std::move(reason)};
}

}  // namespace

TEST_CASE("a gap that was noted, and is seen as a hole, is one gap with the reason of the first note") {
    const std::vector<LogGap> noted{gap(100, 190, "the slot was lost"), gap(100, 200, "again")};

    CHECK(log_gaps(noted, {log_with({{0, 100}, {180, 300}})}) == std::vector{gap(100, 180, "the slot was lost")});
}

TEST_CASE("notes of log that the archive has after all are no gaps") {
    CHECK(log_gaps({gap(100, 180, "gone")}, {log_with({{0, 300}})}).empty());
}

TEST_CASE("notes behind which no log follows yet are one gap, and a hole without a note is told too") {
    const std::vector<LogGap> noted{gap(400, 450, "first"), gap(400, 500, "second"), gap(400, 410, "elsewhere", other)};

    CHECK(log_gaps(noted, {log_with({{0, 100}, {180, 400}})}) ==
          std::vector{gap(100, 180, "no log object covers it"), gap(400, 500, "first"), gap(400, 410, "elsewhere", other)});
}
