#include "format/config_object.hpp"

#include <algorithm>

#include "format/header.hpp"
#include "format/record.hpp"
#include "format/signing.hpp"
#include "varve/error.hpp"

namespace varve {

SealedObject write_config(const format::RepositoryConfig& config, const Secret& admin) {
    RepositoryId repository{};
    if (config.repository_id().size() != repository.size()) throw Error{Fault::defect, "a repository id has 16 bytes"};
    std::copy(config.repository_id().begin(), config.repository_id().end(), repository.begin());
    SealedObject object;
    object.bytes = write_fixed_header(ObjectType::config, repository, fixed_header_bytes, PublicKey{}, 0);
    append(object.bytes, view_of(config.SerializeAsString()));
    object.name = sign_and_name(object.bytes, admin);
    return object;
}

format::RepositoryConfig parse_config(ByteView object) {
    const auto header = parse_header(object);
    const bool clear = header.type == ObjectType::config && header.wraps.empty() && header.content_commit.empty();
    if (!clear || object.size() < header.whole.size() + signature_bytes) {
        throw Error{Fault::corrupt, "the object is not the config of a repository"};
    }
    const auto message = object.subspan(header.whole.size(), object.size() - header.whole.size() - signature_bytes);
    format::RepositoryConfig config;
    if (!config.ParseFromArray(message.data(), static_cast<int>(message.size())) ||
        view_of(config.repository_id()).size() != header.repository.size() ||
        !std::ranges::equal(view_of(config.repository_id()), header.repository)) {
        throw Error{Fault::corrupt, "the config of the repository cannot be read"};
    }
    return config;
}

void check_config_signature(ByteView object, std::span<const PublicKey> admins) {
    std::vector<TrustedSigner> signers;
    for (const auto& admin : admins) signers.push_back({.key = admin, .sources = {}});
    checked_signer(object, signers, digests_of(object).signed_part);
}

}  // namespace varve
