/// Starting programs and watching them: what the kinds of commands in varve/process.hpp share.
#pragma once

#include <csignal>
#include <string>

#include "varve/file.hpp"
#include "varve/process.hpp"

namespace varve {

struct Pipe {
    Descriptor read, write;
};
/// Both ends are closed in children.
Pipe make_pipe();
void make_nonblocking(const Descriptor& end);

/// A pipe that nobody reads answers with EPIPE here, and not with a signal: SIGPIPE is held back in this thread meanwhile.
class NoSigpipe {
public:
    NoSigpipe();
    NoSigpipe(const NoSigpipe&) = delete;
    NoSigpipe& operator=(const NoSigpipe&) = delete;
    ~NoSigpipe();

private:
    sigset_t pipe_{}, before_{};
};

/// Of the child. Its own: what ends our session, a terminal that is closed, does not end it.
enum class Session { ours, its_own };

/// Starts the child in a process group (and session, when asked) of its own, with default signals and no descriptor of ours but
/// the three given.
pid_t spawn(const Command& command, int input, int output, int errors, Session session = Session::ours);

/// A started child; killed and reaped when this ends before it was waited for.
class Child {
public:
    explicit Child(pid_t pid);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();
    int ended() const noexcept { return ended_.get(); }  ///< readable when the child has ended
    pid_t pid() const noexcept { return pid_; }
    void signal(int number) const noexcept;
    int wait() { return reap(false); }

private:
    int reap(bool kill_first) noexcept;
    pid_t pid_;
    Descriptor ended_;
};

inline constexpr std::size_t output_bytes_max = 16u << 20;
inline constexpr std::size_t errors_bytes_max = 1u << 20;
/// Between SIGTERM and SIGKILL.
inline constexpr std::chrono::seconds process_grace{5};

/// Takes what the pipe, which does not block, has now; closes it at its end. What is beyond `bytes_max` is read and dropped.
void take_output(Descriptor& pipe, std::string& into, std::size_t bytes_max);
/// The same; of all that came, the end is kept: between a half and the whole of `errors_bytes_max`.
void take_errors(Descriptor& pipe, std::string& into);

}  // namespace varve
