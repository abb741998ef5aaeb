/// A hash of every page of a database, and their exclusive-or: one number that says what the whole database holds.
#pragma once

#include <cstdint>
#include <vector>

#include "varve/bytes.hpp"

namespace varve::sqlite {

/// XXH3 (64 bits) of the page's bytes, with the page's number as the seed.
std::uint64_t hash_of_page(std::uint32_t page, ByteView content);

/// Costs eight bytes a page. A value; one thread at a time.
class PageHashes {
public:
    PageHashes() : PageHashes{0} {}
    explicit PageHashes(std::uint32_t page_size) : page_size_{page_size} {}
    /// As kept on disk.
    PageHashes(std::uint32_t page_size, std::vector<std::uint64_t> hashes);

    std::uint32_t page_size() const noexcept { return page_size_; }
    std::uint32_t pages() const noexcept { return static_cast<std::uint32_t>(hashes_.size()); }
    /// The rolling checksum: of the whole database as it is now.
    std::uint64_t checksum() const noexcept { return checksum_; }
    const std::vector<std::uint64_t>& all() const noexcept { return hashes_; }

    /// `page` counts from 1 and is in the database.
    std::uint64_t at(std::uint32_t page) const { return hashes_.at(page - 1); }
    void set(std::uint32_t page, std::uint64_t hash);
    /// Pages beyond are gone; new ones are zeros until they are set, as they are in the file.
    void resize(std::uint32_t pages);

private:
    std::uint32_t page_size_;
    std::uint64_t checksum_ = 0;
    std::vector<std::uint64_t> hashes_;
};

}  // namespace varve::sqlite
