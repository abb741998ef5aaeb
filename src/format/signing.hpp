/// The signature at the end of every object but packs. For the files of this folder.
#pragma once

#include "format/envelope.hpp"

namespace varve {

/// Appends key id and signature; gives the SHA-256 of the whole object. Hashes the bytes once.
Digest sign_and_name(Bytes& object, const Secret& signer);

/// The signer among `signers` whose signature ends `object`. Fault::corrupt when it is bad, Fault::denied when it is no one's.
/// `signed_part` is digests_of() it.
const TrustedSigner& checked_signer(ByteView object, std::span<const TrustedSigner> signers, const Digest& signed_part);

}  // namespace varve
