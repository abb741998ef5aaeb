/// Follows a server's binlog into the archive, and knows where places of the server's files lie in it.
///
/// A log that is begun anew begins with the first byte of the server's present file, so that each file of the archive can be
/// rebuilt whole. Following resumes at the file and offset where the archive ends, after it was seen that this is still the file
/// it was; its events are proven to join on what is archived (binlog_tracker.hpp). What cannot be joined is Fault::missing, and
/// the caller records a gap and begins anew. Nothing is retried here, but for a damaged event, which is asked for once more.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "mysql/log_map.hpp"
#include "mysql/saved_log.hpp"
#include "mysql/server.hpp"
#include "mysql/source_settings.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// A place of the server's files in the log that is followed, or would be.
struct LocatedPlace {
    Lineage lineage;
    LogPosition position;
};

/// io thread only. follow() runs once at a time; the rest may be called beside it.
class Follower {
public:
    Follower(SourceName source, SourceSettings settings, std::filesystem::path state_dir, Pools& pools);
    ~Follower();

    /// As Driver::follow_log.
    Task<> follow(std::optional<LogPosition> from, LogSink& sink);
    /// Where a place that the server told of lies. In the lineage that is followed, or was last, when the server's files still
    /// continue it; else in one that would begin with that place's file. Positions ahead of what was read are counted by the
    /// sizes of the server's files.
    Task<LocatedPlace> locate(BinlogPlace place);
    /// Where the server's log ends now.
    Task<LogPosition> position();
    /// As Driver::probe_log: a new file is begun.
    Task<LogProbe> probe(std::string mark);
    /// The identity of the source whose server this is: its own, or that of the one that it took over from.
    Task<std::string> identity(ServerFacts server);
    /// Reads what is remembered, once; what is asked of a place does it by itself.
    Task<> load();
    /// The file that is read now, or that reading would go on with; nothing when nothing was followed yet.
    std::optional<std::string> next_file() const;

private:
    struct Session;

    Task<> resume(Session& session, LogPosition from, LogSink& sink);
    Task<> open(Session& session);
    Task<> stream(Session& session, LogSink& sink);
    Task<> take(Session& session, LogSink& sink);
    Task<> take_piece(Session& session, BinlogPiece piece, LogSink& sink);
    Task<bool> is_still_read(Session& session, BinlogPlace place);
    Task<> enter_file(Session& session, const BinlogPiece& piece, LogSink& sink);
    Task<> begin(Session& session, LogSink& sink);
    Task<> keep_durable(LogSink& sink);
    Task<> save();
    /// Whether the newest of these files is the one that the server has under its name.
    Task<bool> is_still_there(LogMap map, std::string server, std::vector<BinlogFile> on_server);
    std::optional<std::string> find_gtids_at(const LogPosition& position) const;
    std::exception_ptr judge(Session& session, std::exception_ptr failure);

    SourceName source_;
    SourceSettings settings_;
    std::filesystem::path state_dir_;
    Pools& pools_;

    bool loaded_ = false;
    std::optional<SavedLog> known_;    ///< what is followed, or was last
    bool live_ = false;                ///< known_ is what a stream is reading now
    bool begun_ = false;               ///< or has read, since this object is there
    std::optional<LogPosition> lost_;  ///< the log could not go on from there
    struct Mark {
        std::uint64_t at = 0;
        std::optional<std::string> gtids;
    };
    std::deque<Mark> marks_;              ///< where runs ended that may not be durable yet
    std::optional<BinlogPlace> damaged_;  ///< the end of an event that came damaged
    unsigned damaged_times_ = 0;
    bool told_of_saving_ = false;
};

}  // namespace varve::mysql
