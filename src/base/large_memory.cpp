#include "base/large_memory.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace varve {

void advise_large_pages(void* memory, std::size_t size) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    const auto first = (begin + large_page_bytes - 1) / large_page_bytes * large_page_bytes;
    const auto end = (begin + size) / large_page_bytes * large_page_bytes;
    if (first < end) (void)::madvise(static_cast<std::uint8_t*>(memory) + (first - begin), end - first, MADV_HUGEPAGE);
}

}  // namespace varve
