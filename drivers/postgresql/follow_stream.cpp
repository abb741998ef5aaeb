#include "postgresql/follow_stream.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "postgresql/server_error.hpp"
#include "postgresql/sync_names.hpp"
#include "postgresql/wal_records.hpp"
#include "postgresql/wal_stream.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve::postgresql {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds look_around{1};
constexpr std::chrono::seconds look_at_settings{2};
constexpr std::chrono::seconds watch_again{5};
/// Marks that wait for their position to become durable.
constexpr std::size_t marks_max = 4096;

/// One timeline being streamed. Its tasks share it: the reader, what tells the server how far we are, and two that watch for the
/// server's shutdown and for a store that refuses.
class TimelineStream {
public:
    TimelineStream(FollowContext& context, Session& session, FollowStart start, LogSink& sink)
        : context_{context},
          start_{std::move(start)},
          sink_{sink},
          stream_{session, context.segment_bytes, context.clock},
          walker_{start_.at - start_.at % wal_page_bytes, context.segment_bytes},
          heard_at_{context.begun_at},
          moved_{session.executor()} {}

    /// Ends when the timeline is over and all of it is durable.
    Task<WalTimelineEnd> run() {
        std::optional<WalTimelineEnd> end;
        auto body = [this, &end](TaskGroup& group) -> Task<> {
            co_await begin();
            group.spawn(stream_.keep_alive());
            group.spawn(acknowledge());
            group.spawn(guard());
            group.spawn(watch_for_shutdown());
            end = co_await read();
            co_await sink_.seal();
            while (end->at > start_.at && !is_durable(end->at)) co_await moved_.wait();
            group.request_stop();
        };
        co_await in_group(body);
        co_return *end;
    }

private:
    // ------------------------------------------------------------------------------------------------------------- reading

    Task<> begin() {
        co_await sink_.begin_lineage(start_.lineage);
        co_await begin_stream(lead_in());
    }

    Task<> begin_stream(Lsn from) {
        walker_ = WalWalker{from, context_.segment_bytes};
        co_await stream_.start({context_.slot, timeline_of(start_.lineage), from});
    }

    /// Some way back, to see records that began before; never before the lineage, nor the log itself, began.
    Lsn lead_in() const {
        const auto first = std::max<Lsn>(start_.lineage.begins_at, context_.segment_bytes);
        const auto page = page_start(start_.at);
        const auto back = page > first + Follower::lead_in_bytes ? page - Follower::lead_in_bytes : first;
        return std::min(page, back);
    }

    Task<WalTimelineEnd> read() {
        while (true) {
            std::optional<WalMessage> message;
            bool lead_in_is_gone = false;
            try {
                message = co_await stream_.next(look_around);
            } catch (const Error& error) {
                const auto own_segment = segment_start(start_.at, context_.segment_bytes);
                lead_in_is_gone = error.fault() == Fault::missing && stream_.received() < own_segment;
                if (!lead_in_is_gone) throw;
            }
            if (lead_in_is_gone) co_await begin_stream(segment_start(start_.at, context_.segment_bytes));
            if (!message) continue;
            if (auto* data = std::get_if<WalData>(&*message))
                co_await take(std::move(*data));
            else if (auto* keepalive = std::get_if<WalKeepalive>(&*message))
                co_await heed(*keepalive);
            else
                co_return std::get<WalTimelineEnd>(*message);
        }
    }

    Task<> take(WalData data) {
        if (!std::exchange(data_came_, true)) moved_.notify();
        walker_.feed(data.bytes);
        auto events = walker_.take();
        const auto end = data.at + data.bytes.size();
        tail_.feed(data.at, data.bytes);
        if (data.at <= start_.at && start_.at <= end) require_same_history();
        const bool is_all = end == data.server_end;
        const auto known = std::exchange(heard_at_, data.sent_at);
        was_idle_ = false;
        if (end <= start_.at) co_return;
        const auto first = std::max(data.at, start_.at);
        report(events, first);
        LogRun run{
            position_in(start_.lineage, first), position_in(start_.lineage, end), std::move(data.bytes), {}, events.last_whole};
        run.bytes.erase(run.bytes.begin(), run.bytes.begin() + static_cast<std::ptrdiff_t>(first - data.at));
        for (const auto& transaction : events.transactions)
            if (transaction.end > first) run.moments.push_back({transaction.end, transaction.time});
        mark(end);
        co_await sink_.append(std::move(run));
        // The server looked how much there is after it had sent its message before this one: what was committed by then has come.
        if (is_all) tell_known(end, known);
    }

    void tell_known(Lsn at, Instant time) { sink_.known_through(at, context_.is_standby ? context_.begun_at : time); }

    /// The archive ends in what was durable last; this server must have had the same there.
    void require_same_history() const {
        const auto& expected = context_.expected;
        if (!expected || expected->lineage != start_.lineage.name || expected->at != start_.at) return;
        const auto found = tail_.find_digest(start_.at);
        if (!found || *found == expected->digest) return;
        throw Error{Fault::conflict, "before " + to_text(start_.at) +
                                         " the server has other log than the archive: it was set back, " +
                                         "and wrote another history since"}
            .hint("If it is the one to archive from now on, give it a new source name; what is archived stays as it is.");
    }

    void mark(Lsn end) {
        if (context_.tail_file.empty()) return;
        if (auto digest = tail_.find_digest(end)) marks_.push_back({start_.lineage.name, end, std::move(*digest)});
        if (marks_.size() > marks_max) marks_.pop_front();
    }

    /// A state directory that cannot be written costs the comparison at the next start, and nothing else.
    Task<> keep(TailMark reached) {
        auto write = [file = context_.tail_file, mark = std::move(reached)] {
            try {
                keep_tail_mark(file, mark);
            } catch (const Error& error) {
                return std::optional{error};
            }
            return std::optional<Error>{};
        };
        const auto failure = co_await on_pool(context_.pools.blocking, std::move(write));
        if (failure && !std::exchange(told_of_marks_, true)) log_failure(LogLevel::warning, context_.source.text(), *failure);
    }

    /// The mark of exactly `at`, if that is where a run ended.
    std::optional<TailMark> find_mark(Lsn at) {
        std::optional<TailMark> found;
        for (; !marks_.empty() && marks_.front().at <= at; marks_.pop_front())
            if (marks_.front().at == at) found = std::move(marks_.front());
        return found;
    }

    /// Damaged log is archived as the server has it: what was before it and comes after it can be restored.
    void report(const WalEvents& events, Lsn first) const {
        for (const auto& damage : events.damages)
            if (damage.at >= first)
                log(LogLevel::warning, context_.source.text(), "log at " + to_text(damage.at) + ": " + damage.what);
    }

    // ------------------------------------------------------------------------------------- what the server wants of us

    /// A server that shuts down asks, and asks again, until everything it sent is acknowledged.
    Task<> heed(WalKeepalive keepalive) {
        // Between two of these the server looked for more and found nothing.
        const auto known = std::exchange(heard_at_, keepalive.sent_at);
        if (std::exchange(was_idle_, true) && keepalive.sent == stream_.received()) tell_known(stream_.received(), known);
        if (!keepalive.reply_wanted) co_return;
        stream_.answer();
        if (keepalive.sent <= stream_.received()) co_await let_go();
    }

    /// From now on the server waits for us: what is held becomes an object at once, and guard() counts the seconds.
    Task<> let_go() {
        if (is_durable(stream_.received())) co_return;
        co_await sink_.seal();
        if (!let_go_until_) let_go_until_ = SteadyClock::now() + Follower::shutdown_patience;
        let_go_at_ = stream_.received();
    }

    /// Never a position from before our start (the archive's end before a gap), and not before data came: a slot goes back to
    /// what we acknowledge, and what the server no longer has would lose it at once.
    Task<> acknowledge() {
        while (!data_came_) co_await moved_.wait();
        while (true) {
            const auto durable = sink_.durable();
            if (is_durable(start_.at)) {
                stream_.acknowledge(durable->at);
                if (auto reached = find_mark(durable->at)) co_await keep(std::move(*reached));
            }
            moved_.notify();
            co_await sink_.durable_after(durable);
        }
    }

    /// Leaves the server when a store refuses, or when it has waited long enough for us.
    Task<> guard() {
        while (true) {
            sink_.throw_if_blocked();
            if (let_go_until_ && is_durable(let_go_at_)) let_go_until_.reset();
            if (let_go_until_ && SteadyClock::now() >= *let_go_until_)
                throw Error{Fault::unreachable,
                            "the server waits for the archive to shut down, and the archive was not in time: disconnected"}
                    .hint("The slot keeps the log; following resumes when the server is back.");
            co_await moved_.wait_for(std::chrono::milliseconds{200});
        }
    }

    /// Beside the stream, a session that is idle but for one question: nobody may make us a synchronous standby while we stream,
    /// or commits would wait for an object store. The server ends it when it shuts down, also when the stream is not read because
    /// the archive is slow. A replication session, for a plain one would hold a smart shutdown.
    Task<> watch_for_shutdown() {
        auto connection = context_.connection;
        connection.application_name += "_watch";
        while (true) {
            std::unique_ptr<Session> idle;
            std::optional<Error> refused;
            try {
                idle = co_await Session::open(connection, SessionKind::replication, context_.pools);
            } catch (const Error& error) {
                if (error.fault() == Fault::cancelled) throw;
                refused = error;
            }
            if (refused) {
                // Without a free walsender the keepalives have to do, for a while; any other refusal is how a shutdown begins.
                if (sqlstate_of(*refused) != "53300") co_await let_go();
                co_await context_.clock.sleep_for(watch_again);
                continue;
            }
            while (PQconsumeInput(idle->raw()) != 0 && PQstatus(idle->raw()) == CONNECTION_OK) {
                refuse_synchronous(co_await setting_of(*idle), context_.connection.application_name);
                co_await idle->wait_readable(look_at_settings);
            }
            co_await context_.clock.sleep_for(look_around);
        }
    }

    /// Nothing while the server ends the session: the caller sees that by the connection.
    static Task<std::string> setting_of(Session& idle) {
        try {
            co_return co_await idle.value("SHOW synchronous_standby_names");
        } catch (const Error& error) {
            if (!error.retryable()) throw;
        }
        co_return std::string{};
    }

    bool is_durable(Lsn at) const {
        const auto durable = sink_.durable();
        return durable && durable->lineage == start_.lineage.name && durable->at >= at;
    }

    FollowContext& context_;
    FollowStart start_;
    LogSink& sink_;
    WalStream stream_;
    WalWalker walker_;
    LogTail tail_;
    std::deque<TailMark> marks_;  ///< where runs ended that may not be durable yet
    Instant heard_at_;            ///< when the server sent its message before this one, by its clock
    bool was_idle_ = false;       ///< that message was a keepalive
    bool told_of_marks_ = false;
    Signal moved_;  ///< durable() did, or the first data came
    bool data_came_ = false;
    std::optional<SteadyClock::time_point> let_go_until_;
    Lsn let_go_at_ = 0;
};

/// A server that came from a base backup has the history of its own timeline, and not always those in between.
Task<Lineage> lineage_after(const FollowContext& context, Session& session, const WalTimelineEnd& end) {
    for (const auto& lineage : context.lineages)
        if (timeline_of(lineage) == end.next_timeline) co_return lineage;
    const auto file = co_await session.query("TIMELINE_HISTORY " + std::to_string(end.next_timeline));
    const auto history = parse_history(end.next_timeline, file.text(0, 1));
    co_return make_lineage(context.system_identifier, history, context.segment_bytes);
}

}  // namespace

Task<> follow_timelines(FollowContext& context, Session& session, FollowStart start, LogSink& sink) {
    while (true) {
        WalTimelineEnd end;
        {
            TimelineStream timeline{context, session, start, sink};
            end = co_await timeline.run();
        }
        start.lineage = co_await lineage_after(context, session, end);
        start.at = start.lineage.begins_at;
    }
}

}  // namespace varve::postgresql
