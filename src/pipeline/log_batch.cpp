#include "pipeline/log_batch.hpp"

#include <algorithm>

namespace varve {

void trim_front(LogRun& run, std::uint64_t position) {
    if (position <= run.first.at) return;
    const auto cut = std::min<std::uint64_t>(position - run.first.at, run.bytes.size());
    run.bytes.erase(run.bytes.begin(), run.bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    std::erase_if(run.moments, [&](const Moment& moment) { return moment.at <= position; });
    run.first.at += cut;
    run.first.text.clear();
}

void add_run(LogBatch& batch, LogRun run, std::uint64_t frame_bytes_max) {
    for (ByteView left{run.bytes}; !left.empty();) {
        if (batch.frames.empty() || batch.frames.back().size() >= frame_bytes_max) {
            batch.frame_from.push_back(run.last.at - left.size());
            batch.frames.emplace_back();
        }
        const auto part = left.first(std::min<std::size_t>(left.size(), frame_bytes_max - batch.frames.back().size()));
        append(batch.frames.back(), part);
        left = left.subspan(part.size());
    }
    for (const auto& moment : run.moments) batch.last_commit = std::max(batch.last_commit.value_or(moment.time), moment.time);
    std::ranges::move(run.moments, std::back_inserter(batch.moments));
    if (run.last_whole != 0) batch.last_whole = run.last_whole;
    batch.known_through.reset();  // there was more
    batch.to = std::move(run.last);
}

LogBatch begin_batch(Lineage lineage, LogPosition from, std::optional<Instant> last_commit) {
    LogBatch batch;
    batch.lineage = std::move(lineage);
    batch.to = from;
    batch.from = std::move(from);
    batch.last_commit = last_commit;
    return batch;
}

std::uint64_t bytes_of(const LogBatch& batch) { return batch.to.at - batch.from.at; }

}  // namespace varve
