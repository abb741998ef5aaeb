/// Where content is cut into chunks. Content-defined cuts depend on the bytes since the last cut and on the source's chunker key
/// only: equal bytes give equal cuts, and after an insertion the cuts fall into step again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "format/keys.hpp"
#include "varve/driver.hpp"

namespace varve {

struct CutSizes {
    std::size_t min, average, max;  ///< bytes; `average` is a power of two
};

inline constexpr CutSizes file_cuts{256u << 10, 1u << 20, 4u << 20};
inline constexpr CutSizes stream_cuts{64u << 10, 256u << 10, 1u << 20};
/// In the `file` profile, what is not longer is one chunk.
inline constexpr std::size_t one_chunk_bytes_max = 1u << 20;

/// A gear hash with normalised chunking: cuts before the average are made rarer and those after it more frequent, so that
/// lengths gather around the average. Unchanging; any thread.
class Chunker {
public:
    Chunker(const Secret& chunker_key, CutSizes sizes);

    const CutSizes& sizes() const noexcept { return sizes_; }
    /// The length of the chunk that begins `bytes`; 0 when no cut falls in them and more may come (never with `last`, or with
    /// at least sizes().max bytes). An empty `bytes` gives 0.
    std::size_t cut(ByteView bytes, bool last) const noexcept;

private:
    std::array<std::uint64_t, 256> gear_{};
    CutSizes sizes_;
    std::uint64_t mask_before_, mask_after_;
};

}  // namespace varve
