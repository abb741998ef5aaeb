/// Key agreement for wraps. For the files of this folder and its tests.
#pragma once

#include <optional>

#include "format/keys.hpp"

namespace varve {

/// X25519; nothing when their key is a point of low order, which no honest writer makes.
std::optional<Secret> x25519_shared(const Secret& own, const PublicKey& theirs);

}  // namespace varve
