/// Several tasks on one thread that take turns at the calls of their stores: who goes next, and how far the clock jumps in
/// between, is the test's to say.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/faulty_stores.hpp"
#include "support/run.hpp"

namespace varve::test {

/// Where one task waits for its turn. io thread.
class Turns {
public:
    explicit Turns(asio::any_io_executor executor) : changed_{std::move(executor)} {}

    bool waiting() const noexcept { return waiting_; }
    std::size_t taken() const noexcept { return taken_; }
    void go() {
        may_go_ = true;
        waiting_ = false;
        ++taken_;
        changed_.notify();
    }
    Task<> wait() {
        if (!armed) co_return;
        waiting_ = true;
        while (!may_go_) co_await changed_.wait();
        may_go_ = false;
    }
    bool armed = false;  ///< else calls go through at once

private:
    Signal changed_;
    bool waiting_ = false, may_go_ = false;
    std::size_t taken_ = 0;
};

/// Every call, now() too, is a place where another task may go first.
class TurnStore final : public HookedStore {
public:
    TurnStore(std::shared_ptr<Store> inner, Turns& turns) : HookedStore{*inner}, inner_{std::move(inner)}, turns_{turns} {}

private:
    Task<> before(std::string, ObjectKey) override { co_await turns_.wait(); }
    Task<> after(std::string, ObjectKey) override { co_return; }

    std::shared_ptr<Store> inner_;
    Turns& turns_;
};

struct Actor {
    std::string name;
    std::unique_ptr<Turns> turns;
    bool ended = false;
    std::exception_ptr failure{};

    bool waits() const { return turns->waiting(); }
};

/// Starts each task and lets them run to their first call; then `choose` names the actor that goes next among those that wait, by
/// index, until all have ended. It may turn the clock.
inline void interleave(asio::io_context& io, std::vector<Actor>& actors, std::vector<Task<>> tasks,
                       const std::function<std::size_t(const std::vector<std::size_t>&)>& choose) {
    for (std::size_t i = 0; i < actors.size(); ++i) {
        actors[i].turns->armed = true;
        asio::co_spawn(io, std::move(tasks[i]), [&actor = actors[i]](std::exception_ptr failure) {
            actor.failure = std::move(failure);
            actor.ended = true;
        });
    }
    for (;;) {
        const auto runs = [](const Actor& actor) { return !actor.ended && !actor.waits(); };
        io.restart();
        while (std::ranges::any_of(actors, runs)) {
            if (io.run_one() == 0) throw std::logic_error{"an actor waits for something that nobody will do"};
        }
        std::vector<std::size_t> waiting;
        for (std::size_t i = 0; i < actors.size(); ++i)
            if (!actors[i].ended) waiting.push_back(i);
        if (waiting.empty()) return;
        actors[choose(waiting)].turns->go();
    }
}

}  // namespace varve::test
