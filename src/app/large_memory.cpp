// Every large buffer of the program in large pages (base/large_memory.hpp says why).
#include <cstdlib>
#include <new>

#include "base/large_memory.hpp"

// The standard's other forms of new and delete end in these.
void* operator new(std::size_t size) {
    void* const memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc{};
    if (size >= varve::large_page_bytes) varve::advise_large_pages(memory, size);
    return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
