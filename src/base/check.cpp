#include "varve/check.hpp"

#include <nmmintrin.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>

#include "varve/error.hpp"

namespace varve {
namespace {

/// libcrypto fails here only without memory or without SHA-256 at all.
void expect(bool worked) {
    if (!worked) throw Error{Fault::defect, "libcrypto refused to compute SHA-256"};
}

constexpr std::uint32_t crc32c_polynomial = 0x82f63b78;  // reflected

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? crc32c_polynomial : 0);
        table[byte] = remainder;
    }
    return table;
}
constexpr auto crc32c_table = make_table();

std::uint32_t crc32c_by_table(ByteView bytes, std::uint32_t crc) {
    for (const auto byte : bytes) crc = (crc >> 8) ^ crc32c_table[(crc ^ byte) & 0xff];
    return crc;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(ByteView bytes, std::uint32_t crc) {
    const auto* at = bytes.data();
    auto left = bytes.size();
    std::uint64_t wide = crc;
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = static_cast<std::uint32_t>(wide);
    for (; left > 0; ++at, --left) crc = _mm_crc32_u8(crc, *at);
    return crc;
}

}  // namespace

Digest sha256(ByteView bytes) {
    Digest digest;
    unsigned size = 0;
    expect(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
    return digest;
}

Digest hmac_sha256(ByteView key, ByteView message) {
    Digest digest;
    unsigned size = 0;
    expect(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), digest.data(), &size) !=
           nullptr);
    return digest;
}

std::string to_hex(const Digest& digest) { return to_hex(ByteView{digest}); }

struct Sha256::State {
    struct Free {
        void operator()(EVP_MD_CTX* raw) const noexcept { EVP_MD_CTX_free(raw); }
    };
    std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_{std::make_unique<State>()} {
    expect(state_->context && EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::add(ByteView bytes) { expect(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1); }

Digest Sha256::finish() {
    Digest digest;
    unsigned size = 0;
    expect(EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size) == 1);
    return digest;
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t so_far) {
    static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
    return ~(has_instruction ? crc32c_by_instruction(bytes, ~so_far) : crc32c_by_table(bytes, ~so_far));
}

}  // namespace varve
