#include "repository/backup_commit.hpp"

#include <algorithm>

#include "base/failpoint.hpp"
#include "repository/object_keys.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// A manifest must be put before its month's end plus this, so that a collector may trust a closed month.
constexpr std::chrono::days late_max{7};

BackupBirth birth_at(Instant start, const std::vector<BackupName>& committed, const RetentionRule& rule, const PolicyZone& zone) {
    std::vector<TierHistory> history;
    for (const auto& backup : committed) history.push_back({.start = backup.start, .tiers = backup.tiers});
    BackupBirth birth;
    birth.start = start;
    birth.month = month_of(start, zone);
    birth.tiers = tiers_for(start, history, rule, zone);
    birth.folder = birth.month + longest_tier(birth.tiers);
    birth.expires = expiry_of(start, birth.tiers, rule, zone);
    birth.zone = zone.name;
    return birth;
}

SealedObject seal_manifest(format::ManifestStructure structure, const format::ManifestContent& content,
                           const SealingContext& sealing) {
    const auto plain = content.SerializeAsString();
    ObjectWriter writer{ObjectType::manifest, sealing, plain.size() + structure.ByteSizeLong() + 4096};
    writer.add(view_of(plain), 3);
    for (const auto length : writer.sealed_lengths()) structure.add_sealed_lengths(length);
    return writer.finish(view_of(structure.SerializeAsString()));
}

}  // namespace

struct BackupCommit::State {
    State(Repository& repository_given, SourceName source_given, PolicyZone zone_given)
        : repository{repository_given},
          source{std::move(source_given)},
          zone{std::move(zone_given)},
          stored{stored_name(repository.source_keys(source), source)},
          work{repository.copies()} {}

    Repository& repository;
    SourceName source;
    PolicyZone zone;
    std::string stored;  ///< the source's name in keys
    Copies::Work work;
    BackupBirth birth;
    std::string previous;  ///< raw name of the source's newest manifest
};

BackupCommit::BackupCommit(std::unique_ptr<State> state) : state_{std::move(state)} {}
BackupCommit::~BackupCommit() = default;

Task<std::unique_ptr<BackupCommit>> BackupCommit::begin(Repository& repository, SourceName source, RetentionRule rule,
                                                        PolicyZone zone) {
    auto state = std::make_unique<State>(repository, source, zone);
    const auto committed = co_await repository.backups(source);
    const auto start = std::chrono::floor<std::chrono::seconds>(co_await repository.now());  // keys carry whole seconds
    state->birth = birth_at(start, committed, rule, zone);
    if (!committed.empty()) {
        if (const auto name = digest_of(committed.front().key)) state->previous.assign(name->begin(), name->end());
    }
    co_return std::unique_ptr<BackupCommit>{new BackupCommit{std::move(state)}};
}

const BackupBirth& BackupCommit::birth() const noexcept { return state_->birth; }
const std::string& BackupCommit::folder() const { return state_->birth.folder; }

Task<> BackupCommit::put_pack(SealedObject pack) {
    failpoint("backup.before_pack");
    co_await state_->work.put(pack_key(state_->stored, state_->birth.folder, pack.name), pack.bytes);
    failpoint("backup.after_pack");
}

Task<CommittedBackup> BackupCommit::commit(format::ManifestStructure structure, format::ManifestContent content) {
    auto& state = *state_;
    // Packs first and durable: a durable manifest implies durable packs.
    co_await state.work.barrier();
    failpoint("backup.after_pack_barrier");
    const auto now = co_await state.repository.now();
    if (now > month_end(state.birth.start, state.zone) + late_max)
        throw Error{Fault::refused, "the backup took so long that its month is closed"}.hint(
            "Run it again: its packs belong to a month that a collector may already have judged.");
    structure.set_host(state.repository.keys().host_name);
    structure.set_tool_version(VARVE_VERSION);
    structure.set_start_time(to_format(state.birth.start));
    structure.set_zone(state.birth.zone);
    structure.set_month(state.birth.month);
    structure.set_tiers(state.birth.tiers);
    structure.set_expires(to_format(state.birth.expires));
    structure.set_committed(to_format(now));
    structure.set_previous_manifest(state.previous);

    const auto sealing = state.repository.sealing(state.source);
    auto seal = [&] { return seal_manifest(std::move(structure), content, sealing); };
    const auto manifest = co_await on_pool(state.repository.pools().cpu, seal);
    const auto key = backup_key(state.stored, state.birth.start, state.birth.tiers, manifest.name);
    co_await state.work.put(key, manifest.bytes);
    failpoint("backup.after_manifest");
    co_await state.work.barrier();
    failpoint("backup.after_manifest_barrier");

    CommittedBackup committed;
    committed.copies = state.work.complete();
    committed.left_out = state.work.left_out();
    committed.name = {.id = backup_id(state.birth.start, manifest.name),
                      .key = key,
                      .start = state.birth.start,
                      .tiers = state.birth.tiers,
                      .manifest_bytes = manifest.bytes.size(),
                      .copies = committed.copies};
    co_return committed;
}

}  // namespace varve
