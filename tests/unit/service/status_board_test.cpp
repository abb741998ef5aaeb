#include "service/status_board.hpp"

#include <catch2/catch.hpp>

#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;
using varve::test::ManualClock;
using varve::test::run;

namespace {

const SourceName shop{"shop/db"};

/// One source whose archive and service say what the test says.
struct Rig {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    ServiceView view;
    unsigned reads = 0;
    std::optional<Error> failure;
    bool hangs = false, empty = false;
    BoardRules rules{.look_again = 1ms, .look_patience = 20ms};  // of real time

    Rig() { view.follows = view.connected = true; }

    Task<SourceStatus> read() {
        ++reads;
        if (hangs) {
            Signal never{co_await asio::this_coro::executor};
            co_await never.wait();
        }
        if (failure) throw *failure;
        SourceStatus status;
        status.source = shop;
        status.driver = "sqlite";
        status.has_log = true;
        status.archive_read = clock.now();
        if (empty) co_return status;
        ArchiveView::Backup backup;
        backup.structure.set_stop_time(to_format(clock.now() - 1h));
        status.last_backup = backup;
        co_return status;
    }

    BoardSource source() {
        return {.name = shop,
                .driver = "sqlite",
                .has_log = true,
                .rules = {},
                .read = [this](std::optional<Instant>) { return read(); },
                .view = [this](Instant) { return view; }};
    }

    /// Runs `act` beside the board.
    void with_board(std::function<Task<>(StatusBoard&)> act) {
        StatusBoard board{io.get_executor(), clock, {source()}, rules};
        auto body = [&](TaskGroup& group) -> Task<> {
            group.spawn(board.run());
            co_await act(board);
            group.request_stop();
        };
        run(io, in_group(body));
    }
};

Task<> until(std::function<bool()> what) {
    while (!what()) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

}  // namespace

TEST_CASE("before the archive was read nothing is known, and that is no failure") {
    Rig rig;
    const StatusBoard board{rig.io.get_executor(), rig.clock, {rig.source()}};

    const auto statuses = board.statuses();

    REQUIRE(statuses.size() == 1);
    CHECK(statuses.front().verdict == Verdict::unknown);
    CHECK(statuses.front().driver == "sqlite");
}

TEST_CASE("the verdict follows what the service knows without the archive being read again") {
    Rig rig;
    std::vector<Verdict> seen;
    unsigned reads = 0;

    rig.with_board([&](StatusBoard& board) -> Task<> {
        seen.push_back((co_await board.look(shop)).verdict);
        reads = rig.reads;
        rig.view.log_problem = "the server is away";
        seen.push_back(board.statuses().front().verdict);
        rig.view.log_problem.clear();
        seen.push_back(board.statuses().front().verdict);
        reads = rig.reads - reads;
    });

    CHECK(seen == std::vector{Verdict::ok, Verdict::failed, Verdict::ok});
    CHECK(reads == 0);
}

TEST_CASE("an archive is read when a backup was made, and otherwise every five minutes") {
    Rig rig;
    unsigned idle = 0, changed = 0, later = 0;

    rig.with_board([&](StatusBoard& board) -> Task<> {
        (void)co_await board.look(shop);
        const auto before = rig.reads;
        co_await until([rounds = 0]() mutable { return ++rounds > 200; });
        idle = rig.reads - before;
        ++rig.view.backups.made;
        co_await until([&] { return rig.reads > before; });
        changed = rig.reads - before;
        rig.clock.advance(301s);
        co_await until([&] { return rig.reads > before + changed; });
        later = rig.reads - before - changed;
    });

    CHECK(idle == 0);
    CHECK(changed == 1);
    CHECK(later == 1);
}

TEST_CASE("an archive that cannot be read is red with the reason, and green again when it can") {
    Rig rig;
    rig.failure = Error{Fault::unreachable, "the disk is gone"};
    SourceStatus broken, mended;

    rig.with_board([&](StatusBoard& board) -> Task<> {
        broken = co_await board.look(shop);
        rig.failure.reset();
        mended = co_await board.look(shop);
    });

    CHECK(broken.verdict == Verdict::failed);
    CHECK(broken.reason == "the archive cannot be read: the disk is gone");
    CHECK(mended.verdict == Verdict::ok);
}

TEST_CASE("an archive that does not answer keeps nobody waiting, and is red after the patience") {
    Rig rig;
    SourceStatus first;
    std::vector<SourceStatus> later;

    rig.with_board([&](StatusBoard& board) -> Task<> {
        (void)co_await board.look(shop);
        rig.hangs = true;
        first = co_await board.look(shop);
        rig.clock.advance(121s);
        later = board.statuses();
    });

    CHECK(first.verdict == Verdict::ok);  // as it was read last
    REQUIRE(later.size() == 1);
    CHECK(later.front().verdict == Verdict::failed);
    CHECK(later.front().reason == "the archive cannot be read: it has not answered for 121 s");
}

TEST_CASE("a source that the service does not have is refused") {
    Rig rig;
    std::optional<Error> refusal;

    rig.with_board([&](StatusBoard& board) -> Task<> {
        try {
            (void)co_await board.look(SourceName{"other"});
        } catch (const Error& error) {
            refusal = error;
        }
    });

    REQUIRE(refusal);
    CHECK(refusal->fault() == Fault::missing);
}

TEST_CASE("an archive that waits for a backup is read again soon") {
    Rig rig;
    rig.empty = true;
    unsigned reads = 0;

    rig.with_board([&](StatusBoard& board) -> Task<> {
        CHECK((co_await board.look(shop)).verdict == Verdict::failed);
        const auto before = rig.reads;
        rig.clock.advance(11s);
        co_await until([&] { return rig.reads > before; });
        reads = rig.reads - before;
    });

    CHECK(reads == 1);
}
