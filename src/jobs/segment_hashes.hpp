/// Remembers the SHA-256 of each finished segment that was followed, so that the same segment handed over by archive_command is
/// recognised without reading the archive back (a sealed host cannot).
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "varve/check.hpp"
#include "varve/driver.hpp"

namespace varve {

/// A LogSink that looks at what passes through. io thread.
class SegmentHashes final : public LogSink {
public:
    explicit SegmentHashes(LogSink& next) : next_{next} {}

    /// Nothing when the segment was not followed from its first byte to its last, or not all of it was taken yet.
    std::optional<Digest> find(const LineageName& lineage, std::uint64_t from, std::uint64_t to) const;

    Task<> begin_lineage(Lineage lineage) override;
    Task<> append(LogRun run) override;
    Task<> record_gap(Gap gap) override { return next_.record_gap(std::move(gap)); }
    void known_through(std::uint64_t at, Instant time) override { next_.known_through(at, time); }
    Task<> seal() override { return next_.seal(); }
    std::optional<LogPosition> durable() const override { return next_.durable(); }
    std::optional<Lineage> durable_lineage() const override { return next_.durable_lineage(); }
    Task<> durable_after(std::optional<LogPosition> position) override { return next_.durable_after(std::move(position)); }
    void throw_if_blocked() const override { next_.throw_if_blocked(); }

private:
    struct Segment {
        LineageName lineage;
        std::uint64_t from = 0, to = 0;
        Digest digest{};
    };
    struct Open {
        LineageName lineage;
        std::uint64_t from = 0, next = 0;
        Sha256 hash;
    };
    /// The segment that this run finishes.
    std::optional<Segment> look(const LogRun& run);

    LogSink& next_;
    std::uint64_t segment_bytes_ = 0;  ///< from the lineage's facts; 0: nothing is remembered
    std::optional<Open> open_;
    std::deque<Segment> finished_;
};

}  // namespace varve
