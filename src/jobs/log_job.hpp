/// Following one source's log: resume, retry, gaps. The driver streams; this decides what happens when it stops.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/segment_hashes.hpp"
#include "jobs/source.hpp"
#include "repository/log_catalog.hpp"
#include "repository/log_store.hpp"
#include "varve/error.hpp"

namespace varve {

/// What status shows of a followed log. A value, taken on the io thread.
struct FollowState {
    bool connected = false;
    std::optional<LogPosition> durable;      ///< on every required copy
    std::optional<Instant> waiting_since;    ///< when the oldest log that is not durable yet was received
    std::uint64_t waiting_bytes = 0;         ///< of log that was received and is not durable yet
    std::optional<Instant> durable_through;  ///< every commit up to then, by the source's clock, is durable
    LogStoreState copies;
    std::string problem;  ///< the last failure, empty when following
    std::string remedy;
    std::optional<Fault> fault;  ///< of that failure
    unsigned gaps = 0;           ///< recorded since this began
};

/// One source. io thread; run() once.
class LogFollower {
public:
    LogFollower(JobContext& context, Source& source, const asio::any_io_executor& executor);
    ~LogFollower();

    /// Called when a gap was recorded or a new lineage began: a base backup is needed at once.
    void on_base_needed(std::function<void(std::string reason)> callback);

    /// Follows until cancelled; the stop seals what is held and waits up to five seconds for it to be durable.
    /// Failures that time may mend are retried with back-off; the others too, more slowly, because an archive must not give up:
    /// with `Persist::no` they are thrown instead.
    enum class Persist { yes, no };
    Task<> run(Persist persist);
    /// Ends when everything the server had written when this was called is durable on every required copy. run() must be alive.
    Task<LogPosition> caught_up();
    /// The same, at most for `patience`; false also when the server cannot be asked.
    Task<bool> catches_up(std::chrono::microseconds patience);
    /// What is held becomes an object now.
    Task<> seal();
    FollowState state() const;
    /// Of a segment that was followed whole since this began.
    std::optional<Digest> segment_hash(const LineageName& lineage, std::uint64_t from, std::uint64_t to) const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve
