#include "jobs/segment_hashes.hpp"

#include <catch2/catch.hpp>

#include "support/run.hpp"

using namespace varve;
using varve::test::run;

namespace {

class Nowhere final : public LogSink {
public:
    Task<> begin_lineage(Lineage) override { co_return; }
    Task<> append(LogRun) override { co_return; }
    Task<> record_gap(Gap) override { co_return; }
    Task<> seal() override { co_return; }
    std::optional<LogPosition> durable() const override { return std::nullopt; }
    Task<> durable_after(std::optional<LogPosition>) override { co_return; }
    void throw_if_blocked() const override {}
};

const LineageName line{"line"};

LogRun run_of(std::uint64_t from, Bytes bytes) {
    LogRun run;
    run.first = {line, from, {}};
    run.last = {line, from + bytes.size(), {}};
    run.bytes = std::move(bytes);
    return run;
}

}  // namespace

TEST_CASE("a segment's hash is known when it was followed from its first byte to its last, however it was cut") {
    Nowhere nowhere;
    SegmentHashes hashes{nowhere};
    run(hashes.begin_lineage({.name = line, .begins_at = 0, .parent = {}, .facts = {{"segment_bytes", "8"}}}));

    run(hashes.append(run_of(4, {1, 2, 3, 4})));  // begins in the middle: never known
    run(hashes.append(run_of(8, {1, 2, 3})));
    run(hashes.append(run_of(11, {4, 5, 6, 7, 8})));

    CHECK_FALSE(hashes.find(line, 0, 8));
    REQUIRE(hashes.find(line, 8, 16));
    CHECK(*hashes.find(line, 8, 16) == sha256(Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_CASE("bytes that were not followed leave a segment's hash unknown") {
    Nowhere nowhere;
    SegmentHashes hashes{nowhere};
    run(hashes.begin_lineage({.name = line, .begins_at = 0, .parent = {}, .facts = {{"segment_bytes", "8"}}}));

    run(hashes.append(run_of(0, {1, 2, 3})));
    run(hashes.append(run_of(5, {6, 7, 8})));

    CHECK_FALSE(hashes.find(line, 0, 8));
}
