/// Runs of log gathered into a batch. Pure.
#pragma once

#include "pipeline/log_shipper.hpp"

namespace varve {

/// Cuts off what lies before `position`: bytes and moments. A run that ends there or before becomes empty.
void trim_front(LogRun& run, std::uint64_t position);

/// Adds a run that begins where the batch ends. Frames grow to `frame_bytes_max`.
void add_run(LogBatch& batch, LogRun run, std::uint64_t frame_bytes_max);

/// An empty batch that begins at `from`.
LogBatch begin_batch(Lineage lineage, LogPosition from, std::optional<Instant> last_commit);

std::uint64_t bytes_of(const LogBatch& batch);

}  // namespace varve
