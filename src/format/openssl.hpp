/// OpenSSL's handles, wrapped once. For the files of this folder only.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string_view>

namespace varve::openssl {

struct FreeCipherContext {
    void operator()(EVP_CIPHER_CTX* raw) const noexcept { EVP_CIPHER_CTX_free(raw); }
};
struct FreeDigestContext {
    void operator()(EVP_MD_CTX* raw) const noexcept { EVP_MD_CTX_free(raw); }
};
struct FreeKey {
    void operator()(EVP_PKEY* raw) const noexcept { EVP_PKEY_free(raw); }
};
struct FreeKeyContext {
    void operator()(EVP_PKEY_CTX* raw) const noexcept { EVP_PKEY_CTX_free(raw); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigestContext>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeKeyContext>;

/// Throws Fault::defect with OpenSSL's own reason: nothing that we pass it can make these calls fail.
[[noreturn]] void fail(std::string_view call);
inline void require(bool done, std::string_view call) {
    if (!done) fail(call);
}

}  // namespace varve::openssl
