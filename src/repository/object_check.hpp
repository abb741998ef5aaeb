/// One object, looked at as closely as a verification asks. For the files of this folder.
#pragma once

#include <optional>
#include <string>

#include "repository/repository.hpp"
#include "varve/error.hpp"

namespace varve {

/// What is needed to look into the objects of one source. Shared, unchanging; any thread.
struct ObjectLens {
    RepositoryId repository{};
    OpeningKeys keys;
    std::vector<TrustedSigner> hosts;       ///< who may sign manifests and logs
    std::vector<TrustedSigner> statements;  ///< who may sign notes and evidence
    std::optional<Secret> id_key;           ///< nothing: chunk ids are not recomputed
};

/// The lens for one source; nothing: whose objects they are is not known. Fault::denied when no key that opens content is held.
Task<ObjectLens> make_lens(Repository& repository, std::optional<SourceName> source);

/// Whether a failure to read an object says something of that object, and not of the way to it: others may be fine.
bool is_about_object(const Error& error);

/// Fault::corrupt, with what is wrong, unless the bytes are a good object under this key: name, records, ids, signature.
void look_into(const ObjectKey& key, ByteView bytes, const ObjectLens& lens);

}  // namespace varve
