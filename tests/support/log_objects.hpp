/// Log objects put by hand: with the bytes, the time and the folder that a test wants.
#pragma once

#include <optional>

#include "repository/log_object.hpp"
#include "repository/object_keys.hpp"
#include "support/test_repository.hpp"

namespace varve::test {

struct LogSample {
    LineageName lineage{"7/1"};
    std::uint64_t from = 0;
    Bytes bytes{};
    std::vector<Moment> moments{};
    std::optional<Instant> last_commit{};
    Instant stored = from_rfc3339("2026-11-23T02:00:00Z");
    std::optional<LineageName> folder{};  ///< put below this lineage instead of its own
    std::uint64_t begins_at = 0;
    Properties facts{};
    std::optional<LogPosition> parent{};
};

/// In the copies of `repository`, all of them.
inline Task<ObjectKey> put_sample(Repository& repository, LogSample sample) {
    LogBatch batch;
    const auto to = sample.from + sample.bytes.size();
    batch.lineage = {.name = sample.lineage, .begins_at = sample.begins_at, .parent = sample.parent, .facts = sample.facts};
    batch.from = {sample.lineage, sample.from, "at " + std::to_string(sample.from)};
    batch.to = {sample.lineage, to, "at " + std::to_string(to)};
    batch.moments = sample.moments;
    batch.last_commit = sample.last_commit;
    if (!sample.bytes.empty()) {
        batch.frames.push_back(sample.bytes);
        batch.frame_from.push_back(sample.from);
    }
    const auto object = seal_log(batch, {test_source.text(), "test", "db1"}, repository.sealing(test_source), sample.stored, 3);
    const auto keys = repository.source_keys(test_source);
    const auto key = log_key(stored_name(keys, test_source), stored_name(keys, sample.folder.value_or(sample.lineage)),
                             sample.from, to, sample.last_commit.value_or(Instant{}), object.name);
    Copies::Work work{repository.copies()};
    co_await work.put(key, object.bytes);
    co_await work.barrier();
    co_return key;
}

inline Bytes bytes_of(std::size_t count, std::uint8_t value) { return Bytes(count, value); }

}  // namespace varve::test
