#include "cli/progress.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

namespace varve::cli::test {
namespace {

using namespace std::chrono_literals;

const Instant begin = from_rfc3339("2026-11-23T02:00:00Z");
constexpr std::uint64_t mib = 1 << 20;

ProgressNow at_mib(std::uint64_t done, std::uint64_t total = 100) { return {"backing up pg/main", done * mib, total * mib, 7}; }

TEST_CASE("the style follows from --json and from where stderr goes") {
    CHECK(progress_style(true, true) == ProgressStyle::json);
    CHECK(progress_style(false, true) == ProgressStyle::bar);
    CHECK(progress_style(false, false) == ProgressStyle::lines);
}

TEST_CASE("without a terminal there is a line every 30 s, and none for short work") {
    std::ostringstream out;
    ProgressPrinter printer{out, ProgressStyle::lines, begin};

    for (int second = 0; second < 30; ++second) printer.show(at_mib(static_cast<std::uint64_t>(second)), begin + 1s * second);
    CHECK(out.str().empty());

    for (int second = 30; second < 60; ++second) printer.show(at_mib(static_cast<std::uint64_t>(second)), begin + 1s * second);
    CHECK(out.str() == "backing up pg/main: 30.0 MiB of 100.0 MiB (30 %), 7 files, 1.0 MiB/s, 1 min 10 s left\n");
}

TEST_CASE("a bar shows the share that is done and goes away") {
    std::ostringstream out;
    ProgressPrinter printer{out, ProgressStyle::bar, begin, 100};

    printer.show(at_mib(50), begin);
    CHECK(out.str() == "\r[###############...............] backing up pg/main: 50.0 MiB of 100.0 MiB (50 %), 7 files\x1b[K");

    printer.clear();
    printer.clear();
    const auto drawn = out.str();
    CHECK(drawn.substr(drawn.size() - 4) == "\r\x1b[K");
    CHECK(std::count(drawn.begin(), drawn.end(), '\r') == 2);
}

TEST_CASE("a bar is drawn ten times a second at most") {
    std::ostringstream out;
    ProgressPrinter printer{out, ProgressStyle::bar, begin};

    for (int i = 0; i < 1000; ++i) printer.show(at_mib(1), begin + 1ms * i);

    const auto drawn = out.str();
    CHECK(std::count(drawn.begin(), drawn.end(), '\r') == 10);
}

TEST_CASE("a bar never wraps, however narrow the terminal") {
    const unsigned columns = GENERATE(10U, 40U, 79U, 200U);
    std::ostringstream out;
    ProgressPrinter printer{out, ProgressStyle::bar, begin, columns};

    printer.show(at_mib(99), begin);

    const auto text = out.str();
    CHECK(text.size() - std::string{"\r\x1b[K"}.size() < columns);
}

TEST_CASE("with --json each line is a document of its own, one a second") {
    std::ostringstream out;
    ProgressPrinter printer{out, ProgressStyle::json, begin};

    for (int i = 0; i <= 20; ++i) printer.show(at_mib(static_cast<std::uint64_t>(i)), begin + 100ms * i);

    std::istringstream lines{out.str()};
    std::vector<nlohmann::json> documents;
    for (std::string line; std::getline(lines, line);) documents.push_back(nlohmann::json::parse(line)["progress"]);
    REQUIRE(documents.size() == 3);
    CHECK(documents[0]["eta_seconds"].is_null());
    CHECK(documents[2]["bytes_done"] == 20 * mib);
    CHECK(documents[2]["bytes_total"] == 100 * mib);
    CHECK(documents[2]["files"] == 7);
    CHECK(documents[2]["bytes_per_second"] == 10 * mib);
    CHECK(documents[2]["eta_seconds"] == 8.0);
    CHECK(documents[2]["what"] == "backing up pg/main");
}

TEST_CASE("an unknown size shows neither share nor time left") {
    std::ostringstream out;
    ProgressPrinter printer{out, ProgressStyle::bar, begin};

    printer.show(at_mib(5, 0), begin);

    CHECK(out.str() == "\rbacking up pg/main: 5.0 MiB, 7 files\x1b[K");
}

TEST_CASE("more than was expected is the whole, never more") {
    std::ostringstream out;
    ProgressPrinter printer{out, ProgressStyle::bar, begin};

    printer.show(at_mib(150), begin);

    CHECK(out.str().find("(100 %)") != std::string::npos);
}

TEST_CASE("the rate is that of the last ten seconds and begins anew with the next step") {
    Rate rate;
    CHECK_FALSE(rate.bytes_per_second());
    for (int second = 0; second <= 60; ++second) rate.add(begin + 1s * second, second < 30 ? 0 : (second - 30) * mib);
    CHECK(*rate.bytes_per_second() == Approx(static_cast<double>(mib)));

    rate.add(begin + 61s, 5);
    CHECK_FALSE(rate.bytes_per_second());
}

TEST_CASE("progress comes over the control socket as it was sent") {
    ProgressNow got;
    from_json(to_json(at_mib(3)), got);

    CHECK(to_json(got) == to_json(at_mib(3)));
}

}  // namespace
}  // namespace varve::cli::test
