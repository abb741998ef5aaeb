#include "format/gcm.hpp"

#include <openssl/err.h>

#include <algorithm>

namespace varve {

using openssl::require;

namespace {

const EVP_CIPHER* cipher() {
    static EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);  // lives as long as the process
    require(fetched != nullptr, "EVP_CIPHER_fetch");
    return fetched;
}

/// The record's number as a 96-bit big-endian integer.
std::array<std::uint8_t, 12> nonce_of(std::uint64_t number) {
    std::array<std::uint8_t, 12> nonce{};
    for (std::size_t i = 0; i < 8; ++i) nonce[11 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    return nonce;
}

}  // namespace

Gcm::Gcm(Way way, const Secret& key) : context_{EVP_CIPHER_CTX_new()} {
    require(context_ != nullptr, "EVP_CIPHER_CTX_new");
    const int encrypt = way == Way::seal ? 1 : 0;
    require(EVP_CipherInit_ex2(context_.get(), cipher(), key.view().data(), nullptr, encrypt, nullptr) == 1,
            "EVP_CipherInit_ex2");
}

void Gcm::seal(std::uint64_t number, ByteView additional, std::initializer_list<ByteView> parts, std::uint8_t* out) {
    auto* const context = context_.get();
    const auto nonce = nonce_of(number);
    int length = 0;
    require(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr) == 1, "EVP_CipherInit_ex2");
    if (!additional.empty()) {
        require(EVP_CipherUpdate(context, nullptr, &length, additional.data(), static_cast<int>(additional.size())) == 1,
                "EVP_CipherUpdate");
    }
    for (const auto part : parts) {
        if (part.empty()) continue;
        require(EVP_CipherUpdate(context, out, &length, part.data(), static_cast<int>(part.size())) == 1, "EVP_CipherUpdate");
        out += length;
    }
    require(EVP_CipherFinal_ex(context, out, &length) == 1, "EVP_CipherFinal_ex");
    require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, gcm_tag_bytes, out) == 1, "EVP_CTRL_AEAD_GET_TAG");
}

bool Gcm::open(std::uint64_t number, ByteView additional, ByteView sealed, std::uint8_t* out) {
    if (sealed.size() < gcm_tag_bytes) return false;
    auto* const context = context_.get();
    const auto nonce = nonce_of(number);
    const auto body = sealed.first(sealed.size() - gcm_tag_bytes);
    std::array<std::uint8_t, gcm_tag_bytes> tag{};
    std::copy(sealed.end() - gcm_tag_bytes, sealed.end(), tag.begin());
    int length = 0;
    require(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr) == 1, "EVP_CipherInit_ex2");
    require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, gcm_tag_bytes, tag.data()) == 1, "EVP_CTRL_AEAD_SET_TAG");
    if (!additional.empty()) {
        require(EVP_CipherUpdate(context, nullptr, &length, additional.data(), static_cast<int>(additional.size())) == 1,
                "EVP_CipherUpdate");
    }
    if (!body.empty()) {
        require(EVP_CipherUpdate(context, out, &length, body.data(), static_cast<int>(body.size())) == 1, "EVP_CipherUpdate");
    }
    std::array<std::uint8_t, 16> rest{};
    const bool good = EVP_CipherFinal_ex(context, rest.data(), &length) == 1;
    if (!good) ERR_clear_error();
    return good;
}

}  // namespace varve
