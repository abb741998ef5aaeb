/// AES-256-GCM with one key and many records: the context and its key schedule are made once.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "format/keys.hpp"
#include "format/openssl.hpp"
#include "varve/bytes.hpp"

namespace varve {

inline constexpr std::size_t gcm_tag_bytes = 16;

/// One thread at a time.
class Gcm {
public:
    enum class Way { seal, open };
    Gcm(Way way, const Secret& key);

    /// Writes ciphertext and tag to `out`: the parts' lengths and 16 bytes more. A part may lie where its ciphertext goes.
    void seal(std::uint64_t number, ByteView additional, std::initializer_list<ByteView> parts, std::uint8_t* out);
    /// Writes the plaintext (16 bytes fewer than `sealed`) to `out`. False when the tag is wrong: `out` then holds nothing of
    /// use.
    [[nodiscard]] bool open(std::uint64_t number, ByteView additional, ByteView sealed, std::uint8_t* out);

private:
    openssl::CipherContext context_;
};

}  // namespace varve
