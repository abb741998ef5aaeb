#include "postgresql/socket_watch.hpp"

#include <fcntl.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {

/// Outlives the watch until the descriptor's last wait was answered.
struct SocketWatch::State {
    enum class Arm { idle, waiting, fired };

    State(asio::any_io_executor executor, int fd) : descriptor{executor, fd}, changed{executor} {}

    asio::posix::stream_descriptor descriptor;
    Signal changed;
    Arm read = Arm::idle;
    Arm write = Arm::idle;
    bool woken = false;

    static void arm(const std::shared_ptr<State>& state, Arm State::* side) {
        if (state.get()->*side != Arm::idle) return;
        state.get()->*side = Arm::waiting;
        const auto direction =
            side == &State::read ? asio::posix::descriptor_base::wait_read : asio::posix::descriptor_base::wait_write;
        state->descriptor.async_wait(direction, [state, side](boost::system::error_code) {
            state.get()->*side = Arm::fired;
            state->changed.notify();
        });
    }

    bool take(Arm State::* side) {
        if (std::exchange(woken, false)) return true;
        if (this->*side != Arm::fired) return false;
        this->*side = Arm::idle;
        return true;
    }

    static Task<bool> wait(std::shared_ptr<State> state, Arm State::* side, std::chrono::microseconds pause) {
        const auto until = std::chrono::steady_clock::now() + pause;
        arm(state, side);
        while (!state->take(side)) {
            const auto left = std::chrono::ceil<std::chrono::microseconds>(until - std::chrono::steady_clock::now());
            if (left.count() <= 0) co_return false;
            co_await state->changed.wait_for(left);
        }
        co_return true;
    }
};

SocketWatch::SocketWatch(asio::any_io_executor executor, int descriptor) {
    Descriptor own{::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)};
    if (!own) throw system_error(errno, "watch a socket", {});
    state_ = std::make_shared<State>(executor, own.get());
    (void)own.release();
}

SocketWatch::~SocketWatch() {
    boost::system::error_code ignored;  // a duplicate that cannot be closed is gone all the same
    state_->descriptor.close(ignored);
}

Task<bool> SocketWatch::readable(std::chrono::microseconds pause) { return State::wait(state_, &State::read, pause); }
Task<bool> SocketWatch::writable(std::chrono::microseconds pause) { return State::wait(state_, &State::write, pause); }

void SocketWatch::wake() {
    state_->woken = true;
    state_->changed.notify();
}

}  // namespace varve::postgresql
