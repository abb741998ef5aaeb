// The archived log, read back: what overlaps must be equal, and damage is met only where nothing else covers it.
#include <catch2/catch.hpp>

#include "repository/log_catalog.hpp"
#include "support/fault_of.hpp"
#include "support/log_objects.hpp"

using namespace varve;
using namespace varve::test;

namespace {

const LineageName lineage{"7/1"};

/// A repository with one lineage, and its reader.
struct Archive {
    TestRepository desk;
    std::unique_ptr<Repository> repository = desk.open();

    ObjectKey put(std::uint64_t from, Bytes bytes) {
        return run(desk.io, put_sample(*repository, {.from = from, .bytes = std::move(bytes)}));
    }
    void damage(const ObjectKey& key) { desk.damage(0, key, desk.stores[0]->bytes_of(key).size() / 2); }

    std::unique_ptr<LogSource> source() {
        return make_log_source(*repository, test_source, run(desk.io, LogCatalog::read(*repository, test_source)), {});
    }
    Bytes read(std::uint64_t from, std::uint64_t to) {
        const auto log = source();
        const auto stream = log->read(lineage, from, to);
        Bytes all;
        for (auto block = run(desk.io, stream->read()); !block.empty(); block = run(desk.io, stream->read())) append(all, block);
        return all;
    }
    std::string refusal(std::uint64_t from, std::uint64_t to) {
        try {
            read(from, to);
        } catch (const Error& error) {
            return error.code_word().empty() ? error.sentence() : error.code_word();
        }
        return {};
    }
};

Bytes numbers(std::uint64_t from, std::uint64_t to) {
    Bytes bytes;
    for (auto at = from; at < to; ++at) bytes.push_back(static_cast<std::uint8_t>(at));
    return bytes;
}

}  // namespace

TEST_CASE("log objects that overlap with equal bytes read as one") {
    Archive archive;
    archive.put(0, numbers(0, 100));
    archive.put(0, numbers(0, 60));
    archive.put(50, numbers(50, 150));

    CHECK(archive.read(0, 150) == numbers(0, 150));
    CHECK(archive.read(20, 120) == numbers(20, 120));
    CHECK(archive.read(0, 100) == numbers(0, 100));
}

TEST_CASE("two log objects that hold other bytes for one position are a fork, also when the first of them fills the range") {
    Archive archive;
    auto other = numbers(0, 100);
    other[70] ^= 1;
    const auto second = GENERATE(as<std::pair<std::uint64_t, std::uint64_t>>{}, std::pair{0, 100}, std::pair{60, 80});
    archive.put(0, numbers(0, 100));
    archive.put(second.first,
                Bytes(other.begin() + static_cast<long>(second.first), other.begin() + static_cast<long>(second.second)));

    CHECK(archive.refusal(0, 100) == "log_forked");
    CHECK(archive.refusal(65, 75) == "log_forked");
    CHECK(archive.read(0, 70).size() == 70);  // before the fork there is no doubt
}

TEST_CASE("a hole in the archived log is said before a byte of it is read") {
    Archive archive;
    archive.put(0, numbers(0, 50));
    archive.put(60, numbers(60, 100));

    CHECK(archive.read(0, 50) == numbers(0, 50));
    CHECK(fault_of([&] { archive.source()->read(lineage, 0, 100); }) == Fault::missing);
}

TEST_CASE("a damaged log object that others cover is passed over, and one that is needed is named") {
    Archive archive;
    archive.put(0, numbers(0, 40));
    const auto damaged = archive.put(30, numbers(30, 70));
    archive.put(40, numbers(40, 60));
    archive.put(80, numbers(80, 90));
    const auto last = archive.put(70, numbers(70, 80));
    archive.damage(damaged);

    CHECK(archive.read(0, 60) == numbers(0, 60));
    CHECK(archive.refusal(0, 70).find(damaged.text()) != std::string::npos);
    CHECK(archive.refusal(0, 80).find(damaged.text()) != std::string::npos);
    archive.put(60, numbers(60, 70));
    CHECK(archive.read(0, 80) == numbers(0, 80));
    archive.damage(last);
    CHECK(archive.refusal(0, 90).find(last.text()) != std::string::npos);
}

TEST_CASE("moments of a damaged log object are missed unless another object covers it") {
    Archive archive;
    const auto time = from_rfc3339("2026-11-23T02:00:05Z");
    const LogSample sample{.bytes = numbers(0, 50), .moments = {{.at = 20, .time = time}}};
    const auto first = run(archive.desk.io, put_sample(*archive.repository, sample));
    archive.put(50, numbers(50, 100));
    archive.damage(first);

    CHECK(fault_of([&] { run(archive.desk.io, archive.source()->moments(lineage, 0, 100)); }) == Fault::corrupt);
    run(archive.desk.io, put_sample(*archive.repository, sample));
    CHECK(run(archive.desk.io, archive.source()->moments(lineage, 0, 100)) == sample.moments);
}

TEST_CASE("a log object that was copied into another lineage's folder is not that lineage's") {
    Archive archive;
    archive.put(0, numbers(0, 50));
    const auto stray = run(archive.desk.io,
                           put_sample(*archive.repository,
                                      {.lineage = LineageName{"7/2"}, .from = 50, .bytes = numbers(50, 100), .folder = lineage}));

    CHECK(archive.read(0, 50) == numbers(0, 50));
    CHECK(archive.refusal(0, 100).find(stray.text()) != std::string::npos);
    const auto catalog = run(archive.desk.io, LogCatalog::read(*archive.repository, test_source));
    REQUIRE(catalog.tip());
    CHECK(catalog.tip()->position.at == 50);
    CHECK(catalog.find(LineageName{"7/2"}) == nullptr);
}
