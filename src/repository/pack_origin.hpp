/// Packs back out of the repository.
#pragma once

#include <string>
#include <vector>

#include "pipeline/pack_destination.hpp"
#include "repository/repository.hpp"

namespace varve {

/// Every copy is asked in turn; bytes that are not what the name says are passed over and reported. io thread.
class RepositoryPackOrigin final : public PackOrigin {
public:
    RepositoryPackOrigin(Repository& repository, SourceName source) : repository_{repository}, source_{std::move(source)} {}
    Task<Bytes> get_pack(StoredPack pack) override;

private:
    Repository& repository_;
    SourceName source_;
    std::optional<std::string> folder_;  ///< the source's stored name, once it was asked for
};

/// Every pack that a backup needs. Fault::corrupt when the manifest names one in a way that cannot be.
std::vector<StoredPack> packs_of(const format::ManifestStructure& structure);

}  // namespace varve
