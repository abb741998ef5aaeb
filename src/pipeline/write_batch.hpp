/// Decoded content on its way from a pack to files.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "varve/bytes.hpp"

namespace varve {

/// Runs of content, each contiguous in one file, in one buffer that is used again and again. A run lies in memory as it lies in
/// its file, modulo `alignment`: so the whole pages of it can go to the disk without a copy. One thread at a time.
class WriteBatch {
public:
    static constexpr std::size_t alignment = 4096;
    static constexpr std::size_t bytes_max = 4U << 20;

    struct Run {
        std::uint32_t file = 0;
        std::uint64_t at = 0;  ///< in the file
        ByteView bytes;        ///< valid until clear()
    };

    WriteBatch();

    /// False, and nothing is taken, when there is no room: clear it first. An empty batch takes at least `bytes_max`.
    bool add(std::uint32_t file, std::uint64_t at, ByteView bytes);
    std::span<const Run> runs() const noexcept { return runs_; }
    void clear() noexcept;

private:
    struct Free {
        void operator()(void* memory) const noexcept { std::free(memory); }
    };

    std::unique_ptr<std::uint8_t, Free> buffer_;
    std::size_t used_ = 0;
    std::vector<Run> runs_;
};

}  // namespace varve
