#include "varve/async.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "varve/error.hpp"

namespace varve {
namespace {

constexpr auto for_good = asio::steady_timer::time_point::max();

Error stopped() { return Error{Fault::cancelled, "stopped on request"}; }

/// The first await of every task we spawn. A coroutine that was stopped and ends before it ever suspended makes Boost 1.81 throw
/// from co_spawn, or from the loop, instead of telling its handler.
Task<> next_turn() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

/// Waits for `timer` without throwing, whatever happens to the caller.
Task<> quiet_wait(asio::steady_timer& timer) { (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable)); }

Task<bool> was_stopped() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------ TaskGroup

struct TaskGroup::State {
    struct Child {
        asio::cancellation_signal stop;
        bool begun = false;  // only then a stop may be emitted: see next_turn
    };
    using Children = std::list<Child>;

    explicit State(asio::any_io_executor on) : executor{std::move(on)}, changed{executor, for_good} {}

    void request_stop() {
        if (std::exchange(stopping, true)) return;
        for (auto& child : children) {
            if (child.begun) child.stop.emit(asio::cancellation_type::terminal);
        }
    }
    void ended(Children::iterator child, bool is_body, std::exception_ptr failure) {
        children.erase(child);
        if (is_body) body_runs = false;
        if (failure && !first_failure && !(stopping && is_stop(failure))) {
            first_failure = is_stop(failure) ? std::make_exception_ptr(stopped()) : failure;
            request_stop();
        }
        changed.cancel();
    }
    std::size_t spawned_children() const { return children.size() - (body_runs ? 1 : 0); }

    asio::any_io_executor executor;
    asio::steady_timer changed;  // cancelled to wake who waits
    Children children;           // and the body of run()
    bool body_runs = false;
    bool stopping = false;
    std::exception_ptr first_failure;
};

namespace {

/// What co_spawn calls at a child's end. It names the slot itself: with bind_cancellation_slot, Boost 1.81 would post a stop
/// through the executor when it comes from outside the loop, to a child that may be gone by then.
template <class State, class Child>
struct LastWords {
    using cancellation_slot_type = asio::cancellation_slot;
    cancellation_slot_type get_cancellation_slot() const noexcept { return slot; }
    void operator()(std::exception_ptr failure) { state->ended(child, is_body, std::move(failure)); }

    std::shared_ptr<State> state;
    Child child;
    asio::cancellation_slot slot;
    bool is_body;
};

template <class State, class Child>
Task<> live(std::shared_ptr<State> state, Child child, Task<> task) {
    co_await next_turn();
    if (state->stopping) throw stopped();
    child->begun = true;
    co_await std::move(task);
}

template <class State>
void start(const std::shared_ptr<State>& state, Task<> task, bool is_body) {
    const auto child = state->children.emplace(state->children.end());
    asio::co_spawn(state->executor, live(state, child, std::move(task)),
                   LastWords<State, decltype(child)>{state, child, child->stop.slot(), is_body});
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_{std::make_shared<State>(std::move(executor))} {}

// A child's last words share the state, so a loop that is taken down with tasks in it may destroy group and children in any
// order.
TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(Task<> child) { start(state_, std::move(child), false); }

void TaskGroup::request_stop() { state_->request_stop(); }

bool TaskGroup::failed() const noexcept { return static_cast<bool>(state_->first_failure); }

Task<> TaskGroup::join() {
    const auto state = state_;
    while (state->spawned_children() > 0) {
        co_await quiet_wait(state->changed);
        if (co_await was_stopped()) break;
    }
    if (state->first_failure) std::rethrow_exception(state->first_failure);
    if (co_await was_stopped()) throw stopped();
}

Task<> TaskGroup::run(Task<> body) {
    const auto state = state_;
    const bool threw = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    state->body_runs = true;
    start(state, std::move(body), true);
    bool caller_stopped = false;
    while (!state->children.empty()) {
        co_await quiet_wait(state->changed);
        caller_stopped = co_await was_stopped();
        if (caller_stopped) state->request_stop();
    }
    co_await asio::this_coro::throw_if_cancelled(threw);
    if (state->first_failure) std::rethrow_exception(state->first_failure);
    if (caller_stopped) throw stopped();
}

Task<> shielded(Task<> task) {
    struct End {
        asio::steady_timer came;
        bool here = false;
        std::exception_ptr failure;
    };
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto executor = co_await asio::this_coro::executor;
    const auto end = std::make_shared<End>(asio::steady_timer{executor, for_good});
    auto begin = [](Task<> inner) -> Task<> {
        co_await next_turn();
        co_await std::move(inner);
    };
    asio::co_spawn(executor, begin(std::move(task)), [end](std::exception_ptr failure) {
        end->here = true;
        end->failure = std::move(failure);
        end->came.cancel();
    });
    while (!end->here) co_await quiet_wait(end->came);
    co_await asio::this_coro::throw_if_cancelled(true);
    if (end->failure) std::rethrow_exception(end->failure);
}

// --------------------------------------------------------------------------------------------------------------- Signal

struct Signal::Waiter {
    asio::steady_timer timer;
    bool notified = false;
};

Signal::Signal(asio::any_io_executor executor) : executor_{std::move(executor)} {}

void Signal::notify() {
    for (const auto& waiting : std::exchange(waiters_, {})) {
        const auto waiter = waiting.lock();
        if (!waiter) continue;
        waiter->notified = true;
        waiter->timer.cancel();
    }
}

Task<> Signal::wait() { co_await wait_for(std::chrono::microseconds::max()); }

Task<bool> Signal::wait_for(std::chrono::microseconds pause) {
    constexpr std::chrono::hours pause_max{24 * 3650};
    const bool has_end = pause < pause_max;
    const auto when = has_end ? std::chrono::steady_clock::now() + pause : for_good;
    const auto waiter = std::make_shared<Waiter>(asio::steady_timer{executor_, when});
    std::erase_if(waiters_, [](const auto& other) { return other.expired(); });
    waiters_.push_back(waiter);
    const auto [failure] = co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (waiter->notified) co_return true;
    if (failure) throw stopped();
    co_return false;
}

// --------------------------------------------------------------------------------------------------------------- Budget

struct Budget::Waiter {
    asio::steady_timer timer;
    std::uint64_t amount;
    bool granted = false;
};

Budget::Budget(asio::any_io_executor executor, std::uint64_t total)
    : executor_{std::move(executor)}, total_{total}, free_{total} {}

Budget::Share& Budget::Share::operator=(Share&& other) noexcept {
    if (this != &other) {
        give_back();
        budget_ = std::exchange(other.budget_, nullptr);
        amount_ = other.amount_;
    }
    return *this;
}

void Budget::Share::give_back() noexcept {
    auto* const budget = std::exchange(budget_, nullptr);
    if (budget == nullptr) return;
    budget->free_ += amount_;
    budget->grant();
}

void Budget::grant() noexcept {
    while (!queue_.empty()) {
        const auto waiter = queue_.front().lock();
        if (waiter && waiter->amount > free_) return;
        queue_.pop_front();
        if (!waiter) continue;
        free_ -= waiter->amount;
        waiter->granted = true;
        waiter->timer.cancel();
    }
}

Task<Budget::Share> Budget::take(std::uint64_t amount) {
    amount = std::min(amount, total_);
    if (queue_.empty() && amount <= free_) {
        free_ -= amount;
        co_return Share{*this, amount};
    }
    auto waiter = std::make_shared<Waiter>(asio::steady_timer{executor_, for_good}, amount);
    queue_.push_back(waiter);
    (void)co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    // Granted and stopped at once: the share is handed over, and the caller's next await throws.
    if (waiter->granted) co_return Share{*this, amount};
    waiter.reset();
    std::erase_if(queue_, [](const auto& other) { return other.expired(); });
    grant();
    throw stopped();
}

Task<> check_stop() {
    if (co_await was_stopped()) throw stopped();
}

}  // namespace varve
