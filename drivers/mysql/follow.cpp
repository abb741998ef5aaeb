#include "mysql/follow.hpp"

#include <algorithm>
#include <utility>

#include "mysql/binlog_reader.hpp"
#include "mysql/file_head.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve::mysql {

namespace {

/// Ends of runs that wait for their place to become durable.
constexpr std::size_t marks_max = 4096;
/// Whoever waits for a small answer cannot be stopped meanwhile.
constexpr std::chrono::seconds answer_time_max{20};

struct Asked {
    ServerFacts server{};
    BinlogPlace end{};
    std::chrono::microseconds clock_offset{};
};

Asked ask(const ConnectionSettings& settings) {
    Connection connection{settings};
    Asked asked{.server = ask_server(connection), .end = ask_binlog_end(connection)};
    asked.clock_offset = ask_clock_offset(connection);
    return asked;
}

Error cannot_join(const std::string& what) {
    return Error{Fault::missing, what}.hint("A gap is recorded, and a base backup begins the log anew.");
}

/// Nothing when the text is of the other flavour.
std::optional<Gtids> parse_gtids(Flavour flavour, const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    try {
        return flavour == Flavour::mysql ? Gtids{GtidSet::parse(*text)} : Gtids{GtidState::parse(*text)};
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::optional<BinlogPlace> damaged_place(const Error& error) {
    const auto file = error.context().find("file"), end = error.context().find("end");
    if (error.fault() != Fault::corrupt || file == error.context().end() || end == error.context().end()) return std::nullopt;
    return BinlogPlace{file->second, std::stoull(end->second)};
}

}  // namespace

/// One stream, from connecting to its end.
struct Follower::Session {
    Asked asked;
    BinlogPlace from;            ///< where it begins to read
    std::optional<Gtids> gtids;  ///< the log's, there
    LogMap map;                  ///< without a lineage's name until the log was begun
    std::string file;            ///< that is read
    std::uint64_t file_begins_at = 0;
    std::uint64_t taken = 0;  ///< the end of what went into the sink
    std::unique_ptr<BinlogReader> reader;
    std::optional<Connection> watch;  ///< asks, while the stream is silent

    bool is_begun() const noexcept { return !map.lineage.empty(); }
};

Follower::Follower(SourceName source, SourceSettings settings, std::filesystem::path state_dir, Pools& pools)
    : source_{std::move(source)}, settings_{std::move(settings)}, state_dir_{std::move(state_dir)}, pools_{pools} {
    settings_.connection.silence_max = answer_time_max;
}
Follower::~Follower() = default;

// --------------------------------------------------------------------------------------------------------------- following

Task<> Follower::follow(std::optional<LogPosition> from, LogSink& sink) {
    co_await load();
    Session session;
    session.asked = co_await on_pool(pools_.blocking, [connection = settings_.connection] { return ask(connection); });
    session.from = {session.asked.end.file, 0};
    // A log that was cut before anything of it was archived: backups may stand in it already.
    if (!from && begun_ && !lost_) from = LogPosition{known_->map.lineage, 0, {}};
    std::exception_ptr failure;
    try {
        if (from) co_await resume(session, *from, sink);
        co_await open(session);
        co_await stream(session, sink);
    } catch (...) {
        failure = std::current_exception();
    }
    live_ = false;
    if (failure) std::rethrow_exception(judge(session, failure));
}

/// What the end of a stream means, remembered for what comes next.
std::exception_ptr Follower::judge(Session& session, std::exception_ptr failure) {
    if (is_stop(failure)) return failure;
    auto error = error_of(failure);
    if (error.fault() == Fault::missing && session.is_begun()) lost_ = LogPosition{session.map.lineage, session.taken, {}};
    const auto damaged = damaged_place(error);
    if (!damaged) return failure;
    damaged_times_ = damaged_ == damaged ? damaged_times_ + 1 : 1;
    damaged_ = damaged;
    if (damaged_times_ > 1)
        log(LogLevel::error, source_.text(), error.sentence() + ", again: it is archived as the server has it");
    // Asked again, the server sends it whole when it was damaged on its way.
    return std::make_exception_ptr(Error{Fault::unreachable, error.sentence()});
}

/// Finds the place in the server's files, and makes sure that the file is the one that was archived.
Task<> Follower::resume(Session& session, LogPosition from, LogSink& sink) {
    // Whatever is found out now: from there the log went on, or did not.
    session.map.lineage = from.lineage;
    session.taken = from.at;
    const auto parts = parse_lineage(from.lineage);
    LogMap map{.lineage = from.lineage, .files = {parts.first}};
    if (const auto archived = sink.durable_lineage(); archived && archived->name == from.lineage) map = map_of(*archived);
    if (known_ && known_->map.lineage == from.lineage)
        for (const auto& file : known_->map.files) map.put(file);

    auto place = from.at == 0 ? BinlogPlace{parts.first.name, 0} : find_place(from.text);
    if (!place || place->offset > from.at) place = map.find_place(from.at);
    if (!place) throw cannot_join("it is not known which binlog file the archive ends in");
    const auto* mapped = map.find(place->file);
    const auto expected = mapped != nullptr ? mapped->fingerprint : Fingerprint{};
    // Not the server's name, which MariaDB makes of its port and network card: the file tells whose log it is.
    const bool is_renamed = parts.server != session.asked.server.uuid;
    const auto stranger = [&] {
        return cannot_join("the server that answers is " + session.asked.server.uuid + ", and the log that is archived is of " +
                           parts.server);
    };
    Fingerprint found;
    try {
        found = co_await on_pool(pools_.blocking, [connection = settings_.connection, file = place->file] {
            return ask_fingerprint(connection, file);
        });
    } catch (const Error& error) {
        if (is_renamed && error.fault() == Fault::missing) throw stranger();
        throw;
    }
    if (is_renamed && found != expected) throw stranger();
    if (!expected.empty() && found != expected)
        throw cannot_join("the server's " + place->file + " is another file than the one that is archived under this name");

    session.file = place->file;
    session.file_begins_at = from.at - place->offset;
    map.put({.name = place->file, .begins_at = session.file_begins_at, .fingerprint = found});
    session.map = std::move(map);
    session.gtids = parse_gtids(session.asked.server.flavour, find_gtids_at(from));
    session.from = {place->file, place->offset > binlog_magic_bytes ? BinlogDump::first_offset(place->offset) : 0};
    if (session.from.offset <= binlog_magic_bytes) {
        session.from.offset = 0;
        session.gtids.reset();  // they are of another place
    }
    co_await begin(session, sink);
}

std::optional<std::string> Follower::find_gtids_at(const LogPosition& position) const {
    if (!known_ || known_->map.lineage != position.lineage) return std::nullopt;
    for (const auto& mark : marks_)
        if (mark.at == position.at) return mark.gtids;
    return known_->at == position.at ? known_->gtids : std::nullopt;
}

Task<> Follower::open(Session& session) {
    DumpRequest request{.from = session.from, .server_id = settings_.server_id.value_or(random_server_id())};
    auto connect = [connection = settings_.connection, request] { return std::make_unique<BinlogDump>(connection, request); };
    auto dump = co_await on_pool(pools_.blocking, std::move(connect));
    BinlogTracker tracker{{.place = session.from, .gtids = session.gtids}};
    if (damaged_ && damaged_times_ > 1) tracker.accept_damage_at(*damaged_);
    session.reader = std::make_unique<BinlogReader>(co_await asio::this_coro::executor, std::move(dump), std::move(tracker),
                                                    session.asked.clock_offset);
}

Task<> Follower::stream(Session& session, LogSink& sink) {
    auto body = [this, &session, &sink](TaskGroup& group) -> Task<> {
        group.spawn(keep_durable(sink));
        co_await take(session, sink);
    };
    std::exception_ptr failure;
    try {
        co_await in_group(body);
    } catch (...) {
        failure = std::current_exception();
    }
    live_ = false;
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await shielded(session.reader->stop(pools_));
    if (failure) std::rethrow_exception(failure);
}

Task<> Follower::take(Session& session, LogSink& sink) {
    for (;;) {
        auto piece = co_await session.reader->next();
        if (!piece) throw Error{Fault::unreachable, "the server ended the stream of its binlog"};
        co_await take_piece(session, std::move(*piece), sink);
    }
}

Task<> Follower::take_piece(Session& session, BinlogPiece piece, LogSink& sink) {
    if (piece.fingerprint) co_await enter_file(session, piece, sink);
    const auto begin = session.file_begins_at;
    const auto& lineage = session.map.lineage;
    const auto end = begin + piece.to;
    if (!piece.bytes.empty()) {
        LogRun run;
        run.first = position_in(lineage, begin + piece.from, {piece.file, piece.from});
        run.last = position_in(lineage, end, {piece.file, piece.to});
        run.bytes = std::move(piece.bytes);
        for (const auto& moment : piece.moments) run.moments.push_back({begin + moment.at, moment.time});
        marks_.push_back({end, std::move(piece.gtids)});
        if (marks_.size() > marks_max) marks_.pop_front();
        session.taken = std::max(session.taken, end);
        co_await sink.append(std::move(run));
    }
    if (!piece.known_through) co_return;
    const bool is_end = co_await is_still_read(session, {piece.file, piece.to});
    if (is_end) sink.known_through(end, *piece.known_through);
}

/// Silence at `place` means that the log ends there; or, in MySQL, that it was begun anew beneath the stream, which is told only
/// when the new file has become longer than the old one was.
Task<bool> Follower::is_still_read(Session& session, BinlogPlace place) {
    auto ask_end = [&watch = session.watch, connection = settings_.connection]() -> std::optional<BinlogPlace> {
        try {
            if (!watch) watch.emplace(connection);
            return ask_binlog_end(*watch);
        } catch (const Error&) {
            watch.reset();
            return std::nullopt;  // nothing is known then, and the stream itself says what is wrong with the server
        }
    };
    const auto end = co_await on_pool(pools_.blocking, std::move(ask_end));
    if (!end) co_return false;
    const bool is_behind =
        end->file == place.file ? end->offset < place.offset : find_number_of(end->file) < find_number_of(place.file);
    if (is_behind)
        throw cannot_join("the server's log was begun anew: it ends at " + to_text(*end) + ", and was read up to " +
                          to_text(place));
    co_return *end == place;  // asked for afterwards: what came meanwhile may be on its way
}

/// A piece that begins a file: the lineage's first, the next one, or the one that was read before, from its begin once more.
Task<> Follower::enter_file(Session& session, const BinlogPiece& piece, LogSink& sink) {
    const MappedFile file{
        .name = piece.file, .begins_at = session.is_begun() ? session.taken : 0, .fingerprint = *piece.fingerprint};
    if (!session.is_begun()) {
        LineageParts parts{.server = session.asked.server.uuid, .first = file};
        // Begun anew in the file that another attempt began with: what comes now does not join on that.
        while (lost_ && lost_->lineage == lineage_name(parts)) ++parts.attempt;
        session.map = {.lineage = lineage_name(parts), .files = {file}};
    } else if (piece.file == session.file) {
        if (session.map.find(piece.file)->fingerprint != *piece.fingerprint)
            throw cannot_join("the server's " + piece.file + " was replaced while it was read");
        co_return;
    } else {
        session.map.put(file);
        co_await sink.seal();  // a lineage that is begun once more forgets what is open
    }
    session.file = file.name;
    session.file_begins_at = file.begins_at;
    co_await begin(session, sink);
}

/// Each object of the archive says in which files it lies: so the lineage is told again with every file.
Task<> Follower::begin(Session& session, LogSink& sink) {
    const auto& server = session.asked.server;
    const auto identity = co_await this->identity(server);
    co_await sink.begin_lineage(make_lineage(session.map, server));
    SavedLog next = known_ && known_->identity == identity ? std::move(*known_) : SavedLog{};
    if (next.map.lineage != session.map.lineage) {
        next.at = 0;
        next.gtids.reset();
        marks_.clear();
    }
    next.identity = identity;
    next.servers.insert(server.uuid);
    next.server_id = server.server_id();
    next.map = session.map;
    known_ = std::move(next);
    live_ = begun_ = true;
    lost_.reset();
    co_await save();
}

/// Remembers where what is durable ends, so that a next run compares what comes then.
Task<> Follower::keep_durable(LogSink& sink) {
    for (;;) {
        const auto durable = sink.durable();
        bool is_marked = false;
        if (durable && known_ && durable->lineage == known_->map.lineage) {
            for (; !marks_.empty() && marks_.front().at <= durable->at; marks_.pop_front()) {
                is_marked = marks_.front().at == durable->at;
                if (!is_marked) continue;
                known_->at = durable->at;
                known_->gtids = marks_.front().gtids;
            }
        }
        if (is_marked) co_await save();
        co_await sink.durable_after(durable);
    }
}

// -------------------------------------------------------------------------------------------------------------- remembering

Task<> Follower::load() {
    if (loaded_) co_return;
    auto found = co_await on_pool(pools_.blocking, [folder = state_dir_] { return find_saved_log(folder); });
    if (!std::exchange(loaded_, true)) known_ = std::move(found);
}

/// A state directory that cannot be written costs comparisons at the next start, and nothing else.
Task<> Follower::save() {
    auto keep = [folder = state_dir_, saved = *known_] {
        try {
            keep_saved_log(folder, saved);
        } catch (const Error& error) {
            return std::optional{error};
        }
        return std::optional<Error>{};
    };
    const auto failure = co_await on_pool(pools_.blocking, std::move(keep));
    if (failure && !std::exchange(told_of_saving_, true)) log_failure(LogLevel::warning, source_.text(), *failure);
}

Task<std::string> Follower::identity(ServerFacts server) {
    co_await load();
    if (!known_ || known_->identity.empty()) co_return server.uuid;
    if (known_->servers.contains(server.uuid)) co_return known_->identity;
    struct Theirs {
        std::string gtids;
        std::vector<BinlogFile> files;
    };
    auto ask_theirs = [connection = settings_.connection, server] {
        Connection session{connection};
        Theirs theirs{.gtids = ask_gtids(session, server.flavour), .files = {}};
        if (server.is_on("log_bin")) theirs.files = ask_binlog_files(session);
        return theirs;
    };
    const auto theirs = co_await on_pool(pools_.blocking, std::move(ask_theirs));
    const bool is_ours =
        continues(*known_, server, theirs.gtids) || co_await is_still_there(known_->map, server.uuid, theirs.files);
    co_return is_ours ? known_->identity : server.uuid;
}

// ------------------------------------------------------------------------------------------------------------------ places

Task<bool> Follower::is_still_there(LogMap map, std::string server, std::vector<BinlogFile> on_server) {
    const auto& newest = map.files.back();
    const bool is_listed = std::ranges::find(on_server, newest.name, &BinlogFile::name) != on_server.end();
    if (!is_listed) co_return false;
    if (newest.fingerprint.empty()) co_return parse_lineage(map.lineage).server == server;
    auto compare = [connection = settings_.connection, newest] {
        return ask_fingerprint(connection, newest.name) == newest.fingerprint;
    };
    co_return co_await on_pool(pools_.blocking, std::move(compare));
}

Task<LocatedPlace> Follower::locate(BinlogPlace place) {
    co_await load();
    struct Found {
        ServerFacts server;
        std::vector<BinlogFile> files;
    };
    const auto found = co_await on_pool(pools_.blocking, [connection = settings_.connection] {
        Connection session{connection};
        return Found{.server = ask_server(session), .files = ask_binlog_files(session)};
    });
    if (known_) {
        const auto map = known_->map;
        const bool is_read = live_ && parse_lineage(map.lineage).server == found.server.uuid;
        const bool holds = is_read || co_await is_still_there(map, found.server.uuid, found.files);
        if (const auto at = holds ? map.find_position(place, found.files) : std::nullopt)
            co_return LocatedPlace{make_lineage(map, found.server), position_in(map.lineage, *at, place)};
        // A log that goes on, and whose files of then are gone: a lineage that began with them is one that nobody follows.
        const auto newest = map.files.back().name;
        const bool goes_on = holds && std::ranges::find(found.files, newest, &BinlogFile::name) != found.files.end();
        if (goes_on && find_number_of(place.file) < find_number_of(newest))
            throw Error{Fault::conflict,
                        "the server has purged " + to_text(place) + " before it was known where it lies in the log"}
                .hint("Let the server keep its binlogs for longer than a backup takes, and take the backup again.");
    }
    MappedFile first{.name = place.file, .begins_at = 0, .fingerprint = {}};
    first.fingerprint = co_await on_pool(
        pools_.blocking, [connection = settings_.connection, file = place.file] { return ask_fingerprint(connection, file); });
    const LogMap map{.lineage = lineage_name({.server = found.server.uuid, .first = first}), .files = {first}};
    co_return LocatedPlace{make_lineage(map, found.server), position_in(map.lineage, place.offset, place)};
}

Task<LogPosition> Follower::position() {
    const auto end = co_await on_pool(pools_.blocking, [connection = settings_.connection] {
        Connection session{connection};
        return ask_binlog_end(session);
    });
    // Where a gap ends is in no lineage yet: in the one that it leaves, it is further than anything that was archived.
    if (lost_) co_return position_in(lost_->lineage, lost_->at + 1, end);
    co_return (co_await locate(end)).position;
}

Task<LogProbe> Follower::probe(std::string) {
    const auto end = co_await on_pool(pools_.blocking, [connection = settings_.connection] {
        Connection session{connection};
        session.execute("FLUSH BINARY LOGS");
        return ask_binlog_end(session);
    });
    co_return LogProbe{.written = (co_await locate(end)).position};
}

std::optional<std::string> Follower::next_file() const {
    if (!known_) return std::nullopt;
    if (live_) return known_->map.files.back().name;
    const auto place = known_->map.find_place(known_->at);
    return place ? place->file : known_->map.files.front().name;
}

}  // namespace varve::mysql
