#include "format/keys.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>

#include "format/openssl.hpp"
#include "format/x25519.hpp"
#include "varve/error.hpp"

namespace varve {

using openssl::require;

Secret::Secret(ByteView bytes) {
    if (bytes.size() != bytes_.size()) throw Error{Fault::invalid, "a key has 32 bytes, not " + std::to_string(bytes.size())};
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

Secret::~Secret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Secret Secret::random() {
    Secret secret;
    require(RAND_priv_bytes(secret.bytes_.data(), static_cast<int>(secret.bytes_.size())) == 1, "RAND_priv_bytes");
    return secret;
}

void random_bytes(std::span<std::uint8_t> into) {
    require(RAND_bytes(into.data(), static_cast<int>(into.size())) == 1, "RAND_bytes");
}

namespace {

openssl::Key private_key(int type, const Secret& secret) {
    openssl::Key key{EVP_PKEY_new_raw_private_key(type, nullptr, secret.view().data(), secret.view().size())};
    require(key != nullptr, "EVP_PKEY_new_raw_private_key");
    return key;
}

PublicKey public_half(const openssl::Key& key) {
    PublicKey half{};
    std::size_t length = half.size();
    require(EVP_PKEY_get_raw_public_key(key.get(), half.data(), &length) == 1 && length == half.size(),
            "EVP_PKEY_get_raw_public_key");
    return half;
}

Bytes labelled(std::string_view label, std::string_view name) {
    Bytes message = to_bytes(view_of(label));
    message.push_back(0);
    append(message, view_of(name));
    return message;
}

}  // namespace

PublicKey x25519_public(const Secret& secret) { return public_half(private_key(EVP_PKEY_X25519, secret)); }
PublicKey ed25519_public(const Secret& seed) { return public_half(private_key(EVP_PKEY_ED25519, seed)); }

std::optional<Secret> x25519_shared(const Secret& own, const PublicKey& theirs) {
    const auto key = private_key(EVP_PKEY_X25519, own);
    const openssl::Key peer{EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, theirs.data(), theirs.size())};
    require(peer != nullptr, "EVP_PKEY_new_raw_public_key");
    const openssl::KeyContext context{EVP_PKEY_CTX_new(key.get(), nullptr)};
    require(context && EVP_PKEY_derive_init(context.get()) == 1, "EVP_PKEY_derive_init");
    std::array<std::uint8_t, 32> shared{};
    std::size_t length = shared.size();
    const bool agreed = EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
                        EVP_PKEY_derive(context.get(), shared.data(), &length) == 1 && length == shared.size();
    ERR_clear_error();  // a point of low order is refused by OpenSSL: an answer, not an error
    if (!agreed) return std::nullopt;
    Secret secret{shared};
    OPENSSL_cleanse(shared.data(), shared.size());
    return secret;
}

KeyId key_id_of(const PublicKey& key) {
    const auto digest = sha256(key);
    KeyId id{};
    std::copy_n(digest.begin(), id.size(), id.begin());
    return id;
}

KeyId SourceKeys::structure_id() const {
    Bytes message = to_bytes(view_of("varve/1 key id"));
    append(message, structure.view());
    const auto digest = sha256(message);
    OPENSSL_cleanse(message.data(), message.size());
    KeyId key_id{};
    std::copy_n(digest.begin(), key_id.size(), key_id.begin());
    return key_id;
}

SourceKeys derive_source_keys(const Secret& archive, const RepositoryId& repository, const SourceName& source) {
    auto derive = [&](std::string_view purpose) {
        auto bytes = hkdf_sha256(archive.view(), repository, labelled("varve/1 " + std::string{purpose}, source.text()), 32);
        Secret key{bytes};
        OPENSSL_cleanse(bytes.data(), bytes.size());
        return key;
    };
    return {.id = derive("id"), .chunker = derive("chunker"), .name = derive("name"), .structure = derive("structure")};
}

namespace {

std::string short_name(const SourceKeys& keys, std::string_view kind, std::string_view name) {
    const auto digest = hmac_sha256(keys.name.view(), labelled(kind, name));
    return to_hex(ByteView{digest}.first(16));
}

}  // namespace

std::string stored_name(const SourceKeys& keys, const SourceName& source) { return short_name(keys, "source", source.text()); }
std::string stored_name(const SourceKeys& keys, const LineageName& lineage) {
    return short_name(keys, "lineage", lineage.text());
}

std::array<std::uint8_t, 64> ed25519_sign(const Secret& seed, ByteView message) {
    const auto key = private_key(EVP_PKEY_ED25519, seed);
    const openssl::DigestContext context{EVP_MD_CTX_new()};
    std::array<std::uint8_t, 64> signature{};
    std::size_t length = signature.size();
    require(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()) == 1,
            "EVP_DigestSign");
    return signature;
}

bool ed25519_verify(const PublicKey& key, ByteView message, ByteView signature) {
    const openssl::Key signer{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size())};
    const openssl::DigestContext context{EVP_MD_CTX_new()};
    require(signer && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, signer.get()) == 1,
            "EVP_DigestVerifyInit");
    const bool good = EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
    ERR_clear_error();
    return good;
}

Bytes hkdf_sha256(ByteView key, ByteView salt, ByteView info, std::size_t length) {
    static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);  // lives as long as the process
    require(kdf != nullptr, "EVP_KDF_fetch");
    struct FreeContext {
        void operator()(EVP_KDF_CTX* raw) const noexcept { EVP_KDF_CTX_free(raw); }
    };
    const std::unique_ptr<EVP_KDF_CTX, FreeContext> context{EVP_KDF_CTX_new(kdf)};
    require(context != nullptr, "EVP_KDF_CTX_new");
    auto octets = [](const char* name, ByteView bytes) {
        return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
    };
    static char digest[] = "SHA256";
    const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
                                octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
    Bytes derived(length);
    require(EVP_KDF_derive(context.get(), derived.data(), derived.size(), parameters.data()) == 1, "EVP_KDF_derive");
    return derived;
}

}  // namespace varve
