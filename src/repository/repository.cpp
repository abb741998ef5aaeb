#include "repository/repository.hpp"

#include <algorithm>

#include "base/failpoint.hpp"
#include "repository/config_chain.hpp"
#include "repository/open_repository.hpp"
#include "varve/error.hpp"

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

Task<std::vector<StoredConfig>> stored_configs(Copies& copies, Copies::Answers answers) {
    std::vector<StoredConfig> configs;
    const auto listed = co_await copies.list("config/", {}, answers);
    for (const auto& object : listed) {
        if (!find_config_key(object.key)) continue;
        try {
            configs.push_back({.key = object.key, .object = co_await copies.get(object.key)});
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt) throw;  // reported where it was read; the chain shows whether it matters
        }
    }
    co_return configs;
}

Task<> put_everywhere(Copies& copies, const std::vector<StoredConfig>& configs) {
    // Every copy counts here, required or not: a copy without a config is none.
    for (const auto& copy : copies.all()) {
        for (const auto& config : configs) co_await copy.store->put(config.key, config.object);
        co_await copy.store->barrier();
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
    auto keys = make_keys(mode, std::move(host_name));
    if (save_keys) co_await save_keys(keys);
    failpoint("init.keys_saved");
    co_await create(copies, keys);
    co_return keys;
}

Task<> Repository::create(Copies& copies, const NewRepository& keys) {
    auto configs = co_await stored_configs(copies, Copies::Answers::all);
    for (const auto& config : configs) {
        const auto id = parse_config(config.object).repository_id();
        if (!std::ranges::equal(view_of(id), keys.host_keys.repository)) throw holds_another();
    }
    if (configs.empty()) {
        const auto created = co_await copies.now();
        const auto& admin = keys.recovery_kit.require(keys.recovery_kit.admin, "admin", "signing config");
        auto object = write_config(first_config(keys, created), admin);
        configs.push_back({.key = config_key(1, object.name), .object = std::move(object.bytes)});
    }
    co_await put_everywhere(copies, configs);
}

Task<> Repository::share_config(Copies& copies) {
    const auto configs = co_await stored_configs(copies, Copies::Answers::all);
    if (configs.empty()) {
        throw Error{Fault::missing, "none of the copies holds a repository yet"}
            .code("repository_missing", 10)
            .hint("Create it first: varve init.");
    }
    const auto id = parse_config(configs.front().object).repository_id();
    for (const auto& config : configs) {
        if (parse_config(config.object).repository_id() != id) throw holds_another();
    }
    co_await put_everywhere(copies, configs);
}

Task<std::unique_ptr<Repository>> Repository::open(std::shared_ptr<Copies> copies, KeyRing keys, Pools& pools) {
    copies->hash_on(pools.cpu);
    const auto configs = co_await stored_configs(*copies, Copies::Answers::any);
    if (configs.empty()) {
        const auto anything = co_await copies->list("config/");
        if (!anything.empty()) throw Error{Fault::corrupt, "the config of the repository is damaged in every copy"};
        throw Error{Fault::missing, "there is no repository here"}
            .code("repository_missing", 10)
            .hint("Create it with: varve init; or correct `url` in the configuration.");
    }
    const bool ours = std::ranges::any_of(configs, [&](const StoredConfig& config) {
        return std::ranges::equal(view_of(parse_config(config.object).repository_id()), keys.repository);
    });
    if (!ours) {
        throw Error{Fault::denied, "the keys are those of another repository"}
            .code("wrong_key", 12)
            .hint("Use the keys file that was made for this repository.");
    }
    auto config = ruling_config(configs, keys.repository);
    require_readable(config);
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
