#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <thread>

#include "mysql/base_backup.hpp"
#include "mysql/binlog_place.hpp"
#include "mysql/server.hpp"
#include "mysql/tools.hpp"
#include "mysql/xbstream.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/process.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t note_bytes_max = 1U << 20;
constexpr unsigned threads_max = 4;

/// Notes that the tool makes for its later self; which version names them how.
bool is_note(std::string_view path) {
    if (path.find('/') != std::string_view::npos) return false;  // of a database with such a name
    return path == "backup-my.cnf" || path.starts_with("xtrabackup_") || path.starts_with("mariadb_backup_") ||
           path.starts_with("mariadb-backup");
}
bool is_binlog_info(std::string_view path) { return path.ends_with("_binlog_info"); }

/// Tables lie in pages at fixed places: what did not change is found again there.
ChunkProfile profile_of(std::string_view path) {
    const auto name = path.substr(path.rfind('/') + 1);
    const bool pages = name.ends_with(".ibd") || name.ends_with(".MAD") || name.ends_with(".MAI") || name.ends_with(".MYI") ||
                       name.starts_with("ibdata") || name.starts_with("undo") || name.ends_with(".ibu");
    return pages ? ChunkProfile::page : ChunkProfile::file;
}

/// The line of the tool's errors that says what went wrong.
std::string complaint_in(std::string_view errors) {
    std::string last;
    while (!errors.empty()) {
        const auto line = errors.substr(0, errors.find('\n'));
        errors.remove_prefix(std::min(errors.size(), line.size() + 1));
        const bool says = line.find("FATAL") != std::string_view::npos || line.find("rror") != std::string_view::npos ||
                          line.find("ailed") != std::string_view::npos;
        if (says || (last.empty() && !line.empty())) last = line;
    }
    return last;
}

/// The user whom a restored data directory is given to.
std::string owner_of(const fs::path& folder) {
    struct ::stat status{};
    if (::stat(folder.c_str(), &status) != 0) throw system_error(errno, "stat", folder);
    const auto* user = ::getpwuid(status.st_uid);
    return user != nullptr ? user->pw_name : std::string{};
}

/// Puts the files of the stream into the backup as they come.
class Unpacker {
public:
    explicit Unpacker(BackupSink& sink) : sink_{sink} {}

    Task<> take(XbstreamEvent event) {
        if (event.kind == XbstreamEvent::Kind::end_of_file) co_return co_await end(event.path);
        if (is_note(event.path)) {
            auto& note = notes_[event.path];
            if (note.size() + event.content.size() > note_bytes_max)
                throw Error{Fault::corrupt, "the backup tool's " + event.path + " is too large"};
            append(note, event.content);
            co_return;
        }
        auto& writer = writers_[event.path];
        if (!writer) writer = co_await sink_.open(entry_of(event.path), profile_of(event.path));
        if (!event.content.empty()) co_await writer->write(std::move(event.content));
    }

    const std::map<std::string, Bytes>& notes() const noexcept { return notes_; }

private:
    static Entry entry_of(const std::string& path) {
        Entry entry;
        entry.path = (is_note(path) ? "tool/" : "data/") + path;
        entry.mode = 0660;
        return entry;
    }

    Task<> end(const std::string& path) {
        if (is_note(path)) {
            auto content = notes_[path];
            co_return co_await sink_.add(entry_of(path), std::move(content));
        }
        auto found = writers_.extract(path);
        auto writer = found ? std::move(found.mapped()) : nullptr;
        if (!writer) writer = co_await sink_.open(entry_of(path), profile_of(path));
        co_await writer->finish();
    }

    BackupSink& sink_;
    std::map<std::string, std::unique_ptr<EntryWriter>> writers_;
    std::map<std::string, Bytes> notes_;
};

class PhysicalBackup {
public:
    PhysicalBackup(BackupContext context, BackupSink& sink) : context_{std::move(context)}, unpacker_{sink} {}

    Task<Copied> run() {
        co_await on_pool(blocking(), [this] { start(); });
        auto copying = [this](TaskGroup& group) -> Task<> {
            group.spawn(end_the_tool_when_stopped());
            try {
                co_await unpack();
            } catch (const Error& error) {
                if (error.fault() != Fault::corrupt) throw;
                broken_ = error;  // a stream that ends early has its reason in what the tool says
            }
            group.request_stop();
        };
        co_await in_group(copying);
        co_await on_pool(blocking(), [this] { require_success(); });
        if (broken_) throw *broken_;
        co_return co_await on_pool(blocking(), [this] { return copied(); });
    }

private:
    asio::thread_pool& blocking() const { return context_.services.pools.blocking; }

    void start() {
        const auto& settings = context_.settings;
        const auto program = tool(settings.bin_dir, {"mariadb-backup", "mariabackup"});
        connection_.emplace(settings.connection);
        facts_ = facts_of_server(*connection_);
        facts_["owner"] = owner_of(facts_.at("datadir"));
        require_same_series(program);
        const auto password =
            settings.connection.password_reference.empty() ? std::string{} : read_secret(settings.connection.password_reference);
        login_.emplace(context_.services.state_dir, settings.connection, password);
        const auto threads = std::clamp(std::thread::hardware_concurrency(), 2U, threads_max);
        Command command;
        command.arguments = {program.string(),
                             login_->argument(),
                             "--backup",
                             "--stream=xbstream",
                             "--datadir=" + facts_.at("datadir"),
                             "--target-dir=" + context_.services.state_dir.string(),
                             "--parallel=" + std::to_string(threads)};
        command.dies_with_us = true;
        running_ = std::make_unique<RunningCommand>(command);
    }

    void require_same_series(const fs::path& program) {
        Command ask;
        ask.arguments = {program.string(), "--version"};
        const auto answer = run_command(ask);
        const auto tool = parse_version(answer.output + answer.errors);
        const auto server = parse_version(facts_.at("version"));
        if (!tool.same_series(server))
            throw Error{Fault::unsupported,
                        "mariadb-backup " + tool.text() + " does not fit the server's series, " + server.text()}
                .hint("Install the tool that came with the server, or name its folder with bin_dir.");
        facts_["tool_version"] = tool.text();
    }

    /// What blocks on the tool's output cannot be stopped otherwise.
    Task<> end_the_tool_when_stopped() {
        try {
            for (;;) co_await context_.services.clock.sleep_for(std::chrono::hours{1});
        } catch (...) {
            running_->stop();
            throw;
        }
    }

    /// The next block is read while the one before it is cut and stored.
    Task<> unpack() {
        XbstreamReader reader{[this](std::span<std::uint8_t> into) { return running_->read(into); }};
        const auto next = [&reader, this] { return on_pool(blocking(), [&reader] { return reader.next(); }); };
        auto event = co_await next();
        while (event) {
            std::optional<XbstreamEvent> following;
            co_await in_group([&](TaskGroup& group) -> Task<> {
                group.spawn(unpacker_.take(std::move(*event)));
                following = co_await next();
            });
            event = std::move(following);
        }
    }

    void require_success() {
        if (broken_) running_->stop();  // nobody reads what it still has to say
        const auto result = running_->finish();
        const bool said_so = result.errors.find("completed OK!") != std::string::npos;
        if (result.exit_code == 0 && said_so) return;
        throw Error{Fault::invalid, "mariadb-backup ended with exit code " + std::to_string(result.exit_code) +
                                        (said_so ? "" : " and did not say that it completed") + ": " +
                                        complaint_in(result.errors)}
            .with("errors", result.errors.substr(result.errors.size() - std::min<std::size_t>(result.errors.size(), 4096)));
    }

    Copied copied() {
        Copied result;
        for (const auto& [path, content] : unpacker_.notes())
            if (is_binlog_info(path)) result.coordinates = parse_binlog_info(text_of(content));
        // No commit in the copied files lies behind this place: they may hold a little more than the coordinates say.
        if (result.coordinates) facts_["log_after"] = to_text(ask_binlog_end(*connection_));
        result.stop_time = ask_time(*connection_);
        facts_["method"] = "physical";
        result.facts = std::move(facts_);
        return result;
    }

    BackupContext context_;
    Unpacker unpacker_;
    std::optional<Connection> connection_;
    std::optional<LoginFile> login_;
    std::unique_ptr<RunningCommand> running_;
    std::optional<Error> broken_;
    Properties facts_;
};

}  // namespace

Task<Copied> back_up_physical(BackupContext context, BackupSink& sink) {
    PhysicalBackup backup{std::move(context), sink};
    co_return co_await backup.run();
}

}  // namespace varve::mysql
