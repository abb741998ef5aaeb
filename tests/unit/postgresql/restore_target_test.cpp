#include "postgresql/restore_target.hpp"

#include <catch2/catch.hpp>

#include "postgresql/lineage.hpp"
#include "postgresql/restore_log.hpp"
#include "support/run.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

constexpr std::uint64_t segment = 16u << 20;

TimelineHistory second_timeline() { return parse_history(2, "1\t0/5000100\tno recovery target specified\n"); }

/// Timeline 1 from 0/2000028 to the switch at 0/5000100, then timeline 2 to the tip at 0/7000200.
class TwoTimelines final : public LogSource {
public:
    TwoTimelines()
        : lineages_{make_lineage("77", TimelineHistory{}, segment), make_lineage("77", second_timeline(), segment)},
          path_{{lineages_[0], 0x2000028, 0x5000100}, {lineages_[1], 0x5000100, 0x7000200}} {}

    const LineagePath& path() const override { return path_; }
    const std::vector<Lineage>& lineages() const override { return lineages_; }
    std::unique_ptr<ByteSource> read(LineageName, std::uint64_t, std::uint64_t) override { return nullptr; }
    Task<std::vector<Moment>> moments(LineageName lineage, std::uint64_t from, std::uint64_t to) override {
        if (to > damaged_from) throw Error{Fault::corrupt, "a log object is damaged"};
        std::vector<Moment> found;
        for (const auto& moment : lineage == lineages_[0].name ? first : second)
            if (moment.at > from && moment.at <= to) found.push_back(moment);
        co_return found;
    }
    Task<std::uint64_t> last_whole() override {
        ++asked_for_end;
        co_return 0x70001C0;
    }

    std::vector<Moment> first, second;
    int asked_for_end = 0;
    std::uint64_t damaged_from = UINT64_MAX;  ///< moments behind it cannot be read

private:
    std::vector<Lineage> lineages_;
    LineagePath path_;
};

BackupFacts base_on(const LogSource& log) {
    BackupFacts facts;
    facts.start = position_in(log.lineages()[0], 0x2000028);
    facts.stop = position_in(log.lineages()[0], 0x3000100);
    facts.stop_time = from_rfc3339("2026-11-23T02:00:00Z");
    facts.facts["wal_segment_size"] = std::to_string(segment);
    return facts;
}

Target at(const std::string& time, bool inclusive = true) {
    Target target;
    target.kind = Target::Kind::time;
    target.time = from_rfc3339(time);
    target.inclusive = inclusive;
    return target;
}

Target at_lsn(std::string lsn) {
    Target target;
    target.kind = Target::Kind::lsn;
    target.text = std::move(lsn);
    return target;
}

/// The word and exit code of the refusal, or what the target became.
std::string outcome(const Target& target, LogSource* log, const BackupFacts& base) {
    try {
        const auto resolved = test::run(resolve_target(target, base, log));
        switch (resolved.target.kind) {
            case Target::Kind::lsn:
                return "lsn " + resolved.target.text;
            case Target::Kind::time:
                return "time, stops at " + resolved.position->text;
            case Target::Kind::immediate:
                return "immediate";
            default:
                return "other";
        }
    } catch (const Error& error) {
        return error.code_word().empty() ? error.what() : error.code_word() + " " + std::to_string(error.exit_code());
    }
}

}  // namespace

TEST_CASE("a time is resolved to the first transaction after it, or to the end of the log", "[postgresql]") {
    TwoTimelines log;
    log.first = {{0x2500000, from_rfc3339("2026-11-23T01:59:00Z")},  // before the backup was consistent
                 {0x3500000, from_rfc3339("2026-11-23T03:00:00Z")},
                 {0x3600000, from_rfc3339("2026-11-23T02:59:00Z")}};   // commit times do not order commits
    log.second = {{0x7000200, from_rfc3339("2026-11-23T04:00:00Z")}};  // the very last record of the log
    const auto base = base_on(log);
    struct Row {
        Target target;
        std::string expected;
    };
    const auto row = GENERATE_COPY(values<Row>({{at("2026-11-23T01:59:59Z"), "point_not_recoverable 22"},
                                                {at("2026-11-23T02:00:00Z"), "time, stops at 0/3500000"},
                                                {at("2026-11-23T02:59:30Z"), "time, stops at 0/3500000"},
                                                {at("2026-11-23T03:00:00Z"), "time, stops at 0/7000200"},
                                                {at("2026-11-23T03:00:00Z", false), "time, stops at 0/3500000"},
                                                {at("2026-11-23T04:00:00Z"), "lsn 0/70001C0"},
                                                {at("2026-11-23T04:00:00Z", false), "time, stops at 0/7000200"},
                                                {at("2027-01-01T00:00:00Z"), "lsn 0/70001C0"}}));
    CAPTURE(to_rfc3339(*row.target.time), row.target.inclusive);

    CHECK(outcome(row.target, &log, base) == row.expected);
}

TEST_CASE("a position outside the log is refused, and one behind the last record means that record", "[postgresql]") {
    TwoTimelines log;
    const auto base = base_on(log);

    CHECK(outcome(at_lsn("0/3000000"), &log, base) == "point_not_recoverable 22");
    CHECK(outcome(at_lsn("0/3000100"), &log, base) == "lsn 0/3000100");
    CHECK(outcome(at_lsn("0/6000000"), &log, base) == "lsn 0/6000000");
    CHECK(outcome(at_lsn("0/70001D0"), &log, base) == "lsn 0/70001C0");
    CHECK(outcome(at_lsn("0/7000200"), &log, base) == "point_not_recoverable 22");
}

TEST_CASE("what is damaged behind the target does not keep it away", "[postgresql]") {
    TwoTimelines log;
    log.first = {{0x3100000, from_rfc3339("2026-11-23T03:00:00Z")}};
    log.damaged_from = 0x4800000;
    const auto base = base_on(log);

    CHECK(outcome(at("2026-11-23T02:30:00Z"), &log, base) == "time, stops at 0/3100000");
    CHECK(outcome(at_lsn("0/6000000"), &log, base) == "lsn 0/6000000");
    CHECK(log.asked_for_end == 0);
    CHECK(outcome(at("2026-11-23T03:30:00Z"), &log, base).starts_with("a log object is damaged"));
}

TEST_CASE("the latest is the last whole record, and without an archive the end of the backup", "[postgresql]") {
    TwoTimelines log;
    const auto base = base_on(log);

    CHECK(outcome({}, &log, base) == "lsn 0/70001C0");
    CHECK(outcome({}, nullptr, base) == "immediate");
    CHECK(outcome(at("2026-11-23T03:00:00Z"), nullptr, base) == "point_not_recoverable 22");
}

TEST_CASE("a target that PostgreSQL does not have is refused", "[postgresql]") {
    TwoTimelines log;
    Target target;
    target.kind = Target::Kind::gtid;

    CHECK_THAT(outcome(target, &log, base_on(log)), Catch::Contains("[invalid]"));
}

TEST_CASE("the segments on the way are those of each timeline, with the switch's segment in both", "[postgresql]") {
    TwoTimelines log;

    const auto all = segments_along(log.path(), 0x3000100, std::nullopt, segment);
    CHECK(all == std::vector<std::string>{"000000010000000000000004", "000000010000000000000005", "000000020000000000000005",
                                          "000000020000000000000006", "000000020000000000000007"});

    // Up to a position: its own segment and the next one, where a record may end.
    const auto some = segments_along(log.path(), 0x2000100, Lsn{0x3000200}, segment);
    CHECK(some == std::vector<std::string>{"000000010000000000000003", "000000010000000000000004"});
}
