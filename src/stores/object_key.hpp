/// What may be an object key: printable ASCII, components divided by `/`, none of them hidden, empty or `tmp` at the front.
#pragma once

#include "varve/names.hpp"

namespace varve {

/// Fault::invalid for a text that could leave the store's place or meet its own files there.
void check_key(const ObjectKey& key);

}  // namespace varve
