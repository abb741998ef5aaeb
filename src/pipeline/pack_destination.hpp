/// Where finished packs go. The repository implements it; the pipeline knows nothing of keys and copies.
#pragma once

#include <functional>
#include <string>

#include "format/chunk.hpp"
#include "format/envelope.hpp"
#include "varve/task.hpp"

namespace varve {

/// A pack as a manifest lists it.
struct StoredPack {
    PackName name{};
    std::uint64_t size = 0;
    std::string folder;  ///< "<yyyymm><tier>"
    friend bool operator==(const StoredPack&, const StoredPack&) = default;
};

/// Which packs of earlier backups a new one may list again. Any thread.
using PackRule = std::function<bool(const StoredPack&)>;

class PackDestination {
public:
    virtual ~PackDestination() = default;
    /// Ends when every required copy has taken it (durable after the commit's barrier).
    virtual Task<> put_pack(SealedObject pack) = 0;
    /// "<yyyymm><tier>" of the packs of this backup.
    virtual const std::string& folder() const = 0;
};

/// Where packs come from in a restore.
class PackOrigin {
public:
    virtual ~PackOrigin() = default;
    /// The whole pack, its SHA-256 equal to its name: a copy that gives other bytes is passed over and reported.
    virtual Task<Bytes> get_pack(StoredPack pack) = 0;
};

}  // namespace varve
