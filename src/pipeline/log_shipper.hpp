/// Log runs in, log objects out: sealed when ship_interval passed or 8 MiB wait, acknowledged when every required copy has them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "format/format.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve {

/// A log object ready to be sealed: the frames and what the structure says of them.
struct LogBatch {
    Lineage lineage;
    LogPosition from, to;
    std::vector<Bytes> frames;
    std::vector<std::uint64_t> frame_from;
    std::vector<Moment> moments;
    std::uint64_t last_whole = 0;
    std::optional<Instant> last_commit;    ///< newest known in the lineage up to `to`
    std::optional<Instant> known_through;  ///< every commit up to then, by the source's clock, lies before `to`
};

/// Where log objects go. The repository implements it.
class LogDestination {
public:
    virtual ~LogDestination() = default;
    /// Seals (on the log pool) and stores the batch; ends when it is durable on every required copy.
    virtual Task<> put_log(std::shared_ptr<const LogBatch> batch) = 0;
    virtual Task<> put_gap(Lineage lineage, Gap gap) = 0;
};

struct ShipperOptions {
    std::chrono::microseconds interval = std::chrono::seconds{10};  ///< an object at most this long after its first byte
    std::uint64_t object_bytes_max = 8U << 20;
    std::uint64_t frame_bytes_max = 1U << 20;
    std::uint64_t held_bytes_max = 48U << 20;  ///< append() waits beyond this
    std::chrono::microseconds retry_pause_first = std::chrono::milliseconds{100};
    std::chrono::microseconds retry_pause_max = std::chrono::seconds{10};
};

/// One followed source. Runs inside a TaskGroup of its owner: run() must be alive for anything to be shipped. io thread.
///
/// Objects are stored one after the other, so that the archive never holds a later one without an earlier one: what is durable
/// has no hole. An object that a required copy refuses is tried again, with back-off, for as long as run() lives; nothing is
/// dropped.
///
/// What a driver may assume: begin_lineage() for the lineage at hand forgets bytes that are not part of an object yet, and the
/// driver streams again from durable() on; what it sends once more of objects that are under way is recognised by its position
/// and passed over. begin_lineage() for another lineage makes an object of what is held first.
class LogShipper final : public LogSink {
public:
    LogShipper(asio::any_io_executor executor, Clock& clock, LogDestination& destination, ShipperOptions options,
               SourceName source);
    ~LogShipper() override;

    Task<> begin_lineage(Lineage lineage) override;
    /// Fault::defect for a run of another lineage than begun, or one that leaves a hole that no gap was recorded for.
    Task<> append(LogRun run) override;
    Task<> record_gap(Gap gap) override;
    Task<> seal() override;
    void known_through(std::uint64_t at, Instant time) override;
    std::optional<LogPosition> durable() const override;
    std::optional<Lineage> durable_lineage() const override;
    Task<> durable_after(std::optional<LogPosition> position) override;
    void throw_if_blocked() const override;

    /// What the archive already has: durable() answers this until more is shipped.
    void resume_from(Lineage lineage, LogPosition durable, std::optional<Instant> last_commit);
    /// The next run may begin anywhere: for a gap that was recorded before.
    void allow_hole();
    /// Called when the log goes on in another lineage than before.
    void on_other_lineage(std::function<void(const Lineage&)> callback);
    /// Ships until cancelled.
    Task<> run();
    /// Makes an object of what is held and waits until all of it is durable, at most `patience` (of real time). True when it is.
    Task<bool> drain(std::chrono::microseconds patience);
    /// Every commit up to then, by the source's clock, is durable on every required copy.
    std::optional<Instant> durable_through() const;
    /// The end of what was taken in the lineage at hand, durable or not; nothing before a lineage was begun.
    std::optional<LogPosition> taken() const;
    /// When the oldest byte that is not durable yet was taken; nothing when nothing waits.
    std::optional<Instant> waiting_since() const;
    std::uint64_t held_bytes() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve
