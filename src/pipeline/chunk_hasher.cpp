#include "pipeline/chunk_hasher.hpp"

#include <openssl/evp.h>

#include <array>

#include "varve/error.hpp"

namespace varve {

namespace {

void require(int answer) {
    if (answer != 1) throw Error{Fault::defect, "SHA-256 failed in the cryptographic library"};
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

/// A context that has taken the key, each byte changed by `pad`.
Context keyed(ByteView key, std::uint8_t pad) {
    std::array<std::uint8_t, 64> block{};
    block.fill(pad);
    for (std::size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
    Context context{EVP_MD_CTX_new()};
    if (!context) throw std::bad_alloc{};
    require(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr));
    require(EVP_DigestUpdate(context.get(), block.data(), block.size()));
    return context;
}

}  // namespace

struct ChunkHasher::State {
    Context inner, outer, work;
};

ChunkHasher::ChunkHasher(const Secret& id_key) : state_{std::make_unique<State>()} {
    state_->inner = keyed(id_key.view(), 0x36);
    state_->outer = keyed(id_key.view(), 0x5c);
    state_->work.reset(EVP_MD_CTX_new());
    if (!state_->work) throw std::bad_alloc{};
}
ChunkHasher::ChunkHasher(ChunkHasher&&) noexcept = default;
ChunkHasher& ChunkHasher::operator=(ChunkHasher&&) noexcept = default;
ChunkHasher::~ChunkHasher() = default;

ChunkId ChunkHasher::id_of(ByteView plain) {
    ChunkId digest;
    auto* work = state_->work.get();
    require(EVP_MD_CTX_copy_ex(work, state_->inner.get()));
    require(EVP_DigestUpdate(work, plain.data(), plain.size()));
    require(EVP_DigestFinal_ex(work, digest.data(), nullptr));
    require(EVP_MD_CTX_copy_ex(work, state_->outer.get()));
    require(EVP_DigestUpdate(work, digest.data(), digest.size()));
    require(EVP_DigestFinal_ex(work, digest.data(), nullptr));
    return digest;
}

}  // namespace varve
