#include "varve/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>
#include <utility>

#include "varve/bytes.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

extern char** environ;

namespace varve {
namespace {

namespace fs = std::filesystem;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t output_bytes_max = 16u << 20;
constexpr std::size_t errors_bytes_max = 1u << 20;
constexpr std::chrono::seconds grace{5};

struct Pipe {
    Descriptor read, write;
};
Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "make a pipe", "");
    return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}
void make_nonblocking(const Descriptor& end) { ::fcntl(end.get(), F_SETFL, O_NONBLOCK); }

/// A pipe that nobody reads answers with EPIPE here, and not with a signal: SIGPIPE is held back in this thread meanwhile.
class NoSigpipe {
public:
    NoSigpipe() {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    NoSigpipe(const NoSigpipe&) = delete;
    NoSigpipe& operator=(const NoSigpipe&) = delete;
    ~NoSigpipe() {
        if (::sigismember(&before_, SIGPIPE) == 1) return;
        const timespec at_once{};
        while (::sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t pipe_{}, before_{};
};

/// Where a program name leads, by PATH as the child will see it.
fs::path find_program(const Command& command) {
    const auto& name = command.arguments.front();
    if (name.find('/') != std::string::npos) {
        if (::access(name.c_str(), X_OK) == 0) return name;
        throw system_error(errno, "run", name);
    }
    const auto own = command.environment.find("PATH");
    const char* inherited = ::getenv("PATH");
    std::string_view path = inherited != nullptr ? inherited : "/usr/bin:/bin";
    if (own != command.environment.end()) path = own->second;
    while (!path.empty()) {
        const auto end = std::min(path.find(':'), path.size());
        const auto candidate = fs::path{path.substr(0, end)} / name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    throw Error{Fault::missing, "there is no program " + name + " in PATH"}.hint(
        "Install it, or name its folder in the configuration.");
}

struct User {
    uid_t id;
    gid_t group;
    std::string name, home;
};
User find_user(const std::string& name) {
    std::array<char, 16384> room{};
    struct ::passwd entry{};
    struct ::passwd* found = nullptr;
    const int failure = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
    if (failure != 0) throw system_error(failure, "look up the user", name);
    if (found == nullptr) throw Error{Fault::missing, "there is no user " + name + " on this host"};
    return {entry.pw_uid, entry.pw_gid, name, entry.pw_dir};
}

/// Arguments and environment as the child gets them. posix_spawn cannot change the user, so another user's command goes
/// through setpriv (util-linux), which changes it and executes the program in its own place.
struct Launch {
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;

    explicit Launch(const Command& command) : arguments{command.arguments} {
        if (arguments.empty()) throw Error{Fault::defect, "a command without a program"};
        const auto program = find_program(command);
        arguments.front() = program.string();
        for (char** at = environ; *at != nullptr; ++at) {
            const std::string_view entry{*at};
            const auto equals = entry.find('=');
            if (equals != std::string_view::npos) environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
        }
        if (command.user) become(find_user(*command.user));
        for (const auto& [name, value] : command.environment) environment.insert_or_assign(name, value);
    }

    void become(const User& user) {
        if (::geteuid() == user.id) return;
        if (::geteuid() != 0) {
            throw Error{Fault::denied, "only root can run a command as " + user.name}.hint("Run Varve as root or as " +
                                                                                           user.name + ".");
        }
        const std::vector<std::string> by{"/usr/bin/setpriv", "--reuid=" + std::to_string(user.id),
                                          "--regid=" + std::to_string(user.group), "--init-groups", "--"};
        arguments.insert(arguments.begin(), by.begin(), by.end());
        environment["HOME"] = user.home;
        environment["USER"] = environment["LOGNAME"] = user.name;
    }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

/// posix_spawn's own two structs, freed with their scope.
struct SpawnSetup {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    SpawnSetup() {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;
    ~SpawnSetup() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
};

/// Starts the child in a process group of its own, with default signals and no descriptor of ours but the three given.
pid_t spawn(const Command& command, int input, int output, int errors) {
    Launch launch{command};
    SpawnSetup setup;
    ::posix_spawn_file_actions_adddup2(&setup.actions, input, 0);
    ::posix_spawn_file_actions_adddup2(&setup.actions, output, 1);
    ::posix_spawn_file_actions_adddup2(&setup.actions, errors, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&setup.actions, 3);
    if (!command.directory.empty()) ::posix_spawn_file_actions_addchdir_np(&setup.actions, command.directory.c_str());
    sigset_t none{}, all{};
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&setup.attributes, &none);
    ::posix_spawnattr_setsigdefault(&setup.attributes, &all);
    ::posix_spawnattr_setpgroup(&setup.attributes, 0);
    ::posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

    std::vector<std::string> variables;
    for (const auto& [name, value] : launch.environment) variables.push_back(name + "=" + value);
    const auto arguments = pointers(launch.arguments);
    const auto environment = pointers(variables);
    pid_t child = 0;
    const int failure =
        ::posix_spawn(&child, arguments[0], &setup.actions, &setup.attributes, arguments.data(), environment.data());
    if (failure != 0) throw system_error(failure, "run", command.arguments.front());
    return child;
}

/// A started child; killed and reaped when this ends before it was waited for.
class Child {
public:
    explicit Child(pid_t pid) : pid_{pid}, ended_{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))} {
        if (!ended_) {
            const int failure = errno;
            reap(true);
            throw system_error(failure, "watch a child process", "");
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ != 0) reap(true);
    }
    int ended() const noexcept { return ended_.get(); }
    void signal(int number) const noexcept { ::kill(-pid_, number); }
    int wait() { return reap(false); }

private:
    int reap(bool kill_first) noexcept {
        if (kill_first) signal(SIGKILL);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    pid_t pid_;
    Descriptor ended_;
};

/// Takes what the pipe has now; closes it at its end. What is beyond `bytes_max` is read and dropped.
void take_output(Descriptor& pipe, std::string& into, std::size_t bytes_max) {
    std::array<char, 65536> block{};
    while (pipe) {
        const auto count = ::read(pipe.get(), block.data(), block.size());
        if (count > 0) {
            into.append(block.data(), std::min(static_cast<std::size_t>(count), bytes_max - std::min(bytes_max, into.size())));
        } else if (count == 0) {
            pipe = {};
        } else if (errno != EINTR) {
            return;
        }
    }
}

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
        next_ = std::chrono::steady_clock::now() + grace;
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
        take_output(errors.read, result.errors, errors_bytes_max);
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
