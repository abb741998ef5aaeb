#include "repository/log_object.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve {

namespace {

void fill_moments(const LogBatch& batch, format::LogStructure& structure) {
    std::uint64_t position = batch.from.at;
    std::int64_t time = 0;
    for (const auto& moment : batch.moments) {
        structure.add_moment_positions(moment.at - position);
        structure.add_moment_times(to_format(moment.time) - time);
        position = moment.at;
        time = to_format(moment.time);
    }
}

std::size_t bytes_of(const LogBatch& batch) {
    std::size_t bytes = 0;
    for (const auto& frame : batch.frames) bytes += frame.size();
    return bytes;
}

}  // namespace

SealedObject seal_log(const LogBatch& batch, const LogAuthor& author, const SealingContext& context, Instant now, int level) {
    ObjectWriter writer{ObjectType::log, context, bytes_of(batch) + (64U << 10)};
    format::LogStructure structure;
    structure.set_source(author.source);
    structure.set_driver(author.driver);
    structure.set_host(author.host);
    structure.set_tool_version(VARVE_VERSION);
    to_format(batch.lineage, *structure.mutable_lineage());
    structure.set_from(batch.from.at);
    structure.set_to(batch.to.at);
    structure.set_from_text(batch.from.text);
    structure.set_to_text(batch.to.text);
    structure.set_stored(to_format(now));
    if (batch.last_commit) structure.set_last_commit(to_format(*batch.last_commit));
    structure.set_last_whole(batch.last_whole);
    if (batch.known_through) structure.set_known_through(to_format(*batch.known_through));
    for (std::size_t frame = 0; frame < batch.frames.size(); ++frame) {
        writer.add(batch.frames[frame], level);
        structure.add_frame_from(batch.frame_from[frame]);
    }
    for (const auto length : writer.sealed_lengths()) structure.add_sealed_lengths(length);
    fill_moments(batch, structure);
    return writer.finish(view_of(structure.SerializeAsString()));
}

std::vector<Moment> moments_of(const format::LogStructure& structure) {
    std::vector<Moment> moments;
    std::uint64_t position = structure.from();
    std::int64_t time = 0;
    const int count = std::min(structure.moment_positions_size(), structure.moment_times_size());
    for (int index = 0; index < count; ++index) {
        position += structure.moment_positions(index);
        time += structure.moment_times(index);
        moments.push_back({.at = position, .time = from_format(time)});
    }
    return moments;
}

void require_lineage(const format::LogStructure& structure, const LineageName& lineage, const ObjectKey& key) {
    if (structure.lineage().name() == lineage.text()) return;
    throw Error{Fault::corrupt,
                key.text() + " lies with the log of " + lineage.text() + " and says that it is of " + structure.lineage().name()}
        .with("object", key.text());
}

}  // namespace varve
