/// Memory in large pages.
#pragma once

#include <cstddef>

namespace varve {

/// What is at least this large is worth the advice.
inline constexpr std::size_t large_page_bytes = 2U << 20;

/// Asks for large pages where `memory` holds whole ones. Packs, regions and batches are megabytes that come and go: touched in
/// pages of 4 KiB each page is a fault, which in a virtual machine can take longer than what is done with the page. Kernels give
/// large pages to those who ask (transparent_hugepage = madvise), and malloc does not ask. Any thread; never fails.
void advise_large_pages(void* memory, std::size_t size) noexcept;

}  // namespace varve
