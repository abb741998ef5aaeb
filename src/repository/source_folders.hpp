/// Which folders the copies hold, by name only. For the files of this folder.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "repository/copies.hpp"

namespace varve {

/// The stored names of sources below `top` ("backup/") in the copies that answer; one short listing for each, since a source may
/// have very many objects. `stray` gets keys that are in no such folder. Throws when no copy answers.
Task<std::set<std::string>> folders_below(Copies& copies, std::string top, std::function<void(const ObjectKey&)> stray);

}  // namespace varve
