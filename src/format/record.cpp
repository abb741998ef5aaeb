#include "format/record.hpp"

#include <zstd.h>

#include <algorithm>

#include "format/big_endian.hpp"
#include "format/envelope.hpp"
#include "varve/error.hpp"

namespace varve {

RecordBinding::RecordBinding(const Digest& header_digest) {
    std::copy(header_digest.begin(), header_digest.end(), bytes_.begin());
}

ByteView RecordBinding::of(Part part, std::uint64_t number) {
    bytes_[32] = static_cast<std::uint8_t>(part);
    for (std::size_t i = 0; i < 8; ++i) bytes_[40 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    bytes_[41] = part == Part::structure ? 1 : 0;  // an object has one structure record, and it is the last
    return bytes_;
}

std::array<std::uint8_t, record_prefix_bytes> record_prefix(std::uint8_t codec, std::uint32_t plain_length) {
    return {codec, static_cast<std::uint8_t>(plain_length >> 24), static_cast<std::uint8_t>(plain_length >> 16),
            static_cast<std::uint8_t>(plain_length >> 8), static_cast<std::uint8_t>(plain_length)};
}

namespace {

struct FreeCompressor {
    void operator()(ZSTD_CCtx* raw) const noexcept { ZSTD_freeCCtx(raw); }
};
struct FreeDecompressor {
    void operator()(ZSTD_DCtx* raw) const noexcept { ZSTD_freeDCtx(raw); }
};

/// One for each thread: making one costs more than compressing a chunk.
ZSTD_CCtx* compressor() {
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context{ZSTD_createCCtx()};
    if (!context) throw std::bad_alloc{};
    return context.get();
}

ZSTD_DCtx* decompressor() {
    thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context{ZSTD_createDCtx()};
    if (!context) throw std::bad_alloc{};
    return context.get();
}

}  // namespace

std::size_t encode_room(std::size_t plain_length) { return ZSTD_compressBound(plain_length); }

std::size_t compress_block(ByteView plain, int level, std::span<std::uint8_t> out) {
    if (level == 0 || plain.empty()) return 0;
    const auto length = ZSTD_compressCCtx(compressor(), out.data(), out.size(), plain.data(), plain.size(), level);
    if (ZSTD_isError(length)) throw Error{Fault::defect, std::string{"zstd: "} + ZSTD_getErrorName(length)};
    const auto worth_it = plain.size() - plain.size() * 3 / 100;
    return length <= worth_it && length < plain.size() ? length : 0;
}

std::uint8_t encode_block(ByteView plain, int level, Bytes& into) {
    if (level != 0) {
        into.resize(encode_room(plain.size()));
        const auto length = compress_block(plain, level, into);
        if (length > 0) {
            into.resize(length);
            return codec_zstd;
        }
    }
    into.assign(plain.begin(), plain.end());
    return codec_raw;
}

void decode_record(ByteView record, Bytes& into) {
    if (record.size() < record_prefix_bytes) throw Error{Fault::corrupt, "a record is too short"};
    const auto codec = record[0];
    const auto length = number_at<std::uint32_t>(record.subspan(1));
    const auto body = record.subspan(record_prefix_bytes);
    if (length > record_plain_bytes_max) throw Error{Fault::corrupt, "a record claims more than 64 MiB"};
    if (codec == codec_raw) {
        if (body.size() != length) throw Error{Fault::corrupt, "a raw record has another length than it says"};
        into.assign(body.begin(), body.end());
        return;
    }
    if (codec != codec_zstd)
        throw Error{Fault::unsupported, "a record has codec " + std::to_string(codec)}
            .code("format_too_new", 14)
            .hint("Use a newer Varve.");
    into.resize(length);
    const auto decoded = ZSTD_decompressDCtx(decompressor(), into.data(), into.size(), body.data(), body.size());
    if (ZSTD_isError(decoded) || decoded != length) throw Error{Fault::corrupt, "a record cannot be decompressed"};
}

}  // namespace varve
