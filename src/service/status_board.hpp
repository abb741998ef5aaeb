/// The status of every source, in the service's memory: what its archive said when it was last read, and what the service knows
/// now. `varve status`, the metrics, readiness and the notifications all tell what stands here: there is one verdict.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "jobs/status_job.hpp"
#include "policy/backoff.hpp"
#include "varve/async.hpp"
#include "varve/clock.hpp"

namespace varve {

/// A source on the board.
struct BoardSource {
    SourceName name;
    std::string driver;
    bool has_log = false;
    StatusRules rules;
    /// What its archive says, as archived_status().
    std::function<Task<SourceStatus>(std::optional<Instant> known_through)> read;
    /// What the service knows of it now.
    std::function<ServiceView(Instant now)> view;
};

struct BoardRules {
    std::chrono::microseconds look_again = std::chrono::seconds{1};  ///< whether something changed
    std::chrono::microseconds read_again = std::chrono::minutes{5};  ///< an archive in which nothing seems to have changed
    std::chrono::microseconds read_soon =
        std::chrono::seconds{10};  ///< one that waits for a backup, or for the log that leads on from it
    BackoffRule after_failure{.first = std::chrono::seconds{5}, .longest = std::chrono::minutes{1}};
    std::chrono::microseconds patience = std::chrono::minutes{2};  ///< an archive that takes longer, and four times as long as
                                                                   ///< ever, is said not to answer
    std::chrono::microseconds look_patience = std::chrono::seconds{10};  ///< of a command; then what was read last counts
    int rest = 20;  ///< reading takes at most one part in so many of the time
};

/// io thread.
class StatusBoard {
public:
    StatusBoard(asio::any_io_executor executor, Clock& clock, std::vector<BoardSource> sources, BoardRules rules = {});
    ~StatusBoard();

    /// Reads the archives, one after the other, when something changed and now and then, until cancelled. An archive that cannot
    /// be read is a verdict, and no failure of this. Once.
    Task<> run();
    bool has(const SourceName& source) const;
    /// One source as of now, its archive read anew while run() lives. What fails is in the verdict, and an archive that takes
    /// long is as it was read last. Fault::missing for a source that is not here.
    Task<SourceStatus> look(SourceName source);
    /// Every source as of now, from memory: asks nobody. Before the first reading its verdict is `unknown`.
    std::vector<SourceStatus> statuses() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve
