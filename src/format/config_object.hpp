/// The one kind of object that is not sealed: the repository's config. docs/repository-format.md, section 4.
#pragma once

#include <span>

#include "format/envelope.hpp"
#include "format/format.hpp"

namespace varve {

SealedObject write_config(const format::RepositoryConfig& config, const Secret& admin);

/// The message, before anyone asked who signed it. Fault::corrupt, Fault::unsupported as ObjectReader.
format::RepositoryConfig parse_config(ByteView object);
/// Fault::corrupt when the signature is bad, Fault::denied when it is not one of `admins`.
void check_config_signature(ByteView object, std::span<const PublicKey> admins);

}  // namespace varve
