#include "service/notifier.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

using namespace varve;
using namespace std::chrono_literals;
using varve::test::ManualClock;
using varve::test::run;
using varve::test::TempDir;
using varve::test::TestPools;

namespace {

/// A notifier whose receivers are programs that write down what they are told.
struct Rig {
    asio::io_context io;
    TestPools pools;
    ManualClock clock{io.get_executor()};
    TempDir folder;
    std::map<std::string, Verdict> sources{{"pg/main", Verdict::ok}};

    std::string program(const std::string& name, const std::string& script) {
        const auto path = folder.path() / name;
        test::write_text(path, "#!/bin/sh\n" + script);
        REQUIRE(::chmod(path.c_str(), 0755) == 0);
        return "exec:" + path.string();
    }
    /// One that writes the event and the sources on a line of the file `name`.log.
    std::string scribe(const std::string& name) {
        return program(name, "echo \"$VARVE_EVENT $VARVE_SOURCES\" >> " + log(name).string() + "\n");
    }
    std::filesystem::path log(const std::string& name) const { return folder.path() / (name + ".log"); }
    std::vector<std::string> heard(const std::string& name) const {
        std::ifstream file{log(name)};
        std::vector<std::string> lines;
        for (std::string line; std::getline(file, line);) lines.push_back(line);
        return lines;
    }

    std::vector<SourceStatus> statuses() const {
        std::vector<SourceStatus> all;
        for (const auto& [name, verdict] : sources) {
            auto& status = all.emplace_back();
            status.source = SourceName{name};
            status.verdict = verdict;
            status.reason = "as the test says";
        }
        return all;
    }

    std::unique_ptr<Notifier> notifier(std::vector<NoticeTarget> targets) {
        return std::make_unique<Notifier>(
            clock, pools.pools, std::move(targets), [this] { return statuses(); },
            NotifierOptions{.host = "db1", .memory = folder.path() / "notices.json", .zone = {}});
    }
    /// Runs `act` beside it.
    void with(std::vector<NoticeTarget> targets, std::function<Task<>(Notifier&)> act) {
        const auto made = notifier(std::move(targets));
        auto body = [&](TaskGroup& group) -> Task<> {
            group.spawn(made->run());
            co_await act(*made);
            group.request_stop();
        };
        run(io, in_group(body));
    }
    /// Second by second, each with everything that follows from it: the receivers sleep again.
    Task<> pass(std::chrono::seconds span, int sleepers = 1) {
        for (auto left = span; left.count() > 0; left -= 1s) {
            co_await settle(sleepers);
            clock.advance(1s);
        }
        co_await settle(sleepers);
    }
    Task<> settle(int sleepers) {
        while (clock.sleepers() < sleepers) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        // Those that were woken have left before they sleep again.
        for (int turn = 0; turn < 20; ++turn) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        while (clock.sleepers() < sleepers) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    }
};

const std::set<std::string> usual{"failure", "recovery", "stale"};
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("receivers are told once when a source fails, and once when it is good again") {
    Rig rig;
    rig.with({{.on = usual, .url = rig.scribe("one")}}, [&](Notifier& notifier) -> Task<> {
        co_await rig.pass(5s);
        rig.sources["pg/main"] = Verdict::failed;
        co_await rig.pass(60s);
        rig.sources["pg/main"] = Verdict::ok;
        co_await rig.pass(60s);
        CHECK(notifier.counts().at("exec").sent == 2);
    });

    CHECK(rig.heard("one") == Lines{"failure pg/main", "recovery pg/main"});
}

TEST_CASE("sources that fail together are told in one message") {
    Rig rig;
    rig.sources["shop/db"] = Verdict::ok;
    rig.with({{.on = usual, .url = rig.scribe("one")}}, [&](Notifier&) -> Task<> {
        co_await rig.pass(5s);
        rig.sources["pg/main"] = Verdict::failed;
        co_await rig.pass(6s);
        rig.sources["shop/db"] = Verdict::failed;
        co_await rig.pass(30s);
    });

    CHECK(rig.heard("one") == Lines{"failure pg/main shop/db"});
}

TEST_CASE("a service that starts again tells nothing twice, and tells the recovery") {
    Rig rig;
    const NoticeTarget target{.on = usual, .url = rig.scribe("one")};
    rig.sources["pg/main"] = Verdict::failed;
    rig.with({target}, [&](Notifier&) -> Task<> { co_await rig.pass(30s); });
    rig.with({target}, [&](Notifier&) -> Task<> {
        co_await rig.pass(30s);
        CHECK(rig.heard("one") == Lines{"failure pg/main"});
        rig.sources["pg/main"] = Verdict::ok;
        co_await rig.pass(60s);
    });

    CHECK(rig.heard("one") == Lines{"failure pg/main", "recovery pg/main"});
}

TEST_CASE("a receiver that refuses is asked again and counted, and keeps no other from being told") {
    Rig rig;
    rig.sources["pg/main"] = Verdict::failed;
    std::map<std::string, MetricsInput::Notices> counts;
    rig.with({{.on = usual, .url = rig.program("broken", "exit 3\n")}, {.on = usual, .url = rig.scribe("one")}},
             [&](Notifier& notifier) -> Task<> {
                 co_await rig.pass(60s, 2);
                 counts = notifier.counts();
             });

    CHECK(rig.heard("one") == Lines{"failure pg/main"});
    CHECK(counts.at("exec").sent == 1);
    CHECK(counts.at("exec").failed > 1);
}

TEST_CASE("a receiver that hangs keeps no other from being told, nor the service from ending") {
    Rig rig;
    rig.sources["pg/main"] = Verdict::failed;
    const auto began = std::chrono::steady_clock::now();
    rig.with({{.on = usual, .url = rig.program("hanging", "exec sleep 600\n")}, {.on = usual, .url = rig.scribe("one")}},
             [&](Notifier&) -> Task<> {
                 co_await rig.pass(12s, 1);
                 while (rig.heard("one").empty()) {
                     rig.clock.advance(1s);
                     co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
                 }
             });

    CHECK(rig.heard("one") == Lines{"failure pg/main"});
    CHECK(std::chrono::steady_clock::now() - began < 15s);
}

TEST_CASE("signs of life come while all is well, and stay away when something is not") {
    Rig rig;
    NoticeTarget target{.on = {"alive"}, .url = rig.scribe("life")};
    target.every = 60s;
    std::size_t well = 0, ill = 0, again = 0;
    rig.with({target}, [&](Notifier&) -> Task<> {
        co_await rig.pass(150s, 2);
        well = rig.heard("life").size();
        rig.sources["pg/main"] = Verdict::failed;
        co_await rig.pass(300s, 2);
        ill = rig.heard("life").size();
        rig.sources["pg/main"] = Verdict::warning;
        co_await rig.pass(5s, 2);
        again = rig.heard("life").size();
    });

    CHECK(well == 3);
    CHECK(ill == 3);
    CHECK(again == 4);
}

TEST_CASE("a digest comes once a week to who wants it") {
    Rig rig;
    rig.with({{.on = {"digest"}, .url = rig.scribe("one")}}, [&](Notifier&) -> Task<> {
        co_await rig.settle(1);
        for (int day = 0; day < 15; ++day) {
            rig.clock.advance(std::chrono::days{1});
            co_await rig.settle(1);
        }
    });

    CHECK(rig.heard("one").size() == 3);  // the clock begins on a Monday at 02:00
}

TEST_CASE("a sign of life carries the newest durable positions outside") {
    SourceStatus status;
    status.source = SourceName{"pg/main"};
    status.verdict = Verdict::ok;
    status.durable[RepositoryName{"local"}] = {
        .required = true, .position = "0/3000060", .time = {}, .lag = {}, .lag_bytes = {}, .problem = {}};

    const auto document = nlohmann::json::parse(life_document({status}, "db1", from_rfc3339("2026-11-23T02:00:00Z")));

    CHECK(document["sources"][0]["durable"]["local"]["position"] == "0/3000060");
    CHECK(document["sources"][0]["state"] == "ok");
    CHECK(document["event"] == "alive");
}
