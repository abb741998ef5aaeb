/// What a sealed record holds and is bound to. docs/repository-format.md, section 4. For the files of this folder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "format/gcm.hpp"
#include "varve/bytes.hpp"
#include "varve/check.hpp"

namespace varve {

enum class Part : std::uint8_t { content = 1, structure = 2 };

inline constexpr std::size_t record_prefix_bytes = 5;  ///< codec and plaintext length
inline constexpr std::size_t record_overhead_bytes = record_prefix_bytes + gcm_tag_bytes;
inline constexpr std::uint32_t record_plain_bytes_max = 64u << 20;
inline constexpr std::size_t footer_bytes = 12;
inline constexpr std::size_t signature_bytes = 8 + 64;

inline constexpr std::uint8_t codec_raw = 0;
inline constexpr std::uint8_t codec_zstd = 1;

/// The additional data of each record of one object.
class RecordBinding {
public:
    explicit RecordBinding(const Digest& header_digest);
    /// Valid until the next call.
    ByteView of(Part part, std::uint64_t number);

private:
    std::array<std::uint8_t, 42> bytes_{};
};

std::array<std::uint8_t, record_prefix_bytes> record_prefix(std::uint8_t codec, std::uint32_t plain_length);
/// Compresses `plain` into `out` when that saves at least 3 %: the compressed length, else 0. `out` has encode_room(plain) bytes.
std::size_t compress_block(ByteView plain, int level, std::span<std::uint8_t> out);
std::size_t encode_room(std::size_t plain_length);
/// Decodes a record's plaintext (prefix included). Fault::corrupt when it is not one.
void decode_record(ByteView record, Bytes& into);

}  // namespace varve
