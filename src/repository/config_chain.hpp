/// Which config rules: a chain of generations, each signed by an admin of the one before. Pure.
#pragma once

#include <vector>

#include "format/config_object.hpp"
#include "repository/repository.hpp"

namespace varve {

/// The first generation's admin key is bound to the repository by its id, so no one else can sign a first generation.
RepositoryId repository_id_of(const PublicKey& first_admin);

/// Config generation 1 for these keys.
format::RepositoryConfig first_config(const NewRepository& keys, Instant created);

struct StoredConfig {
    ObjectKey key;
    Bytes object;
};
/// The highest generation that a good chain leads to. Fault::corrupt (13) when there is none; what does not belong to the chain
/// is reported. `objects` in order of keys. `chain` gets the keys of its links.
format::RepositoryConfig ruling_config(const std::vector<StoredConfig>& objects, const RepositoryId& repository,
                                       std::vector<ObjectKey>* chain = nullptr);

/// Fault::unsupported (14) when this build must not read a repository with this config.
void require_readable(const format::RepositoryConfig& config);
/// Fault::unsupported when this build must not write to it.
void require_writable(const format::RepositoryConfig& config);
/// Fault::unsupported when this build must not remove anything from it.
void require_collectable(const format::RepositoryConfig& config);

}  // namespace varve
