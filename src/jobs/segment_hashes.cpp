#include "jobs/segment_hashes.hpp"

#include <algorithm>
#include <charconv>

namespace varve {

namespace {

/// The archiver hands segments over within minutes; older ones are compared by the readers of the archive.
constexpr std::size_t segments_max = 1024;

std::uint64_t segment_bytes_of(const Lineage& lineage) {
    const auto found = lineage.facts.find("segment_bytes");
    std::uint64_t bytes = 0;
    if (found != lineage.facts.end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), bytes);
    return bytes;
}

}  // namespace

std::optional<Digest> SegmentHashes::find(const LineageName& lineage, std::uint64_t from, std::uint64_t to) const {
    const auto same = [&](const Segment& one) { return one.lineage == lineage && one.from == from && one.to == to; };
    const auto found = std::ranges::find_if(finished_, same);
    if (found == finished_.end()) return std::nullopt;
    return found->digest;
}

Task<> SegmentHashes::begin_lineage(Lineage lineage) {
    segment_bytes_ = segment_bytes_of(lineage);
    open_.reset();
    co_await next_.begin_lineage(std::move(lineage));
}

Task<> SegmentHashes::append(LogRun run) {
    auto finished = look(run);
    co_await next_.append(std::move(run));
    // Only now: whoever finds the hash of a segment may rely on all of it having been taken.
    if (!finished) co_return;
    finished_.push_back(std::move(*finished));
    if (finished_.size() > segments_max) finished_.pop_front();
}

/// On the io thread: a run is what the server sends at once, at most some 128 KiB, which takes a fraction of a millisecond.
std::optional<SegmentHashes::Segment> SegmentHashes::look(const LogRun& run) {
    if (segment_bytes_ == 0) return std::nullopt;
    const bool begins_segment = run.first.at % segment_bytes_ == 0;
    if (begins_segment) open_ = Open{.lineage = run.first.lineage, .from = run.first.at, .next = run.first.at, .hash = {}};
    if (!open_ || open_->next != run.first.at || open_->lineage != run.first.lineage) {
        open_.reset();
        return std::nullopt;
    }
    open_->hash.add(run.bytes);
    open_->next = run.last.at;
    if (open_->next - open_->from < segment_bytes_) return std::nullopt;
    Segment finished{.lineage = open_->lineage, .from = open_->from, .to = open_->next, .digest = open_->hash.finish()};
    open_.reset();
    return finished;
}

}  // namespace varve
