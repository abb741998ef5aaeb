#include "base/spawn.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <map>
#include <string_view>

#include "varve/error.hpp"

extern char** environ;

namespace varve {
namespace {

namespace fs = std::filesystem;

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

/// What a program that is not ours gets of our environment: the rest may hold secrets.
constexpr std::array<std::string_view, 4> harmless{"PATH", "HOME", "LANG", "TZ"};

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
            if (command.is_foreign && std::ranges::find(harmless, entry.substr(0, equals)) == harmless.end()) continue;
            if (equals != std::string_view::npos) environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
        }
        if (command.user) become(find_user(*command.user));
        if (command.dies_with_us) arguments.insert(arguments.begin(), {"/usr/bin/setpriv", "--pdeathsig=TERM", "--"});
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

}  // namespace

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "make a pipe", "");
    return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

void make_nonblocking(const Descriptor& end) { ::fcntl(end.get(), F_SETFL, O_NONBLOCK); }

NoSigpipe::NoSigpipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
}

NoSigpipe::~NoSigpipe() {
    if (::sigismember(&before_, SIGPIPE) == 1) return;
    const timespec at_once{};
    while (::sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

pid_t start_detached(const Command& command) {
    const Descriptor nothing{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    if (!nothing) throw system_error(errno, "open", "/dev/null");
    return spawn(command, nothing.get(), nothing.get(), nothing.get(), Session::its_own);
}

pid_t spawn(const Command& command, int input, int output, int errors, Session session) {
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
    const int apart = session == Session::its_own ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(&setup.attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | apart));

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

Child::Child(pid_t pid) : pid_{pid}, ended_{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))} {
    if (!ended_) {
        const int failure = errno;
        reap(true);
        throw system_error(failure, "watch a child process", "");
    }
}

Child::~Child() {
    if (pid_ != 0) reap(true);
}

void Child::signal(int number) const noexcept { ::kill(-pid_, number); }

int Child::reap(bool kill_first) noexcept {
    if (kill_first) signal(SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

namespace {

/// What the pipe has now.
template <class Visit>
void read_what_is_there(Descriptor& pipe, Visit visit) {
    std::array<char, 65536> block{};
    while (pipe) {
        const auto count = ::read(pipe.get(), block.data(), block.size());
        if (count > 0) {
            visit(std::string_view{block.data(), static_cast<std::size_t>(count)});
        } else if (count == 0) {
            pipe = {};
        } else if (errno != EINTR) {
            return;
        }
    }
}

}  // namespace

void take_output(Descriptor& pipe, std::string& into, std::size_t bytes_max) {
    read_what_is_there(pipe,
                       [&](std::string_view more) { into += more.substr(0, bytes_max - std::min(bytes_max, into.size())); });
}

void take_errors(Descriptor& pipe, std::string& into) {
    read_what_is_there(pipe, [&into](std::string_view more) {
        into += more;
        if (into.size() > errors_bytes_max) into.erase(0, into.size() - errors_bytes_max / 2);
    });
}

}  // namespace varve
