#include "format/signing.hpp"

#include <algorithm>

#include "format/openssl.hpp"
#include "format/record.hpp"
#include "varve/error.hpp"

namespace varve {

Digest sign_and_name(Bytes& object, const Secret& signer) {
    using openssl::require;
    const auto id = key_id_of(ed25519_public(signer));
    append(object, id);
    const openssl::DigestContext whole{EVP_MD_CTX_new()};
    const openssl::DigestContext signed_part{EVP_MD_CTX_new()};
    require(whole && signed_part && EVP_DigestInit_ex(whole.get(), EVP_sha256(), nullptr) == 1, "EVP_DigestInit_ex");
    require(EVP_DigestUpdate(whole.get(), object.data(), object.size()) == 1, "EVP_DigestUpdate");
    require(EVP_MD_CTX_copy_ex(signed_part.get(), whole.get()) == 1, "EVP_MD_CTX_copy_ex");
    Digest digest{};
    require(EVP_DigestFinal_ex(signed_part.get(), digest.data(), nullptr) == 1, "EVP_DigestFinal_ex");

    const auto signature = ed25519_sign(signer, digest);
    append(object, signature);
    require(EVP_DigestUpdate(whole.get(), signature.data(), signature.size()) == 1, "EVP_DigestUpdate");
    Digest name{};
    require(EVP_DigestFinal_ex(whole.get(), name.data(), nullptr) == 1, "EVP_DigestFinal_ex");
    return name;
}

ObjectDigests digests_of(ByteView object) {
    using openssl::require;
    const auto signature = std::min(object.size(), signature_bytes - sizeof(KeyId));
    const openssl::DigestContext whole{EVP_MD_CTX_new()};
    const openssl::DigestContext signed_part{EVP_MD_CTX_new()};
    require(whole && signed_part && EVP_DigestInit_ex(whole.get(), EVP_sha256(), nullptr) == 1, "EVP_DigestInit_ex");
    require(EVP_DigestUpdate(whole.get(), object.data(), object.size() - signature) == 1, "EVP_DigestUpdate");
    require(EVP_MD_CTX_copy_ex(signed_part.get(), whole.get()) == 1, "EVP_MD_CTX_copy_ex");
    require(EVP_DigestUpdate(whole.get(), object.last(signature).data(), signature) == 1, "EVP_DigestUpdate");
    ObjectDigests digests;
    require(EVP_DigestFinal_ex(signed_part.get(), digests.signed_part.data(), nullptr) == 1, "EVP_DigestFinal_ex");
    require(EVP_DigestFinal_ex(whole.get(), digests.whole.data(), nullptr) == 1, "EVP_DigestFinal_ex");
    return digests;
}

const TrustedSigner& checked_signer(ByteView object, std::span<const TrustedSigner> signers, const Digest& signed_part) {
    if (object.size() < signature_bytes) throw Error{Fault::corrupt, "the object is too short for a signature"};
    const auto id = object.last(signature_bytes).first(sizeof(KeyId));
    const auto signature = object.last(signature_bytes - sizeof(KeyId));
    const auto signer = std::find_if(signers.begin(), signers.end(), [&](const TrustedSigner& candidate) {
        const auto known = key_id_of(candidate.key);
        return std::equal(known.begin(), known.end(), id.begin(), id.end());
    });
    if (signer == signers.end()) {
        throw Error{Fault::denied, "the object is signed by a key that config does not name"}.with("signer", to_hex(id));
    }
    if (!ed25519_verify(signer->key, signed_part, signature)) throw Error{Fault::corrupt, "the object's signature is bad"};
    return *signer;
}

}  // namespace varve
