#include "support/collect_world.hpp"

#include "repository/object_keys.hpp"
#include "repository/pack_origin.hpp"
#include "support/idle_driver.hpp"
#include "varve/error.hpp"

namespace varve::test {

using namespace std::chrono_literals;

Task<MadeBackup> make_backup(Repository& repository, RetentionRule rule, std::vector<StoredPack> reused, std::size_t bytes) {
    auto commit = co_await BackupCommit::begin(repository, test_source, rule, PolicyZone{});
    Bytes content(bytes);
    random_bytes(content);
    auto sealed = seal_pack(repository, {content});
    MadeBackup made;
    made.pack = {.name = sealed.name, .size = sealed.bytes.size(), .folder = commit->folder()};
    co_await commit->put_pack(std::move(sealed));
    format::ManifestStructure structure;
    structure.set_source(test_source.text());
    structure.set_stop_time(to_format(co_await repository.now()));
    reused.push_back(made.pack);
    for (const auto& pack : reused) {
        auto& use = *structure.add_packs();
        use.set_name(std::string{pack.name.begin(), pack.name.end()});
        use.set_size(pack.size);
        use.set_folder(pack.folder);
    }
    format::ManifestContent list;
    list.set_id_key(std::string{text_of(repository.source_keys(test_source).id.view())});
    list.set_list_levels(1);
    made.committed = co_await commit->commit(std::move(structure), std::move(list));
    co_return made;
}

CollectWorld::CollectWorld(std::size_t copies) : desk{RepositoryMode::managed, copies}, repository{desk.open()} {
    source.setup.name = test_source;
    source.setup.retention = {.daily = {.days = 10}};
    source.driver = std::make_unique<IdleDriver>();
}

MadeBackup CollectWorld::back_up(Repository& into, std::size_t bytes) {
    const auto month = month_of(desk.clock.now(), {});
    if (month != month_) reusable_.clear();
    auto made = run(desk.io, make_backup(into, source.setup.retention, reusable_, bytes));
    month_ = month;
    if (reusable_.empty()) reusable_.push_back(made.pack);
    return made;
}

void CollectWorld::pass_until(const std::string& day) {
    const auto end = from_rfc3339(day + "T03:00:00Z");
    while (desk.clock.now() < end) {
        back_up();
        desk.clock.set(std::min(end, desk.clock.now() + 48h));
    }
}

CollectReport CollectWorld::collect(Repository& in, Approval approval) {
    auto jobs = context(in);
    return run(desk.io, varve::collect(jobs, {&source}, approval));
}

CollectReport CollectWorld::plan() {
    auto jobs = context(*repository);
    return run(desk.io, plan_collect(jobs, {&source}));
}

void CollectWorld::note(const std::string& kind, std::optional<BackupId> backup, std::optional<Instant> until) {
    format::NoteStructure note;
    note.set_kind(kind);
    if (backup) note.set_backup(backup->text());
    if (until) note.set_until(to_format(*until));
    run(desk.io, repository->put_note(test_source, std::move(note)));
}

std::vector<BackupId> CollectWorld::backups(std::size_t copy) {
    std::vector<BackupId> ids;
    for (const auto& key : desk.keys_below("backup/", copy)) {
        const auto parts = find_backup_key(key);
        ids.push_back(backup_id(parts->start, parts->name));
    }
    return ids;
}

std::vector<std::string> CollectWorld::losses(std::size_t copy) {
    std::vector<std::string> lost;
    const Copy only{.name = RepositoryName{"looked at"}, .store = desk.stores.at(copy), .required = true};
    auto alone = std::make_shared<Copies>(std::vector{only});
    auto view = run(desk.io, Repository::open(alone, desk.keys.host_keys, desk.pools.pools));
    const auto folder = run(desk.io, view->find_folder(test_source));
    for (const auto& name : run(desk.io, view->backups(test_source))) {
        try {
            const auto manifest = run(desk.io, view->manifest(test_source, name));
            for (const auto& pack : packs_of(manifest.structure)) {
                const auto key = pack_key(*folder, pack.folder, pack.name);
                if (!run(desk.io, only.store->find(key))) lost.push_back(name.id.text() + " lacks " + key.text());
            }
        } catch (const Error& error) {
            lost.push_back(name.id.text() + ": " + error.sentence());
        }
    }
    return lost;
}

}  // namespace varve::test
