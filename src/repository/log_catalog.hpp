/// What the archive holds of a source's log: stretches, gaps, the tree of lineages; and the log itself, read back.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "repository/repository.hpp"
#include "varve/error.hpp"

namespace varve {

/// Objects of one lineage that lie end to end (or overlap): [from, to) can be read without a hole.
struct LogStretch {
    std::uint64_t from = 0, to = 0;
    std::optional<Instant> last_commit{};  ///< newest commit known up to `to`
    Instant stored_at;                     ///< when the newest object was put: see LineageLog::stored_at
    std::vector<LogName> objects;          ///< in order of `from`
};

struct LineageLog {
    Lineage lineage;     ///< from the structure of one of its objects
    std::string stored;  ///< its name in keys
    /// By position; between two of them is a gap. None: the lineage is known by its history alone.
    std::vector<LogStretch> stretches;
    LogPosition newest;                      ///< the end of its newest readable object
    LogPosition everywhere;                  ///< the end of what every required copy holds: at most `newest`
    std::optional<Instant> last_commit;      ///< newest commit known up to `newest`, exactly
    std::optional<Instant> last_everywhere;  ///< newest commit known up to `everywhere`, exactly
    std::optional<Instant> known_through;    ///< every commit up to then, by the source's clock, lies before `newest`
    /// When its newest object was sealed, as that object says: the time of a file changes when a repository is moved.
    Instant stored_at;
};

/// Log whose objects are damaged in every copy, all of them: there, and of no use.
struct UnreadableLog {
    std::string stored;  ///< its lineage's name in keys
    std::uint64_t objects = 0;
    Error error;  ///< of the newest one
};

/// LIST, and one structure for each lineage. io thread; a value: it does not change once read.
class LogCatalog {
public:
    static Task<LogCatalog> read(Repository& repository, SourceName source);
    /// As a plan has frozen it: lineages, and of each the objects that are needed.
    struct Frozen {
        Lineage lineage;
        std::vector<ObjectKey> objects;
    };
    static LogCatalog of(std::vector<Frozen> lineages);

    const std::vector<LineageLog>& lineages() const noexcept { return lineages_; }
    const LineageLog* find(const LineageName& name) const noexcept;
    /// The lineage that was written to last, and where it ends in every required copy: where a follower resumes, so that none of
    /// them keeps a hole. Nothing in an empty archive.
    struct Tip {
        Lineage lineage;
        LogPosition position;
        std::optional<Instant> last_commit;  ///< newest known up to `position`
        Instant stored_at;
    };
    std::optional<Tip> tip() const;
    /// The same of one lineage; nothing when there is no log of it.
    std::optional<Tip> tip_of(const LineageName& name) const;
    /// Copies that did not answer and may have more: while there is one, absence is not positive.
    const std::vector<RepositoryName>& unanswered() const noexcept { return unanswered_; }
    /// Lineages of which no object can be read. The others are as good as ever; whoever needs one that is not among
    /// lineages() asks require_readable().
    const std::vector<UnreadableLog>& unreadable() const noexcept { return unreadable_; }
    /// Fault::corrupt when `name` may be one of the unreadable lineages.
    void require_readable(const LineageName& name) const;
    /// Fault::unreachable when a required copy did not answer: a follower must not resume from what only the others have.
    void require_required() const;

private:
    std::vector<LineageLog> lineages_;
    std::vector<UnreadableLog> unreadable_;
    std::vector<RepositoryName> unanswered_;
    std::optional<RepositoryName> required_unanswered_;
};

/// Reads along a frozen path. Keeps the opened object in hand; fetches ahead a little. Needs a key that opens content.
/// A damaged object that others cover is passed over; objects that overlap must hold the same bytes (Fault::conflict,
/// `log_forked`, at the end of a stream at the latest).
std::unique_ptr<LogSource> make_log_source(Repository& repository, SourceName source, LogCatalog catalog, LineagePath path);

}  // namespace varve
