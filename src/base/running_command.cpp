#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/spawn.hpp"
#include "varve/error.hpp"
#include "varve/process.hpp"

namespace varve {

namespace {

constexpr int pipe_bytes = 1 << 20;  // fewer switches between the two; what the kernel refuses does no harm

int open_nothing() {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw system_error(errno, "open", "/dev/null");
    return fd;
}

}  // namespace

struct RunningCommand::State {
    State(const Command& command, const Descriptor& nothing, Pipe output_given, Pipe errors_given)
        : child{spawn(command, nothing.get(), output_given.write.get(), errors_given.write.get())},
          output{std::move(output_given.read)},
          errors{std::move(errors_given.read)} {
        make_nonblocking(output);
        make_nonblocking(errors);
        ::fcntl(output.get(), F_SETPIPE_SZ, pipe_bytes);
    }

    /// Until there is output, or the child has ended, or `milliseconds` have passed (-1: never). Keeps what goes to the errors.
    bool wait(bool for_output, int milliseconds) {
        std::array<pollfd, 3> watched{{{for_output ? -1 : child.ended(), POLLIN, 0},
                                       {for_output ? output.get() : -1, POLLIN, 0},
                                       {errors.get(), POLLIN, 0}}};
        const int found = ::poll(watched.data(), watched.size(), milliseconds);
        if (watched[2].revents != 0) take_errors();
        return found > 0;
    }

    /// A long run says much, and how it went at the end: the beginning is let go.
    void take_errors() { varve::take_errors(errors, result.errors); }

    Child child;
    Descriptor output, errors;
    CommandResult result;
};

RunningCommand::RunningCommand(const Command& command) {
    const Descriptor nothing{open_nothing()};
    state_ = std::make_unique<State>(command, nothing, make_pipe(), make_pipe());
}

RunningCommand::~RunningCommand() = default;

std::size_t RunningCommand::read(std::span<std::uint8_t> into) {
    std::size_t filled = 0;
    while (filled < into.size() && state_->output) {
        const auto count = ::read(state_->output.get(), into.data() + filled, into.size() - filled);
        if (count > 0)
            filled += static_cast<std::size_t>(count);
        else if (count == 0)
            state_->output = {};
        else if (errno == EAGAIN)
            state_->wait(true, -1);
        else if (errno != EINTR)
            throw system_error(errno, "read from a helper program", "");
    }
    return filled;
}

bool RunningCommand::ends_within(std::chrono::milliseconds pause) {
    const auto until = std::chrono::steady_clock::now() + pause;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
        pollfd ended{state_->child.ended(), POLLIN, 0};
        if (::poll(&ended, 1, 0) > 0) return true;
        if (left <= 0) return false;
        state_->wait(false, static_cast<int>(left));
        if (state_->output) take_output(state_->output, state_->result.output, output_bytes_max);
    }
}

CommandResult RunningCommand::finish() {
    constexpr std::chrono::milliseconds step{1000};
    while (!ends_within(step)) {
    }
    if (state_->output) take_output(state_->output, state_->result.output, output_bytes_max);
    state_->take_errors();
    state_->result.exit_code = state_->child.wait();
    return state_->result;
}

void RunningCommand::stop() noexcept { state_->child.signal(SIGTERM); }

// --------------------------------------------------------------------------------------------------------- two in a row

PipelineResult run_pipeline(const Command& producer, const Command& consumer) {
    const Descriptor nothing{open_nothing()};
    auto between = make_pipe(), output = make_pipe(), first_errors = make_pipe(), second_errors = make_pipe();
    ::fcntl(between.read.get(), F_SETPIPE_SZ, pipe_bytes);
    Child second{spawn(consumer, between.read.get(), output.write.get(), second_errors.write.get())};
    Child first{spawn(producer, nothing.get(), between.write.get(), first_errors.write.get())};
    between = {};
    for (auto* pipe : {&output, &first_errors, &second_errors}) pipe->write = {};
    for (const auto* end : {&output.read, &first_errors.read, &second_errors.read}) make_nonblocking(*end);

    PipelineResult result;
    const auto deadline = std::chrono::steady_clock::now() + producer.time_max;
    bool first_runs = true, second_runs = true, late = false;
    while (first_runs || second_runs) {
        std::array<pollfd, 5> watched{{{first_runs ? first.ended() : -1, POLLIN, 0},
                                       {second_runs ? second.ended() : -1, POLLIN, 0},
                                       {output.read.get(), POLLIN, 0},
                                       {first_errors.read.get(), POLLIN, 0},
                                       {second_errors.read.get(), POLLIN, 0}}};
        constexpr int look_at_time_ms = 1000;
        ::poll(watched.data(), watched.size(), look_at_time_ms);
        take_output(output.read, result.consumer.output, output_bytes_max);
        take_errors(first_errors.read, result.producer.errors);
        take_errors(second_errors.read, result.consumer.errors);
        if (first_runs && watched[0].revents != 0) {
            first_runs = false;
            result.producer.exit_code = first.wait();
            // What it left in the pipe is not whole: the consumer must not take its end for success.
            if (result.producer.exit_code != 0 && second_runs) second.signal(SIGTERM);
        }
        if (second_runs && watched[1].revents != 0) {
            second_runs = false;
            result.consumer.exit_code = second.wait();
            if (first_runs) first.signal(SIGTERM);
        }
        if (!late && std::chrono::steady_clock::now() > deadline) {
            late = true;
            if (first_runs) first.signal(SIGKILL);
            if (second_runs) second.signal(SIGKILL);
        }
    }
    if (late)
        throw Error{Fault::overloaded,
                    producer.arguments.front() + " did not end within " + std::to_string(producer.time_max.count()) + " s"};
    return result;
}

}  // namespace varve
