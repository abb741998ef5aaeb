#include "sqlite/snapshot.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr std::size_t block_bytes = 1U << 20;

Error reset_meanwhile(const std::filesystem::path& path) {
    return Error{Fault::overloaded, path.string() + " was reset while it was read"};
}

}  // namespace

Snapshot::Snapshot(const LocalFile& database, const std::optional<LocalFile>& wal, SnapshotPoint point)
    : database_{database}, wal_{wal}, point_{point} {
    if (point_.in_file || point_.frame == 0) return;
    if (!wal_) throw reset_meanwhile(database.path());
    Bytes header(frame_header_bytes);
    for (std::uint32_t frame = 1; frame <= point_.frame; ++frame) {
        if (wal_->read_at(frame_offset(frame, point_.page_size), header) < header.size()) throw reset_meanwhile(wal_->path());
        const auto found = parse_frame_header(header);
        if (found.salts != point_.salts) throw reset_meanwhile(wal_->path());
        frames_[found.page] = frame;
    }
}

void Snapshot::read(std::uint32_t first_page, std::span<std::uint8_t> into) const {
    const std::uint64_t size = point_.page_size;
    const auto got = database_.read_at((first_page - 1) * size, into);
    std::ranges::fill(into.subspan(got), std::uint8_t{0});
    const auto end = first_page + into.size() / size;
    for (auto found = frames_.lower_bound(first_page); found != frames_.end() && found->first < end; ++found) {
        const auto page = into.subspan((found->first - first_page) * size, size);
        const auto offset = frame_offset(found->second, point_.page_size) + frame_header_bytes;
        if (wal_->read_at(offset, page) < page.size()) throw reset_meanwhile(wal_->path());
    }
}

PageHashes Snapshot::hashes() const {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(point_.pages);
    Bytes block;
    const auto at_once = static_cast<std::uint32_t>(block_bytes / point_.page_size);
    for (std::uint32_t page = 1; page <= point_.pages; page += at_once) {
        const auto count = std::min(at_once, point_.pages - page + 1);
        block.resize(std::size_t{count} * point_.page_size);
        read(page, block);
        for (std::uint32_t i = 0; i < count; ++i)
            hashes.push_back(
                hash_of_page(page + i, ByteView{block}.subspan(std::size_t{i} * point_.page_size, point_.page_size)));
    }
    return {point_.page_size, std::move(hashes)};
}

}  // namespace varve::sqlite
