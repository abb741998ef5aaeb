#include "repository/pack_origin.hpp"

#include <algorithm>

#include "repository/object_keys.hpp"
#include "varve/error.hpp"

namespace varve {

Task<Bytes> RepositoryPackOrigin::get_pack(StoredPack pack) {
    if (!folder_) folder_ = co_await repository_.find_folder(source_);
    if (!folder_) throw Error{Fault::missing, "the repository has nothing of " + source_.text()};
    co_return co_await repository_.copies().get(pack_key(*folder_, pack.folder, pack.name));
}

std::vector<StoredPack> packs_of(const format::ManifestStructure& structure) {
    std::vector<StoredPack> packs;
    for (const auto& use : structure.packs()) {
        StoredPack pack{.name = {}, .size = use.size(), .folder = use.folder()};
        if (use.name().size() != pack.name.size())
            throw Error{Fault::corrupt, "the manifest names a pack by something else than a SHA-256"};
        std::ranges::copy(use.name(), reinterpret_cast<char*>(pack.name.data()));
        packs.push_back(std::move(pack));
    }
    return packs;
}

}  // namespace varve
