#include "postgresql/follow_stream.hpp"

#include <algorithm>
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
        const auto server_end = data.server_end;
        const auto sent_at = data.sent_at;
        if (end <= start_.at) co_return;
        const auto first = std::max(data.at, start_.at);
        report(events, first);
        LogRun run{
            position_in(start_.lineage, first), position_in(start_.lineage, end), std::move(data.bytes), {}, events.last_whole};
        run.bytes.erase(run.bytes.begin(), run.bytes.begin() + static_cast<std::ptrdiff_t>(first - data.at));
        for (const auto& transaction : events.transactions)
            if (transaction.end > first) run.moments.push_back({transaction.end, transaction.time});
        co_await sink_.append(std::move(run));
        // All that was durable there when this was sent has come: nothing committed by then is missing.
        if (end == server_end) sink_.known_through(end, sent_at);
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

    /// Not before data came: a slot goes back to what we acknowledge, and a new slot must not be told of a position that the
    /// server no longer has, or it is lost at once.
    Task<> acknowledge() {
        while (!data_came_) co_await moved_.wait();
        while (true) {
            const auto durable = sink_.durable();
            if (durable && durable->lineage == start_.lineage.name) stream_.acknowledge(durable->at);
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
            std::exception_ptr refused;
            try {
                idle = co_await Session::open(connection, SessionKind::replication, context_.pools);
            } catch (const Error& error) {
                if (error.fault() == Fault::cancelled) throw;
                // Without a free walsender there is no such session: the keepalives have to do.
                if (sqlstate_of(error) == "53300") co_return;
                refused = std::current_exception();
            }
            if (refused) {
                co_await let_go();
                co_return;
            }
            while (PQconsumeInput(idle->raw()) != 0 && PQstatus(idle->raw()) == CONNECTION_OK) {
                refuse_synchronous(co_await setting_of(*idle), context_.connection.application_name);
                co_await idle->wait_readable(look_at_settings);
            }
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
    Signal moved_;  ///< durable() did, or the first data came
    bool data_came_ = false;
    std::optional<SteadyClock::time_point> let_go_until_;
    Lsn let_go_at_ = 0;
};

Task<Lineage> lineage_after(const FollowContext& context, Session& session, const WalTimelineEnd& end) {
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
