#include "pipeline/write_batch.hpp"

#include <algorithm>
#include <new>

#include "base/large_memory.hpp"

namespace varve {

namespace {

constexpr std::size_t buffer_bytes = WriteBatch::bytes_max + 2 * WriteBatch::alignment;  // room for the first run's own offset

std::size_t aligned_up(std::size_t bytes) {
    return (bytes + WriteBatch::alignment - 1) / WriteBatch::alignment * WriteBatch::alignment;
}

}  // namespace

WriteBatch::WriteBatch() : buffer_{static_cast<std::uint8_t*>(std::aligned_alloc(alignment, buffer_bytes))} {
    if (!buffer_) throw std::bad_alloc{};
    advise_large_pages(buffer_.get(), buffer_bytes);
}

bool WriteBatch::add(std::uint32_t file, std::uint64_t at, ByteView bytes) {
    const bool continues = !runs_.empty() && runs_.back().file == file && runs_.back().at + runs_.back().bytes.size() == at;
    const auto begin = continues ? used_ : aligned_up(used_) + at % alignment;
    if (begin + bytes.size() > buffer_bytes) return false;
    const auto place = buffer_.get() + begin;
    std::ranges::copy(bytes, place);
    used_ = begin + bytes.size();
    if (continues)
        runs_.back().bytes = {runs_.back().bytes.data(), runs_.back().bytes.size() + bytes.size()};
    else
        runs_.push_back({.file = file, .at = at, .bytes = {place, bytes.size()}});
    return true;
}

void WriteBatch::clear() noexcept {
    runs_.clear();
    used_ = 0;
}

}  // namespace varve
