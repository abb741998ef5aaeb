#include "sqlite/wal_tail.hpp"

#include <algorithm>
#include <utility>

#include "sqlite/big_endian.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr std::size_t piece_bytes = 1U << 20;

Error not_ours(const std::filesystem::path& wal, const std::string& what) {
    return Error{Fault::missing, wal.string() + " " + what + ": what was committed meanwhile cannot be known"};
}

}  // namespace

std::vector<RecordPiece> WalTail::read(const WalIndex& index, Instant observed, std::uint64_t bytes_wanted) {
    std::vector<RecordPiece> pieces;
    add_due(pieces, observed);
    if (!open_ && !enter_generation(index)) return pieces;
    std::uint64_t bytes = 0;
    while (bytes < bytes_wanted) {
        add_due(pieces, observed);
        if (!open_ && !begin_transaction(index, observed)) break;
        const auto before = pieces.size();
        add_pieces(pieces, bytes_wanted - bytes);
        for (auto i = before; i < pieces.size(); ++i) bytes += pieces[i].bytes.size();
    }
    return pieces;
}

/// False while there is nothing in it yet.
bool WalTail::enter_generation(const WalIndex& index) {
    const bool same = state_.has_wal && index.salts == state_.salts;
    if (same && index.last_frame < state_.frame) throw not_ours(path_, "lost frames that were there");
    if (same) committed_ = std::max(committed_, index.last_frame);
    if (!same && state_.frame < committed_) throw not_ours(path_, "was reset before all of it was read");
    if (index.last_frame == 0) return false;
    if (same && wal_) return true;
    wal_ = LocalFile::open(path_);
    Bytes bytes(wal_header_bytes);
    bytes.resize(wal_->read_at(0, bytes));
    const auto header = parse_wal_header(bytes);
    if (!header || header->salts != index.salts) throw not_ours(path_, "is not the one that the database's index names");
    if (header->page_size != state_.pages.page_size()) throw not_ours(path_, "has another page size");
    big_endian_ = header->big_endian;
    if (same) return true;
    state_.salts = header->salts;
    state_.has_wal = true;
    state_.frame = 0;
    state_.checksum = header->checksum;
    committed_ = index.last_frame;
    if (on_new_generation) on_new_generation(state_);
    return true;
}

void WalTail::read_frame(std::uint32_t frame, Bytes& into) const {
    into.resize(frame_header_bytes + state_.pages.page_size());
    if (wal_->read_at(frame_offset(frame, state_.pages.page_size()), into) < into.size())
        throw not_ours(path_, "ends before its last commit");
}

/// Checks and hashes the frames of the next commit, and makes its header. False: there is none.
bool WalTail::begin_transaction(const WalIndex& index, Instant observed) {
    if (state_.frame >= index.last_frame) return false;
    Open open;
    open.checksum = state_.checksum;
    struct Image {
        std::uint32_t page, frame;
        std::uint64_t hash;
    };
    std::vector<Image> images;
    Bytes frame;
    auto number = state_.frame;
    FrameHeader header;
    do {
        if (++number > index.last_frame) throw not_ours(path_, "has no commit where its index says so");
        read_frame(number, frame);
        header = parse_frame_header(frame);
        open.checksum = checksum_of_frame(open.checksum, big_endian_, frame);
        if (header.salts != state_.salts || header.checksum != open.checksum || header.page == 0)
            throw not_ours(path_, "has other frames than its index says");
        images.push_back({header.page, number, hash_of_page(header.page, ByteView{frame}.subspan(frame_header_bytes))});
    } while (header.database_pages == 0);
    if (number == index.last_frame && open.checksum != index.checksum)
        throw not_ours(path_, "ends in another frame than its index says");

    state_.pages.resize(header.database_pages);
    // Of each page the newest, in the order of the file.
    std::ranges::sort(images, {}, [](const Image& image) { return std::pair{image.page, ~image.frame}; });
    const auto repeated = std::ranges::unique(images, {}, &Image::page);
    images.erase(repeated.begin(), repeated.end());
    for (const auto& image : images) {
        if (image.page > header.database_pages) break;  // cut off by the same transaction
        state_.pages.set(image.page, image.hash);
        open.pages.push_back({.page = image.page, .frame = image.frame});
    }
    open.header = {.kind = RecordKind::transaction,
                   .number = state_.number + 1,
                   .observed = observed,
                   .page_size = state_.pages.page_size(),
                   .database_pages = header.database_pages,
                   .count = static_cast<std::uint32_t>(open.pages.size()),
                   .salts = state_.salts,
                   .first_frame = state_.frame + 1,
                   .last_frame = number,
                   .checksum = state_.pages.checksum()};
    open_ = std::move(open);
    given_ = 0;
    return true;
}

/// Of the open record, until it ends or about `bytes_wanted` are given.
void WalTail::add_pieces(std::vector<RecordPiece>& pieces, std::uint64_t bytes_wanted) {
    Bytes frame;
    for (std::uint64_t bytes = 0; open_ && bytes < bytes_wanted;) {
        RecordPiece piece{.from = state_.position + given_, .number = state_.number};
        if (given_ == 0) {
            piece.bytes = encode(open_->header);
            for (const auto& page : open_->pages) append_32(piece.bytes, page.page);
        }
        while (open_->next < open_->pages.size() && piece.bytes.size() < piece_bytes) {
            read_frame(open_->pages[open_->next++].frame, frame);
            append(piece.bytes, ByteView{frame}.subspan(frame_header_bytes));
        }
        given_ += piece.bytes.size();
        bytes += piece.bytes.size();
        if (open_->next == open_->pages.size()) finish_transaction(piece);
        pieces.push_back(std::move(piece));
    }
}

void WalTail::finish_transaction(RecordPiece& last) {
    state_.position += given_;
    state_.number = open_->header.number;
    state_.frame = open_->header.last_frame;
    state_.checksum = open_->checksum;
    last.number = state_.number;
    last.moment = Moment{.at = state_.position, .time = open_->header.observed};
    open_.reset();
    given_ = 0;
}

bool WalTail::has_due() const noexcept {
    if (open_) return false;
    return state_.position == first_position || (!marks_.empty() && marks_.front().position <= state_.position);
}

/// What lies between two transactions.
void WalTail::add_due(std::vector<RecordPiece>& pieces, Instant observed) {
    if (open_) return;
    if (state_.position == first_position) pieces.push_back(note(RecordKind::begin, {}, observed));
    while (!marks_.empty() && marks_.front().position <= state_.position) {
        const auto mark = std::move(marks_.front());
        marks_.pop_front();
        if (mark.position == state_.position) pieces.push_back(note(RecordKind::mark, mark.name, observed));
    }
}

RecordPiece WalTail::mark(const std::string& name, Instant observed) { return note(RecordKind::mark, name, observed); }

RecordPiece WalTail::note(RecordKind kind, const std::string& name, Instant observed) {
    const RecordHeader header{.kind = kind,
                              .number = state_.number,
                              .observed = observed,
                              .page_size = state_.pages.page_size(),
                              .database_pages = state_.pages.pages(),
                              .count = static_cast<std::uint32_t>(name.size()),
                              .salts = state_.salts,
                              .first_frame = state_.frame,
                              .last_frame = state_.frame,
                              .checksum = state_.pages.checksum()};
    RecordPiece piece{.from = state_.position, .number = state_.number, .bytes = encode(header)};
    append(piece.bytes, view_of(name));
    state_.position += piece.bytes.size();
    return piece;
}

}  // namespace varve::sqlite
