#include "pipeline/stream_writer.hpp"

#include <algorithm>
#include <utility>

#include "varve/error.hpp"

namespace varve {

namespace {

/// Pieces of this size are worth a hop to the pool and back.
constexpr std::size_t piece_bytes = 4u << 20;

}  // namespace

StreamWriter::StreamWriter(std::shared_ptr<ContentStream> stream, Entry entry, Record record)
    : stream_{std::move(stream)}, entry_{std::move(entry)}, record_{std::move(record)} {}

Task<> StreamWriter::write(Bytes block) {
    if (finished_) throw Error{Fault::defect, "the entry " + entry_.path + " was finished before"};
    // A whole piece needs no copy.
    if (held_.empty() && block.size() == piece_bytes) co_return co_await feed(std::move(block), false);
    ByteView rest = block;
    while (held_.size() + rest.size() >= piece_bytes) {
        auto piece = std::exchange(held_, {});
        const auto taken = piece_bytes - piece.size();
        piece.reserve(piece_bytes);
        append(piece, rest.first(taken));
        rest = rest.subspan(taken);  // `block` lives in this frame
        co_await feed(std::move(piece), false);
    }
    append(held_, rest);
}

Task<> StreamWriter::finish() {
    if (std::exchange(finished_, true)) throw Error{Fault::defect, "the entry " + entry_.path + " was finished before"};
    co_await feed(std::exchange(held_, {}), true);
    auto content = co_await stream_->finish();
    entry_.size = content.bytes;
    co_await record_(std::move(entry_), std::move(content));
}

Task<> StreamWriter::feed(Bytes piece, bool last) {
    const auto size = piece.size();
    auto held = std::make_shared<Bytes>(std::move(piece));
    co_await stream_->feed(
        size,
        [held](Bytes& into) {
            if (into.empty())
                into = std::move(*held);
            else
                append(into, *held);
        },
        last);
}

}  // namespace varve
