#include "repository/config_chain.hpp"

#include <algorithm>

#include "repository/object_keys.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr std::uint32_t format_version_known = 1;
constexpr std::uint32_t suite_known = 1;

std::string text_of_key(const PublicKey& key) { return {key.begin(), key.end()}; }

void add_recipient(format::RepositoryConfig& config, format::Role role, const Secret& key) {
    auto& recipient = *config.add_recipients();
    recipient.set_role(role);
    recipient.set_public_key(text_of_key(x25519_public(key)));
}

std::vector<PublicKey> admins_of(const format::RepositoryConfig& config) {
    std::vector<PublicKey> admins;
    for (const auto& text : config.admins()) {
        PublicKey key{};
        if (text.size() != key.size()) throw Error{Fault::corrupt, "config names an admin key that is none"};
        std::ranges::copy(view_of(text), key.begin());
        admins.push_back(key);
    }
    return admins;
}

/// Nothing when this object is no next link of the chain; the reason is reported.
std::optional<format::RepositoryConfig> find_link(const StoredConfig& stored, std::uint32_t generation,
                                                  const RepositoryId& repository, std::vector<PublicKey> admins) {
    try {
        auto config = parse_config(stored.object);
        if (config.generation() != generation) throw Error{Fault::corrupt, "its generation is not the one in its key"};
        if (!std::ranges::equal(view_of(config.repository_id()), repository)) {
            throw Error{Fault::denied, "it belongs to another repository"};
        }
        if (admins.empty()) {  // the first generation is signed by one of its own, whose hash is the repository's id
            admins = admins_of(config);
            std::erase_if(admins, [&](const PublicKey& admin) { return repository_id_of(admin) != repository; });
        }
        check_config_signature(stored.object, admins);
        return config;
    } catch (const Error& error) {
        if (error.fault() == Fault::unsupported) throw;
        log_failure(LogLevel::error, "", Error{error}.during(stored.key.text() + " does not count"));
        return std::nullopt;
    }
}

}  // namespace

RepositoryId repository_id_of(const PublicKey& first_admin) {
    Bytes message = to_bytes(view_of("varve/1 repository"));
    append(message, first_admin);
    const auto digest = sha256(message);
    RepositoryId id{};
    std::copy_n(digest.begin(), id.size(), id.begin());
    return id;
}

format::RepositoryConfig first_config(const NewRepository& keys, Instant created) {
    // Every role is held by the host or lies in the kit.
    auto held = [&](std::optional<Secret> KeyRing::* role) -> const Secret& {
        const auto& key = keys.host_keys.*role ? keys.host_keys.*role : keys.recovery_kit.*role;
        if (!key) throw Error{Fault::defect, "a new repository needs all roles"};
        return *key;
    };
    const auto& id = keys.host_keys.repository;
    const auto admin = ed25519_public(held(&KeyRing::admin));
    if (repository_id_of(admin) != id) throw Error{Fault::invalid, "the keys are not those of a new repository"};

    format::RepositoryConfig config;
    config.set_repository_id(std::string{id.begin(), id.end()});
    config.set_generation(1);
    config.set_format_version(format_version_known);
    config.set_suite(suite_known);
    add_recipient(config, format::ROLE_RESTORE, held(&KeyRing::restore));
    add_recipient(config, format::ROLE_MAINTAIN, held(&KeyRing::maintain));
    add_recipient(config, format::ROLE_ESCROW, held(&KeyRing::escrow));
    auto& host = *config.add_hosts();
    host.set_name(keys.host_keys.host_name);
    host.set_public_key(text_of_key(ed25519_public(held(&KeyRing::host))));
    host.add_sources("*");
    config.add_admins(text_of_key(admin));
    config.set_mode(keys.mode == RepositoryMode::sealed ? "sealed" : "managed");
    config.set_created(to_format(created));
    return config;
}

format::RepositoryConfig ruling_config(const std::vector<StoredConfig>& objects, const RepositoryId& repository,
                                       std::vector<ObjectKey>* chain) {
    std::optional<format::RepositoryConfig> ruling;
    for (const auto& stored : objects) {
        const auto key = find_config_key(stored.key);
        const auto next = ruling ? ruling->generation() + 1 : 1;
        if (!key || key->generation != next) continue;
        auto link = find_link(stored, next, repository, ruling ? admins_of(*ruling) : std::vector<PublicKey>{});
        if (!link) continue;
        ruling = std::move(link);
        if (chain != nullptr) chain->push_back(stored.key);
    }
    if (!ruling) {
        throw Error{Fault::corrupt, "the repository has no config that its admin signed"}.hint(
            "Restore the config object from another copy: varve repository heal.");
    }
    return std::move(*ruling);
}

namespace {

void refuse_features(const google::protobuf::RepeatedPtrField<std::string>& features, std::string_view purpose) {
    if (features.empty()) return;  // this build knows no feature yet
    throw Error{Fault::unsupported, "the repository has the feature `" + features.Get(0) +
                                        "`, which this build does not know and needs to " + std::string{purpose}}
        .code("format_too_new", 14)
        .hint("Use a newer Varve.");
}

}  // namespace

void require_readable(const format::RepositoryConfig& config) {
    if (config.format_version() != format_version_known || config.suite() != suite_known) {
        throw Error{Fault::unsupported, "the repository has format " + std::to_string(config.format_version()) + ", suite " +
                                            std::to_string(config.suite()) + "; this build knows format 1, suite 1"}
            .code("format_too_new", 14)
            .hint("Use a newer Varve.");
    }
    refuse_features(config.features_to_read(), "read it");
}

void require_writable(const format::RepositoryConfig& config) { refuse_features(config.features_to_write(), "write to it"); }

void require_collectable(const format::RepositoryConfig& config) {
    refuse_features(config.features_to_collect(), "collect what is over");
}

}  // namespace varve
