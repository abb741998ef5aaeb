/// Whether one copy holds the config that rules.
#pragma once

#include <string>
#include <vector>

#include "repository/repository.hpp"

namespace varve {

/// Config objects of this copy that belong to another repository, or cannot be read, and generations that it lacks: as sentences.
Task<std::vector<std::string>> config_troubles(Repository& repository, Copy copy);

}  // namespace varve
