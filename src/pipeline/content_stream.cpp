#include "pipeline/content_stream.hpp"

#include <utility>

namespace varve {

std::size_t Cutter::cut(ByteView bytes, bool first, bool last, std::vector<std::uint32_t>& lengths) const {
    std::size_t done = 0;
    if (first && last && bytes.size() <= whole_max && !bytes.empty()) {
        lengths.push_back(static_cast<std::uint32_t>(bytes.size()));
        return bytes.size();
    }
    while (done < bytes.size()) {
        const auto rest = bytes.subspan(done);
        std::size_t length = 0;
        if (fixed == 0)
            length = by_content->cut(rest, last);
        else if (rest.size() >= fixed || last)
            length = std::min<std::size_t>(rest.size(), fixed);
        if (length == 0) break;
        lengths.push_back(static_cast<std::uint32_t>(length));
        done += length;
    }
    return done;
}

void store_chunks(ChunkBench& bench, ByteView bytes, const std::vector<std::uint32_t>& lengths, Content& into) {
    const auto sealed_before = bench.sealed();
    for (const auto length : lengths) {
        into.chunks.push_back(bench.store(bytes.first(length)));
        bytes = bytes.subspan(length);
    }
    into.sealed += bench.sealed() - sealed_before;
}

struct ContentStream::Piece {
    Bytes bytes;
    std::vector<std::uint32_t> lengths;
    Bytes tail;
    std::shared_ptr<Content> content = std::make_shared<Content>();
};

ContentStream::ContentStream(asio::any_io_executor executor, std::shared_ptr<Workroom> room, TaskGroup& group, Cutter cutter)
    : room_{std::move(room)}, group_{group}, cutter_{std::move(cutter)}, under_way_{executor, under_way_max} {}

Task<> ContentStream::feed(std::uint64_t bytes_max, Fill fill, bool last) {
    auto piece = std::make_shared<Piece>();
    auto room = co_await room_->room(tail_.size() + bytes_max);
    piece->bytes = std::exchange(tail_, {});
    const auto tail_bytes = piece->bytes.size();
    auto cut = [piece, fill = std::move(fill), cutter = cutter_, first = !begun_, last] {
        fill(piece->bytes);
        const auto done = cutter.cut(piece->bytes, first && last, last, piece->lengths);
        piece->tail = to_bytes(ByteView{piece->bytes}.subspan(done));
        piece->bytes.resize(done);
    };
    co_await on_pool(room_->pools().cpu, std::move(cut));
    begun_ = true;
    bytes_ += piece->bytes.size() + piece->tail.size() - tail_bytes;
    tail_ = std::exchange(piece->tail, {});
    if (piece->lengths.empty()) co_return;
    pieces_.push_back(piece->content);
    auto under_way = co_await under_way_.take(1);
    group_.spawn(store(shared_from_this(), std::move(piece), std::move(under_way), std::move(room)));
}

Task<> ContentStream::store(std::shared_ptr<ContentStream> self, std::shared_ptr<Piece> piece, Budget::Share under_way,
                            Budget::Share room) {
    const auto held_place = std::move(under_way);
    const auto held_room = std::move(room);
    auto job = [piece](ChunkBench& bench) { store_chunks(bench, piece->bytes, piece->lengths, *piece->content); };
    co_await self->room_->work(piece->bytes.size(), job);
    piece->content->lengths = std::move(piece->lengths);
}

Task<Content> ContentStream::finish() {
    const auto all = co_await under_way_.take(under_way_max);
    Content whole{.chunks = {}, .lengths = {}, .fixed = cutter_.fixed, .bytes = bytes_, .sealed = 0};
    for (auto& piece : std::exchange(pieces_, {})) {
        whole.chunks.insert(whole.chunks.end(), piece->chunks.begin(), piece->chunks.end());
        if (cutter_.fixed == 0) whole.lengths.insert(whole.lengths.end(), piece->lengths.begin(), piece->lengths.end());
        whole.sealed += piece->sealed;
        piece.reset();
    }
    co_return whole;
}

}  // namespace varve
