#include "mysql/binlog_reader.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

using SystemTime = std::chrono::system_clock;

constexpr std::size_t piece_bytes_max = 256U << 10;
constexpr std::size_t waiting_bytes_max = 8U << 20;
/// An event of which the server says that it is no older shows that the stream is at the log's end; so does a heartbeat.
constexpr std::chrono::seconds fresh_age_max{1};
/// What comes within this after such a one is taken for new, whatever time it tells.
constexpr std::chrono::seconds new_for{2};

}  // namespace

/// Shared by the thread and the io thread. Below `mutex` both may go; the rest is the thread's.
struct BinlogReader::State {
    State(asio::any_io_executor executor_given, std::unique_ptr<BinlogDump> dump_given, BinlogTracker tracker_given,
          std::chrono::microseconds offset_given)
        : executor{executor_given},
          changed{std::move(executor_given)},
          dump{std::move(dump_given)},
          tracker{std::move(tracker_given)},
          offset{offset_given} {}

    asio::any_io_executor executor;
    Signal changed;  ///< io thread
    std::unique_ptr<BinlogDump> dump;
    BinlogTracker tracker;
    std::chrono::microseconds offset;
    std::optional<Instant> fresh_at;     ///< when the stream was at the log's end last, by the server's clock
    std::optional<Instant> quiet_since;  ///< the last packet before this one was a heartbeat, and came then

    std::mutex mutex;
    std::condition_variable moved;
    std::deque<BinlogPiece> waiting;
    std::size_t waiting_bytes = 0;
    bool stopping = false, ended = false;
    std::exception_ptr failure;
    std::thread thread;

    Instant server_now() const { return std::chrono::time_point_cast<std::chrono::microseconds>(SystemTime::now()) + offset; }
    Received received(Instant now) const { return fresh_at && now - *fresh_at < new_for ? std::optional{now} : std::nullopt; }

    void hand_over(std::vector<BinlogPiece> pieces) {
        if (pieces.empty()) return;
        std::unique_lock lock{mutex};
        moved.wait(lock, [&] { return stopping || waiting_bytes < waiting_bytes_max; });
        for (auto& piece : pieces) {
            waiting_bytes += piece.bytes.size();
            waiting.push_back(std::move(piece));
        }
    }

    void end(std::exception_ptr why) {
        const std::lock_guard lock{mutex};
        failure = std::move(why);
        ended = true;
    }

    bool is_stopping() {
        const std::lock_guard lock{mutex};
        return stopping;
    }

    /// Between two heartbeats the server looked for more and found nothing.
    void note_heartbeat(Instant now) {
        fresh_at = now;
        if (quiet_since) tracker.idle_at(*quiet_since);
        quiet_since = now;
    }

    bool read_one() {
        const auto event = dump->next();
        if (!event) return false;
        const auto now = server_now();
        const auto age = now - Instant{std::chrono::seconds{parse_header(*event).time}};
        if (age <= fresh_age_max) fresh_at = now;
        tracker.hear_at(now);
        const auto seen = tracker.feed(*event, received(now));
        if (seen == Seen::heartbeat)
            note_heartbeat(now);
        else
            quiet_since.reset();
        return true;
    }
};

namespace {

/// Whoever waits on the io thread looks again. The state outlives the call that way.
template <class StatePointer>
void wake(const StatePointer& state) {
    asio::post(state->executor, [state] { state->changed.notify(); });
}

template <class StatePointer>
void read_all(StatePointer state) {
    std::exception_ptr failure;
    try {
        while (!state->is_stopping()) {
            // Before it waits for more, nothing is kept back.
            if (state->tracker.held() >= piece_bytes_max || state->dump->is_drained()) {
                state->hand_over(state->tracker.take());
                wake(state);
            }
            if (!state->read_one()) break;
        }
    } catch (...) {
        failure = std::current_exception();
    }
    state->hand_over(state->tracker.take());
    state->end(failure);
    wake(state);
}

}  // namespace

BinlogReader::BinlogReader(asio::any_io_executor executor, std::unique_ptr<BinlogDump> dump, BinlogTracker tracker,
                           std::chrono::microseconds clock_offset)
    : state_{std::make_shared<State>(std::move(executor), std::move(dump), std::move(tracker), clock_offset)} {
    state_->thread = std::thread{[state = state_] { read_all(state); }};
}

BinlogReader::~BinlogReader() {
    // stop() was awaited, or the program ends: a thread that still reads must not outlive what it uses.
    if (state_->thread.joinable()) {
        {
            const std::lock_guard lock{state_->mutex};
            state_->stopping = true;
        }
        state_->moved.notify_all();
        state_->dump->interrupt();
        state_->thread.join();
    }
}

Task<std::optional<BinlogPiece>> BinlogReader::next() {
    const auto state = state_;
    for (;;) {
        {
            const std::lock_guard lock{state->mutex};
            if (!state->waiting.empty()) {
                auto piece = std::move(state->waiting.front());
                state->waiting.pop_front();
                state->waiting_bytes -= piece.bytes.size();
                state->moved.notify_all();
                co_return piece;
            }
            if (state->ended) {
                if (state->failure) std::rethrow_exception(state->failure);
                co_return std::nullopt;
            }
        }
        co_await state->changed.wait();
    }
}

Task<> BinlogReader::stop(Pools& pools) {
    const auto state = state_;
    if (!state->thread.joinable()) co_return;
    {
        const std::lock_guard lock{state->mutex};
        state->stopping = true;
    }
    state->moved.notify_all();
    state->dump->interrupt();
    co_await on_pool(pools.blocking, [state] {
        state->thread.join();
        state->dump.reset();
    });
}

}  // namespace varve::mysql
