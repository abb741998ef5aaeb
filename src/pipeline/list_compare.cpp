#include "pipeline/list_compare.hpp"

#include <algorithm>

#include "format/chunk.hpp"

namespace varve {

namespace {

constexpr std::size_t steps_at_once = 4096;

/// Where a chunk lies may differ; what it is may not.
bool same_chunks(const std::string& before, const std::string& after) {
    if (before.size() != after.size()) return false;
    for (std::size_t at = 0; at + sizeof(ChunkId) <= before.size(); at += chunk_entry_bytes)
        if (before.compare(at, sizeof(ChunkId), after, at, sizeof(ChunkId)) != 0) return false;
    return true;
}

}  // namespace

ListComparison::ListComparison(std::shared_ptr<const RecallList> before, std::shared_ptr<const RecallList> after, bool same_ids)
    : before_{std::move(before)}, after_{std::move(after)}, same_ids_{same_ids} {}

bool ListComparison::done() const { return at_before_ == before_->size() && at_after_ == after_->size(); }

std::vector<ListDifference> ListComparison::next() {
    std::vector<ListDifference> found;
    for (std::size_t step = 0; step < steps_at_once && !done(); ++step) {
        const bool has_before = at_before_ < before_->size(), has_after = at_after_ < after_->size();
        const auto path_before = has_before ? before_->path(at_before_) : std::string{};
        const auto path_after = has_after ? after_->path(at_after_) : std::string{};
        if (!has_after || (has_before && path_before < path_after)) {
            found.push_back({.before = before_->entry(at_before_++), .after = {}, .changes = {}});
        } else if (!has_before || path_after < path_before) {
            found.push_back({.before = {}, .after = after_->entry(at_after_++), .changes = {}});
        } else {
            if (auto changes = changes_at(); !changes.empty())
                found.push_back({.before = before_->entry(at_before_), .after = after_->entry(at_after_), .changes = changes});
            ++at_before_;
            ++at_after_;
        }
    }
    return found;
}

std::vector<std::string> ListComparison::changes_at() const {
    // What was carried over unread has the same bytes in both lists, as long as its chunks lie where they lay.
    if (std::ranges::equal(before_->encoded(at_before_), after_->encoded(at_after_))) return {};
    const auto before = before_->message(at_before_), after = after_->message(at_after_);
    const bool same_time = before.mtime_ns() == after.mtime_ns(), same_size = before.size() == after.size();
    const bool same_content = same_ids_ ? same_chunks(before.chunks(), after.chunks()) : same_size && same_time;
    const auto marks = [](const format::FileEntry& message) { return from_format(message).attributes; };

    std::vector<std::string> changes;
    const auto add = [&](bool is_same, const char* what) {
        if (!is_same) changes.emplace_back(what);
    };
    add(before.kind() == after.kind(), "type");
    add(same_content, "content");
    add(same_size, "size");
    add(same_time, "time");
    add(before.mode() == after.mode(), "mode");
    add(before.uid() == after.uid() && before.gid() == after.gid() && before.user() == after.user() &&
            before.group() == after.group(),
        "owner");
    add(before.link_target() == after.link_target(), "target");
    add(marks(before) == marks(after), "attributes");
    // The time of a folder tells that something in it came or went, and that is among the differences by itself.
    const bool folder = after.kind() == static_cast<std::uint32_t>(EntryKind::directory);
    if (folder && changes == std::vector<std::string>{"time"}) changes.clear();
    return changes;
}

}  // namespace varve
