#include "repository/repository.hpp"

#include <algorithm>

#include "repository/config_chain.hpp"
#include "repository/open_repository.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve {

NewRepository make_keys(RepositoryMode mode, std::string host_name) {
    const auto admin = Secret::random();
    KeyRing all;
    all.repository = repository_id_of(ed25519_public(admin));
    all.host_name = std::move(host_name);
    all.archive = Secret::random();
    all.restore = Secret::random();
    all.maintain = Secret::random();
    all.escrow = Secret::random();
    all.host = Secret::random();
    all.admin = admin;

    NewRepository made{.mode = mode, .host_keys = all, .recovery_kit = all};
    made.host_keys.escrow.reset();
    made.recovery_kit.archive.reset();
    made.recovery_kit.host.reset();
    if (mode == RepositoryMode::sealed) {
        made.host_keys.restore.reset();
        made.host_keys.maintain.reset();
        made.host_keys.admin.reset();
    }
    return made;
}

namespace {

Task<std::vector<StoredConfig>> read_configs(Copies& copies, std::vector<HeldObject> listed) {
    std::vector<StoredConfig> configs;
    for (const auto& held : listed) {
        const auto& key = held.object.key;
        if (!find_config_key(key)) continue;
        try {
            configs.push_back({.key = key, .object = co_await copies.get(key)});
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt) throw;  // reported where it was read; the chain shows whether it matters
        }
    }
    co_return configs;
}

Task<std::vector<StoredConfig>> stored_configs(Copies& copies) {
    auto listing = co_await copies.list_held("config/", {}, Copies::Answers::all);
    co_return co_await read_configs(copies, std::move(listing.objects));
}

Task<> put_everywhere(Copies& copies, const std::vector<StoredConfig>& configs) {
    // Every copy counts here, required or not: a copy without a config is none.
    for (const auto& copy : copies.all()) {
        for (const auto& config : configs) co_await copy.store->put(config.key, config.object);
        co_await copy.store->barrier();
    }
}

/// Nothing for what is no config: it says nothing of whose repository this is.
std::optional<std::string> find_repository_id(const StoredConfig& config) {
    try {
        return parse_config(config.object).repository_id();
    } catch (const Error& error) {
        if (error.fault() != Fault::corrupt) throw;
        log_failure(LogLevel::error, "", Error{error}.during(config.key.text() + " does not count"));
        return std::nullopt;
    }
}

class FirstKey final : public ObjectVisitor {
public:
    bool visit(const ObjectInfo& object) override {
        key = object.key;
        return false;
    }
    std::optional<ObjectKey> key;
};

/// A place whose config was lost still holds an archive: new keys there would make it one that nobody reads.
Task<> require_no_archive(const Copy& copy) {
    for (const auto* top : {"backup/", "pack/", "log/"}) {
        FirstKey first;
        co_await copy.store->list(top, {}, first);
        if (!first.key) continue;
        throw Error{Fault::conflict, "copy " + copy.name.text() + " holds " + first.key->text() + " and no config"}.hint(
            "It is an archive that lost its config. Bring it back from another copy with: varve init --copy " + copy.name.text() +
            "; or give the new repository an empty place.");
    }
}

Task<> require_no_archive_without_config(Copies& copies) {
    const auto listing = co_await copies.list_held("config/", {}, Copies::Answers::all);
    for (const auto& copy : copies.all()) {
        const bool has_config = std::ranges::any_of(listing.objects, [&](const HeldObject& held) {
            return std::ranges::find(held.copies, copy.name) != held.copies.end();
        });
        if (!has_config) co_await require_no_archive(copy);
    }
}

/// A copy that answers without the config that rules: someone emptied it, or another store is mounted in its place.
void report_copies_without(const std::vector<ObjectKey>& chain, const Copies& copies, const Copies::Listing& listing) {
    for (const auto& copy : copies.all()) {
        if (std::ranges::find(listing.unanswered, copy.name) != listing.unanswered.end()) continue;
        const bool whole = std::ranges::all_of(chain, [&](const ObjectKey& key) {
            return std::ranges::any_of(listing.objects, [&](const HeldObject& held) {
                return held.object.key == key && std::ranges::find(held.copies, copy.name) != held.copies.end();
            });
        });
        if (whole) continue;
        log(LogLevel::error, copy.name.text(),
            "this copy lacks the config of the repository: another store may be in its place; run varve check");
    }
}

Error holds_another() {
    return Error{Fault::conflict, "there is a repository already"}.hint(
        "Give the new repository an empty place; to add a copy of this one, use: varve init --copy NAME.");
}

}  // namespace

Task<NewRepository> Repository::create(Copies& copies, RepositoryMode mode, std::string host_name, SaveKeys save_keys) {
    const auto configs = co_await copies.list("config/", {}, Copies::Answers::all);
    if (!configs.empty()) throw holds_another();
    co_await require_no_archive_without_config(copies);
    auto keys = make_keys(mode, std::move(host_name));
    if (save_keys) co_await save_keys(keys);
    failpoint("init.keys_saved");
    co_await create(copies, keys);
    co_return keys;
}

Task<> Repository::create(Copies& copies, const NewRepository& keys) {
    auto configs = co_await stored_configs(copies);
    for (const auto& config : configs) {
        const auto id = find_repository_id(config);
        if (!id || !std::ranges::equal(view_of(*id), keys.host_keys.repository)) throw holds_another();
    }
    co_await require_no_archive_without_config(copies);
    if (configs.empty()) {
        const auto created = co_await copies.now();
        const auto& admin = keys.recovery_kit.require(keys.recovery_kit.admin, "admin", "signing config");
        auto object = write_config(first_config(keys, created), admin);
        configs.push_back({.key = config_key(1, object.name), .object = std::move(object.bytes)});
    }
    co_await put_everywhere(copies, configs);
}

Task<> Repository::share_config(Copies& copies) {
    const auto configs = co_await stored_configs(copies);
    if (configs.empty()) {
        throw Error{Fault::missing, "none of the copies holds a repository yet"}
            .code("repository_missing", 10)
            .hint("Create it first: varve init.");
    }
    const auto id = find_repository_id(configs.front());
    for (const auto& config : configs) {
        if (!id || find_repository_id(config) != id) throw holds_another();
    }
    co_await put_everywhere(copies, configs);
}

Task<std::unique_ptr<Repository>> Repository::open(std::shared_ptr<Copies> copies, KeyRing keys, Pools& pools) {
    copies->hash_on(pools.cpu);
    const auto listing = co_await copies->list_held("config/");
    const auto configs = co_await read_configs(*copies, listing.objects);
    if (configs.empty()) {
        if (!listing.objects.empty()) throw Error{Fault::corrupt, "the config of the repository is damaged in every copy"};
        throw Error{Fault::missing, "there is no repository here"}
            .code("repository_missing", 10)
            .hint("Create it with: varve init; or correct `url` in the configuration.");
    }
    const bool ours = std::ranges::any_of(configs, [&](const StoredConfig& config) {
        const auto id = find_repository_id(config);
        return id && std::ranges::equal(view_of(*id), keys.repository);
    });
    if (!ours) {
        throw Error{Fault::denied, "the keys are those of another repository"}
            .code("wrong_key", 12)
            .hint("Use the keys file that was made for this repository.");
    }
    std::vector<ObjectKey> chain;
    auto config = ruling_config(configs, keys.repository, &chain);
    require_readable(config);
    report_copies_without(chain, *copies, listing);
    co_return std::make_unique<OpenRepository>(std::move(copies), std::move(keys), std::move(config), pools);
}

BackupFacts facts_of(const Repository::Manifest& manifest) {
    const auto& structure = manifest.structure;
    BackupFacts facts;
    facts.stop_time = from_format(structure.stop_time());
    if (structure.has_lineage()) {
        const LineageName lineage{structure.lineage().name()};
        facts.lineage = from_format(structure.lineage());
        facts.start = LogPosition{lineage, structure.start_position(), structure.start_position_text()};
        facts.stop = LogPosition{lineage, structure.stop_position(), structure.stop_position_text()};
        facts.log_end = structure.log_end_position();
    }
    if (!manifest.content) return facts;
    facts.facts.insert(manifest.content->facts().begin(), manifest.content->facts().end());
    for (const auto& finding : manifest.content->findings()) {
        const auto level = std::min(finding.level(), static_cast<std::uint32_t>(Finding::Level::error));
        facts.findings.push_back(
            {.level = static_cast<Finding::Level>(level), .what = finding.what(), .remedy = finding.remedy()});
    }
    return facts;
}

}  // namespace varve
