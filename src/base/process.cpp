#include "varve/process.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/spawn.hpp"
#include "varve/error.hpp"

namespace varve {
namespace {

namespace fs = std::filesystem;
using SteadyTime = std::chrono::steady_clock::time_point;

void give_input(Descriptor& pipe, std::string_view& rest) {
    const auto count = ::write(pipe.get(), rest.data(), rest.size());
    if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
    const bool closed = count < 0 && errno != EAGAIN && errno != EINTR;
    if (closed || rest.empty()) pipe = {};
}

/// When the child is asked to end, and when it is made to.
class Patience {
public:
    explicit Patience(std::chrono::seconds time_max) : next_{std::chrono::steady_clock::now() + time_max} {}
    int milliseconds_left() const {
        if (step_ == 2) return -1;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - std::chrono::steady_clock::now()).count();
        return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
    }
    void check(const Child& child) {
        if (step_ == 2 || std::chrono::steady_clock::now() < next_) return;
        child.signal(step_ == 0 ? SIGTERM : SIGKILL);
        ++step_;
        next_ = std::chrono::steady_clock::now() + process_grace;
    }
    bool lost() const noexcept { return step_ > 0; }

private:
    SteadyTime next_;
    int step_ = 0;
};

}  // namespace

CommandResult run_command(const Command& command) {
    const NoSigpipe no_sigpipe;
    auto input = make_pipe(), output = make_pipe(), errors = make_pipe();
    Child child{spawn(command, input.read.get(), output.write.get(), errors.write.get())};
    input.read = {};
    output.write = {};
    errors.write = {};
    make_nonblocking(input.write);
    make_nonblocking(output.read);
    make_nonblocking(errors.read);

    CommandResult result;
    std::string_view rest = command.input;
    if (rest.empty()) input.write = {};
    Patience patience{command.time_max};
    // The child's end counts, and not the end of its pipes: a server that it started may hold them for months.
    for (bool ended = false; !ended;) {
        std::array<pollfd, 4> watched{{{child.ended(), POLLIN, 0},
                                       {output.read.get(), POLLIN, 0},
                                       {errors.read.get(), POLLIN, 0},
                                       {input.write.get(), POLLOUT, 0}}};
        ::poll(watched.data(), watched.size(), patience.milliseconds_left());
        ended = watched[0].revents != 0;
        if (watched[3].revents != 0) give_input(input.write, rest);
        take_output(output.read, result.output, output_bytes_max);
        take_errors(errors.read, result.errors);
        if (!ended) patience.check(child);
    }
    result.exit_code = child.wait();
    if (patience.lost()) {
        throw Error{Fault::overloaded,
                    command.arguments.front() + " did not end within " + std::to_string(command.time_max.count()) + " s"}
            .with("errors", result.errors);
    }
    return result;
}

Error command_error(const Command& command, const CommandResult& result) {
    std::string_view errors = result.errors;
    while (!errors.empty() && errors.back() == '\n') errors.remove_suffix(1);
    const auto line = errors.substr(errors.rfind('\n') + 1);
    const auto name =
        command.arguments.empty() ? std::string{"a command"} : fs::path{command.arguments.front()}.filename().string();
    std::string sentence = name + " ended with exit code " + std::to_string(result.exit_code);
    if (!line.empty()) sentence += ": " + std::string{line};
    return Error{Fault::invalid, std::move(sentence)}.with("errors", result.errors);
}

}  // namespace varve
