#include "repository/backup_commit.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "repository/object_keys.hpp"
#include "repository/pack_origin.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// A manifest must be put before its month's end plus this, so that a collector may trust a closed month.
constexpr std::chrono::days late_max{7};
/// How far ahead of the clock the newest backup may be for the next to be put behind it.
constexpr std::chrono::seconds ahead_max{10};

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
    std::vector<BackupName> of_this_month;
    std::set<PackName> put;  ///< packs of this backup's own

    std::vector<StoredPack> used_again(const format::ManifestStructure& structure) const;
    bool has_every_backup(const RepositoryName& copy) const;
    void require_own_month(const std::vector<StoredPack>& packs) const;
    Task<> require_packs(std::vector<StoredPack> packs);
};

std::vector<StoredPack> BackupCommit::State::used_again(const format::ManifestStructure& structure) const {
    auto packs = packs_of(structure);
    std::erase_if(packs, [&](const StoredPack& pack) { return put.contains(pack.name); });
    return packs;
}

/// Then it has their packs as well, and nobody needs to ask: a sealed host may not list packs. Where no backup is left, nothing
/// speaks for any pack.
bool BackupCommit::State::has_every_backup(const RepositoryName& copy) const {
    return !of_this_month.empty() && std::ranges::all_of(of_this_month, [&](const BackupName& backup) {
        return std::ranges::find(backup.copies, copy) != backup.copies.end();
    });
}

namespace {

class ListedPacks final : public ObjectVisitor {
public:
    bool visit(const ObjectInfo& object) override {
        if (const auto key = find_pack_key(object.key)) sizes[key->name] = object.size_bytes;
        return true;
    }
    bool has(const StoredPack& pack) const {
        const auto found = sizes.find(pack.name);
        return found != sizes.end() && found->second == pack.size;
    }
    std::map<PackName, std::uint64_t> sizes;
};

Task<ListedPacks> list_packs(const Copy& copy, std::string stored, std::string month) {
    ListedPacks listed;
    co_await copy.store->list("pack/" + stored + "/" + month, {}, listed);
    co_return listed;
}

}  // namespace

/// A copy that was away for a while may lack packs that the others have: it must not get a manifest that lists them.
Task<> BackupCommit::State::require_packs(std::vector<StoredPack> packs) {
    for (const auto& copy : repository.copies().all()) {
        if (packs.empty() || has_every_backup(copy.name)) continue;
        std::optional<Error> trouble;
        try {
            const auto listed = co_await list_packs(copy, stored, birth.month);
            for (const auto& pack : packs) {
                if (trouble || listed.has(pack)) continue;
                const auto key = pack_key(stored, pack.folder, pack.name);
                trouble = Error{Fault::missing, "it lacks " + key.text() + ", which an earlier backup put"}.hint(
                    "Complete this copy with: varve repository copy.");
            }
        } catch (const Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            trouble = error;
        }
        if (trouble && copy.required) throw std::move(*trouble).during("copy " + copy.name.text());
        if (trouble) work.leave_out(copy.name, trouble->sentence());
    }
}

/// A month stands by itself: a collector may trust that a closed one gains no reference. And a pack stays as long as the longest
/// tier of its folder.
void BackupCommit::State::require_own_month(const std::vector<StoredPack>& packs) const {
    constexpr std::string_view tiers = "dwm";
    for (const auto& pack : packs) {
        const bool own = pack.folder.size() == birth.folder.size() && pack.folder.starts_with(birth.month);
        if (own && tiers.find(pack.folder.back()) >= tiers.find(birth.folder.back())) continue;
        throw Error{Fault::defect,
                    "the backup lists a pack of " + pack.folder + ", and may use those of " + birth.folder + " only"};
    }
}

BackupCommit::BackupCommit(std::unique_ptr<State> state) : state_{std::move(state)} {}
BackupCommit::~BackupCommit() = default;

Task<std::unique_ptr<BackupCommit>> BackupCommit::begin(Repository& repository, SourceName source, RetentionRule rule,
                                                        PolicyZone zone) {
    auto state = std::make_unique<State>(repository, source, zone);
    const auto committed = co_await repository.backups(source);
    Instant start = std::chrono::floor<std::chrono::seconds>(co_await repository.now());  // keys carry whole seconds
    // Two backups of one second would have no order, and the newest one is what the next is compared with. A clock that was
    // set back further than this is believed: a wrong month would be worse.
    if (!committed.empty() && committed.front().start - start < ahead_max)
        start = std::max(start, committed.front().start + std::chrono::seconds{1});
    state->birth = birth_at(start, committed, rule, zone);
    if (!committed.empty()) {
        if (const auto name = digest_of(committed.front().key)) state->previous.assign(name->begin(), name->end());
    }
    for (const auto& backup : committed) {
        if (month_of(backup.start, zone) == state->birth.month) state->of_this_month.push_back(backup);
    }
    co_return std::unique_ptr<BackupCommit>{new BackupCommit{std::move(state)}};
}

const BackupBirth& BackupCommit::birth() const noexcept { return state_->birth; }

Task<std::optional<PackRule>> BackupCommit::find_reusable(ObjectKey newest) const {
    const auto& state = *state_;
    const auto& copies = state.repository.copies().all();
    const auto found = std::ranges::find(state.of_this_month, newest, &BackupName::key);
    const bool everywhere = found != state.of_this_month.end() && std::ranges::all_of(copies, [&](const Copy& copy) {
                                return !copy.required || std::ranges::find(found->copies, copy.name) != found->copies.end();
                            });
    if (!everywhere) co_return std::nullopt;
    if (state.repository.config().mode() == "sealed") co_return [](const StoredPack&) { return true; };
    const auto listed = std::make_shared<std::vector<ListedPacks>>();
    for (const auto& copy : copies) {
        if (!copy.required) continue;
        listed->push_back(co_await list_packs(copy, state.stored, state.birth.month));
    }
    co_return [listed](const StoredPack& pack) {
        return std::ranges::all_of(*listed, [&](const ListedPacks& one) { return one.has(pack); });
    };
}

const std::string& BackupCommit::folder() const { return state_->birth.folder; }

Task<> BackupCommit::put_pack(SealedObject pack) {
    failpoint("backup.before_pack");
    state_->put.insert(pack.name);
    co_await state_->work.put(pack_key(state_->stored, state_->birth.folder, pack.name), pack.bytes);
    failpoint("backup.after_pack");
}

Task<CommittedBackup> BackupCommit::commit(format::ManifestStructure structure, format::ManifestContent content) {
    auto& state = *state_;
    // Packs first and durable: a durable manifest implies durable packs.
    co_await state.work.barrier();
    failpoint("backup.after_pack_barrier");
    const auto used_again = state.used_again(structure);
    state.require_own_month(used_again);
    co_await state.require_packs(used_again);
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
