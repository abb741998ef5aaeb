#include "sqlite/follow.hpp"

#include <algorithm>

#include "sqlite/live.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve::sqlite {

namespace {

constexpr std::chrono::milliseconds active_pause{100};
constexpr std::chrono::milliseconds idle_pause_max{1000};
constexpr std::uint64_t bytes_at_once = 4U << 20;
constexpr std::chrono::seconds visit_patience{30};
constexpr int busy_tries = 20;  ///< of a pass, before the database is let go

bool may_pass_by(const Error& error) { return error.fault() == Fault::overloaded || error.fault() == Fault::unreachable; }

}  // namespace

/// What somebody wants from the loop: a pass that begins after it came, and what is true then.
struct Follower::Visit {
    std::optional<std::string> mark{};
    bool wants_state = false;

    bool received = false;
    std::exception_ptr failure{};
    LogPosition position{};
    TailState state{};
    Instant time{};
};

Follower::Follower(std::filesystem::path path, std::filesystem::path state_dir, Pools& pools, Clock& clock)
    : path_{std::move(path)}, saved_{std::move(state_dir)}, pools_{pools}, clock_{clock} {}
Follower::~Follower() = default;

LogPosition Follower::position_of(const TailState& state) const {
    return {state.lineage, state.position, words_of_transaction(state.number)};
}

Task<> Follower::prepare() {
    if (turn_) co_return;
    const auto executor = co_await asio::this_coro::executor;
    turn_.emplace(executor, 1);
    visited_.emplace(executor);
}

Task<Budget::Share> Follower::turn() {
    co_await prepare();
    co_return co_await turn_->take(1);
}

// ------------------------------------------------------------------------------------------------------------ following

/// On the cpu pool: it may hash the whole database, and what is followed already must not wait behind that.
Task<std::shared_ptr<Follower::Live>> Follower::attach(std::optional<LogPosition> from) {
    auto work = [path = path_, saved = saved_, from] { return from ? attach_at(path, saved, *from) : attach_anew(path, saved); };
    auto live = std::make_shared<Live>(co_await on_pool(pools_.cpu, std::move(work)));
    live->tail.on_new_generation = [saved = saved_, database = live->database](const TailState& state) {
        failpoint("sqlite.begun_anew");
        saved.keep_generation(saved_state(state, *database));
        failpoint("sqlite.kept");
    };
    if (from) live->archived = from->at;
    co_return live;
}

Task<> Follower::follow(std::optional<LogPosition> from, LogSink& sink) {
    std::shared_ptr<Live> live;
    try {
        const auto alone = co_await turn();
        live = co_await attach(from);
        live->sink = &sink;
        const auto& state = live->tail.state();
        co_await sink.begin_lineage({.name = state.lineage,
                                     .begins_at = first_position,
                                     .parent = {},
                                     .facts = {{"page_size", std::to_string(state.pages.page_size())}}});
        live_ = live;
    } catch (const Error& error) {
        if (error.fault() == Fault::missing && from) lost_ = from;
        throw;
    }
    lost_.reset();
    distrusted_.clear();
    std::exception_ptr failure;
    try {
        co_await follow_live(*live);
    } catch (...) {
        failure = std::current_exception();
    }
    live_.reset();
    dismiss(failure);
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await shielded(end(live));
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        if (error.fault() == Fault::missing) lost_ = position_of(live->tail.state());
        throw;
    }
}

/// Keeps where it was, and closes the database where closing may block.
Task<> Follower::end(std::shared_ptr<Live> live) {
    auto keep = [saved = saved_, live = std::move(live)] {
        if (!live->tail.in_record()) saved.keep_stop(saved_state(live->tail.state(), *live->database));
    };
    co_await on_pool(pools_.blocking, std::move(keep));
}

Task<> Follower::follow_live(Live& live) {
    auto pause = active_pause;
    for (;;) {
        if (!distrusted_.empty()) throw Error{Fault::missing, distrusted_};
        const auto visits = std::exchange(visits_, {});
        const bool found = co_await pass_patiently(live);
        for (const auto& each : visits) co_await receive(live, *each);
        if (!visits.empty()) visited_->notify();
        if (live.cycle_due(clock_.now())) {
            try {
                co_await cycle(live);
            } catch (const Error& error) {
                if (!may_pass_by(error)) throw;
                log_failure(LogLevel::debug, path_.string(), error);
            }
        }
        pause = found ? active_pause : std::min(pause * 2, idle_pause_max);
        if (visits_.empty()) co_await visited_->wait_for(pause);
    }
}

/// What passes by must not cost the reader: without it the application may reset the WAL.
Task<bool> Follower::pass_patiently(Live& live) {
    for (int tries = 1;; ++tries) {
        try {
            co_return co_await pass(live);
        } catch (const Error& error) {
            if (!may_pass_by(error) || live.tail.in_record() || tries == busy_tries) throw;
        }
        co_await clock_.sleep_for(active_pause);
    }
}

/// Reads what was committed since. False: nothing was. The reader stays where it is: while it is open nobody resets the WAL, and
/// as long as it is old nobody else's commits are held up by bringing frames into the database file for it.
Task<bool> Follower::pass(Live& live) {
    const auto database = live.database;
    const auto& state = live.tail.state();
    const auto began = clock_.now();
    const auto index = co_await on_pool(pools_.blocking, [database] { return database->index(); });
    const bool news = index.last_frame != state.frame || (state.has_wal && index.salts != state.salts) || live.tail.has_due();
    if (news) {
        const auto observed = clock_.now();
        for (;;) {
            auto read = [&tail = live.tail, index, observed] { return tail.read(index, observed, bytes_at_once); };
            auto pieces = co_await on_pool(pools_.blocking, std::move(read));
            if (pieces.empty()) break;
            co_await append(live, std::move(pieces));
        }
    }
    if (live.archived && state.position < *live.archived)
        throw Error{Fault::missing, "the archive goes beyond what the WAL of " + path_.string() + " holds"};
    live.archived.reset();
    live.read_through = began;
    if (live.sink != nullptr) live.sink->known_through(state.position, began);
    co_return news;
}

/// As pass(), and the reader goes on at what was read.
Task<> Follower::pass_on(Live& live) {
    const auto database = live.database;
    co_await on_pool(pools_.blocking, [database] { database->renew_reader(); });
    co_await pass(live);
    co_await on_pool(pools_.blocking, [database] { database->let_go(); });
}

Task<> Follower::append(Live& live, std::vector<RecordPiece> pieces) {
    const auto& state = live.tail.state();
    for (auto& piece : pieces) {
        const auto end = piece.from + piece.bytes.size();
        if (live.archived && piece.from < *live.archived && *live.archived < end)
            throw Error{Fault::missing, "the archive ends inside what is one record in the WAL of " + path_.string()};
        if (live.sink == nullptr) continue;
        LogRun run;
        run.first = {state.lineage, piece.from, {}};
        run.last = {state.lineage, end, words_of_transaction(piece.number)};
        if (piece.moment) run.moments.push_back(*piece.moment);
        run.bytes = std::move(piece.bytes);
        co_await live.sink->append(std::move(run));
    }
}

// --------------------------------------------------------------------------------------------------------------- visits

/// Behind a pass.
Task<> Follower::receive(Live& live, Visit& visit) {
    const auto& state = live.tail.state();
    if (visit.mark) {
        try {
            // Kept before it is in the log: the WAL read again must give the same log.
            auto keep = [saved = saved_, lineage = state.lineage, at = state.position, name = *visit.mark] {
                saved.keep_mark(lineage, {.position = at, .name = name});
            };
            co_await on_pool(pools_.blocking, std::move(keep));
        } catch (const Error&) {
            visit.failure = std::current_exception();
            visit.received = true;
            co_return;
        }
        std::vector<RecordPiece> pieces;
        pieces.push_back(live.tail.mark(*visit.mark, clock_.now()));
        co_await append(live, std::move(pieces));
        co_await live.sink->seal();
    }
    visit.position = position_of(state);
    visit.time = live.read_through;
    if (visit.wants_state) visit.state = state;
    visit.received = true;
}

void Follower::dismiss(std::exception_ptr failure) {
    const auto reason = is_stop(failure) ? std::string{"it was stopped"} : error_of(failure).sentence();
    for (const auto& each : std::exchange(visits_, {})) {
        each->failure = std::make_exception_ptr(Error{Fault::unreachable, path_.string() + " is not followed now: " + reason});
        each->received = true;
    }
    visited_->notify();
}

Task<> Follower::visit(std::shared_ptr<Visit> visit) {
    visits_.push_back(visit);
    visited_->notify();
    const auto until = std::chrono::steady_clock::now() + visit_patience;
    while (!visit->received && live_) {
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until - std::chrono::steady_clock::now());
        if (left.count() > 0 && co_await visited_->wait_for(left)) continue;
        throw Error{Fault::overloaded, "the log of " + path_.string() + " waits for the repository, and nothing more is read"}
            .hint("varve status shows which repository is behind, and why.");
    }
    if (visit->failure) std::rethrow_exception(visit->failure);
    if (!visit->received) throw Error{Fault::unreachable, path_.string() + " is not followed any more"};
}

Task<LogPosition> Follower::position() {
    if (live_) {
        const auto asked = std::make_shared<Visit>();
        co_await visit(asked);
        co_return asked->position;
    }
    if (lost_) co_return LogPosition{lost_->lineage, lost_->at + 1, "an unknown transaction"};
    const auto known = co_await on_pool(pools_.blocking, [saved = saved_] { return saved.find(); });
    if (!known.empty()) co_return position_of(known.front().tail);
    co_return LogPosition{LineageName{"none"}, 0, "no log yet"};
}

Task<LogPosition> Follower::mark(std::string name) {
    if (!live_)
        throw Error{Fault::refused, "a mark is a record of the log, and nobody follows it in this process"}.hint(
            "Marks are made by the service: start it.");
    const auto asked = std::make_shared<Visit>();
    asked->mark = std::move(name);
    co_await visit(asked);
    co_return asked->position;
}

Task<> Follower::distrust(std::string reason) {
    distrusted_ = std::move(reason);
    if (!live_) co_await on_pool(pools_.blocking, [saved = saved_] { saved.forget(); });
}

// ----------------------------------------------------------------------------------------------------------------- bases

Task<std::shared_ptr<const BaseSnapshot>> Follower::snapshot() {
    const auto base = std::make_shared<BaseSnapshot>();
    auto alone = co_await turn();
    if (live_) {
        alone.give_back();
        base->database = live_->database;
        co_await pin(*base);
        const auto asked = std::make_shared<Visit>();
        asked->wants_state = true;
        co_await visit(asked);
        base->state = std::move(asked->state);
        base->time = asked->time;
    } else {
        auto attach = [path = path_, saved = saved_] { return attach_anywhere(path, saved); };
        Live live{co_await on_pool(pools_.cpu, std::move(attach))};
        base->database = live.database;
        co_await pin(*base);
        co_await pass(live);
        base->state = live.tail.state();
        base->time = live.read_through;
    }
    auto look = [base] {
        // What was read is what the reader sees, or later: the reader keeps anything beyond out of the database file. Pages that
        // a later commit cut off are in no file, so frames are used until the last of them is the newest.
        const auto index = base->database->index();
        const auto& state = base->state;
        const bool whole = index.last_frame == state.frame && index.backfilled >= state.frame;
        const SnapshotPoint point{.page_size = state.pages.page_size(),
                                  .pages = state.pages.pages(),
                                  .salts = state.salts,
                                  .frame = state.frame,
                                  .in_file = index.salts != state.salts || whole};
        base->wal = base->database->open_wal();
        base->snapshot.emplace(base->database->file(), base->wal, point);
    };
    co_await on_pool(pools_.blocking, std::move(look));
    co_return base;
}

/// Before what it keeps is looked up.
Task<> Follower::pin(BaseSnapshot& base) const {
    auto begin = [database = base.database] {
        auto reader = database->connect();
        reader->begin_reading();
        return reader;
    };
    base.reader = co_await on_pool(pools_.blocking, std::move(begin));
}

}  // namespace varve::sqlite
