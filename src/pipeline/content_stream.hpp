/// One entry's content on its way into chunks: cut in order, stored by several workers at once, listed in order again.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "pipeline/chunker.hpp"
#include "pipeline/workroom.hpp"

namespace varve {

/// How one entry is cut: at a fixed length, or by content.
struct Cutter {
    std::uint32_t fixed = 0;                    ///< bytes; 0: by content
    std::shared_ptr<const Chunker> by_content;  ///< when not fixed
    std::size_t whole_max = 0;                  ///< content that is not longer is one chunk

    /// Appends the lengths of the chunks that begin `bytes`, as far as they are certain, and gives their sum.
    /// `first`: `bytes` begin the content; `last`: they end it.
    std::size_t cut(ByteView bytes, bool first, bool last, std::vector<std::uint32_t>& lengths) const;
};

/// What the list says of one entry's content.
struct Content {
    std::vector<PlacedChunk> chunks;
    std::vector<std::uint32_t> lengths;  ///< of each chunk, unless they are of a fixed length
    std::uint32_t fixed = 0;             ///< every chunk but the last
    std::uint64_t bytes = 0;
    std::uint64_t sealed = 0;  ///< chunks that had to be stored
};

/// Stores `bytes`, cut into `lengths`, at `bench`. cpu pool.
void store_chunks(ChunkBench& bench, ByteView bytes, const std::vector<std::uint32_t>& lengths, Content& into);

/// Content that comes piece by piece. Used by one task at a time; the stores run as children of the workroom's group.
/// Make it with std::make_shared: its children share it.
class ContentStream : public std::enable_shared_from_this<ContentStream> {
public:
    /// `group`: the one that runs while this is used; its children are the stores.
    ContentStream(asio::any_io_executor executor, std::shared_ptr<Workroom> room, TaskGroup& group, Cutter cutter);

    /// Appends the next bytes of the content; runs on the cpu pool. Gives what it appended.
    using Fill = std::function<void(Bytes& into)>;
    /// Takes what `fill` appends, at most `bytes_max`; waits while several pieces are under way. `last`: the content ends with
    /// it.
    Task<> feed(std::uint64_t bytes_max, Fill fill, bool last);
    /// After the last feed(): everything in order, once it is stored.
    Task<Content> finish();
    std::uint64_t bytes() const noexcept { return bytes_; }

private:
    struct Piece;
    Task<> store(std::shared_ptr<ContentStream> self, std::shared_ptr<Piece> piece, Budget::Share under_way, Budget::Share room);

    static constexpr std::uint64_t under_way_max = 4;

    std::shared_ptr<Workroom> room_;
    TaskGroup& group_;
    Cutter cutter_;
    Budget under_way_;
    Bytes tail_;  ///< no cut was found in it yet
    std::uint64_t bytes_ = 0;
    bool begun_ = false;
    std::deque<std::shared_ptr<Content>> pieces_;
};

}  // namespace varve
