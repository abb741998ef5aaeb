#include "sqlite/page_hashes.hpp"

#include <xxhash.h>

namespace varve::sqlite {

std::uint64_t hash_of_page(std::uint32_t page, ByteView content) {
    return XXH3_64bits_withSeed(content.data(), content.size(), page);
}

PageHashes::PageHashes(std::uint32_t page_size, std::vector<std::uint64_t> hashes)
    : page_size_{page_size}, hashes_{std::move(hashes)} {
    for (const auto hash : hashes_) checksum_ ^= hash;
}

void PageHashes::set(std::uint32_t page, std::uint64_t hash) {
    auto& known = hashes_.at(page - 1);
    checksum_ ^= known ^ hash;
    known = hash;
}

void PageHashes::resize(std::uint32_t pages) {
    while (hashes_.size() > pages) {
        checksum_ ^= hashes_.back();
        hashes_.pop_back();
    }
    const Bytes zeros(page_size_);
    while (hashes_.size() < pages) {
        hashes_.push_back(hash_of_page(static_cast<std::uint32_t>(hashes_.size()) + 1, zeros));
        checksum_ ^= hashes_.back();
    }
}

}  // namespace varve::sqlite
