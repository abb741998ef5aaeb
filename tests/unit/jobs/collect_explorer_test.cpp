// Collection raced against backups, restores, suspends of a day, a second collector and clock jumps: the real collector, backup
// and restore code on a store in memory, taking turns at every call of the store.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "jobs/hold_job.hpp"
#include "repository/object_keys.hpp"
#include "repository/pack_origin.hpp"
#include "support/collect_world.hpp"
#include "support/interleaving.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::test;
using namespace std::chrono_literals;

namespace {

enum class Part {
    collector,
    restore_of_old,   ///< of the backup that goes
    restore_of_kept,  ///< of one that stays
    hold_of_old,      ///< by an operator
    backup,           ///< of the month, using its packs again
    careless_backup,  ///< as `backup`, and using packs of an earlier month again: what the design forbids
};

std::string word_of(Part role) {
    constexpr std::array words{"collector", "restore of old", "restore of kept", "hold of old", "backup", "careless backup"};
    return words.at(static_cast<std::size_t>(role));
}

/// What an actor may not see: the reason, or nothing.
using Verdict = std::optional<std::string>;

Task<> collect_once(CollectWorld& world, Repository& repository) {
    auto jobs = world.context(repository);
    co_await collect(jobs, {&world.source}, Approval::none);
}

/// As run_restore does: hold, look for a sweep, read. Refused is fine; a restore that was let in reads everything.
Task<> restore(CollectWorld& world, Repository& repository, BackupId id, Verdict& verdict) {
    auto jobs = world.context(repository);
    const auto listed = co_await repository.backups(test_source);
    const auto found = std::ranges::find(listed, id, &BackupName::id);
    if (found == listed.end()) co_return;
    const BackupName name = *found;
    bool refused = false;
    try {
        co_await hold_for_restore(jobs, {.source = test_source, .backup = name, .path = {}, .log = {}});
    } catch (const Error& error) {
        if (error.code_word() != "being_collected") throw;
        refused = true;
    }
    if (refused) co_return;
    verdict = "the restore of " + id.text() + " was let in and did not end";
    const auto manifest = co_await repository.manifest(test_source, name);
    RepositoryPackOrigin origin{repository, test_source};
    for (const auto& pack : packs_of(manifest.structure)) co_await origin.get_pack(pack);
    verdict.reset();
}

/// A hold that was not refused keeps the backup for good.
Task<> hold(CollectWorld& world, Repository& repository, BackupId id, Verdict& verdict) {
    auto jobs = world.context(repository);
    try {
        co_await hold_backup(jobs, {.source = test_source, .backup = id}, std::nullopt);
        verdict = id.text();
    } catch (const Error& error) {
        if (error.code_word() != "being_collected" && error.code_word() != "backup_not_found") throw;
    }
}

/// Packs of the newest backup of the month, or of the oldest there is.
Task<std::vector<StoredPack>> packs_to_use_again(Repository& repository, bool of_any_month) {
    const auto listed = co_await repository.backups(test_source);
    const auto manifest = co_await repository.manifest(test_source, of_any_month ? listed.back() : listed.front());
    co_return packs_of(manifest.structure);
}

Task<> back_up(CollectWorld& world, Repository& repository) {
    const auto reused = co_await packs_to_use_again(repository, false);
    co_await make_backup(repository, world.source.setup.retention, reused);
}

/// Looks as closely as a backup can: its packs are there right before its manifest is put.
Task<> back_up_carelessly(Repository& repository, Instant start) {
    const auto reused = co_await packs_to_use_again(repository, true);
    const auto keys = repository.source_keys(test_source);
    const auto folder = stored_name(keys, test_source);
    format::ManifestStructure structure;
    structure.set_source(test_source.text());
    structure.set_start_time(to_format(start));
    structure.set_committed(to_format(start));
    structure.set_tiers("d");
    structure.set_month(month_of(start, {}));
    structure.set_expires(to_format(start + 10 * 24h));
    for (const auto& pack : reused) {
        auto& use = *structure.add_packs();
        use.set_name(std::string{pack.name.begin(), pack.name.end()});
        use.set_size(pack.size);
        use.set_folder(pack.folder);
    }
    format::ManifestContent content;
    content.set_id_key(std::string{text_of(keys.id.view())});
    content.set_list_levels(1);
    const auto plain = content.SerializeAsString();
    ObjectWriter writer{ObjectType::manifest, repository.sealing(test_source), plain.size() + 4096};
    structure.add_sealed_lengths(writer.add(view_of(plain), 3).sealed_length);
    const auto manifest = writer.finish(view_of(structure.SerializeAsString()));
    const auto& store = *repository.copies().all()[0].store;
    for (const auto& pack : reused)
        if (!co_await const_cast<Store&>(store).find(pack_key(folder, pack.folder, pack.name))) co_return;
    Copies::Work work{repository.copies()};
    co_await work.put(backup_key(folder, start, "d", manifest.name), manifest.bytes);
    co_await work.barrier();
}

/// The archive on 20 December: the four backups of November were condemned three days ago.
class Explorer {
public:
    Explorer() {
        world_.pass_until("2026-12-17");
        world_.collect();
        for (int i = 0; i < 3; ++i) {
            world_.back_up();
            world_.desk.clock.advance(24h);
        }
        start_ = world_.desk.clock.now();
        old_ = world_.backups().front();
        kept_ = world_.backups()[6];
        begun_with_ = std::make_unique<MemoryStore>(*world_.desk.stores[0]);
    }

    using Choose = std::function<std::size_t(const std::vector<Actor>&, const std::vector<std::size_t>&)>;

    /// One interleaving. Gives what was lost by it.
    std::vector<std::string> play(const std::vector<Part>& roles, const Choose& choose) {
        auto store = std::make_shared<MemoryStore>(*begun_with_);
        world_.desk.stores[0] = store;
        world_.desk.clock.set(start_);
        std::vector<Actor> actors;
        std::vector<std::unique_ptr<Repository>> repositories;
        std::vector<Verdict> verdicts(roles.size());
        for (const auto role : roles) {
            auto& actor = actors.emplace_back(
                Actor{.name = word_of(role), .turns = std::make_unique<Turns>(world_.desk.io.get_executor())});
            repositories.push_back(world_.desk.open([&](std::shared_ptr<Store> inner, std::size_t) -> std::shared_ptr<Store> {
                return std::make_shared<TurnStore>(inner, *actor.turns);
            }));
        }
        std::vector<Task<>> tasks;
        for (std::size_t i = 0; i < roles.size(); ++i) tasks.push_back(task_of(roles[i], *repositories[i], verdicts[i]));
        interleave(world_.desk.io, actors, std::move(tasks),
                   [&](const std::vector<std::size_t>& waiting) { return choose(actors, waiting); });
        steps.clear();
        for (const auto& actor : actors) steps.push_back(actor.turns->taken());
        return judge(roles, actors, verdicts);
    }

    void advance(std::chrono::microseconds by) { world_.desk.clock.advance(by); }

    std::vector<std::size_t> steps;  ///< of the last interleaving: turns that each actor took

private:
    Task<> task_of(Part role, Repository& repository, Verdict& verdict) {
        switch (role) {
            case Part::collector:
                return collect_once(world_, repository);
            case Part::restore_of_old:
                return restore(world_, repository, old_, verdict);
            case Part::restore_of_kept:
                return restore(world_, repository, kept_, verdict);
            case Part::hold_of_old:
                return hold(world_, repository, old_, verdict);
            case Part::backup:
                return back_up(world_, repository);
            case Part::careless_backup:
                return back_up_carelessly(repository, start_);
        }
        throw Error{Fault::defect, "an unknown role"};
    }

    std::vector<std::string> judge(const std::vector<Part>& roles, const std::vector<Actor>& actors,
                                   const std::vector<Verdict>& verdicts) {
        auto lost = world_.losses();
        for (std::size_t i = 0; i < roles.size(); ++i) {
            std::string failure;
            if (actors[i].failure) failure = error_of(actors[i].failure).sentence();
            const bool reads = roles[i] == Part::restore_of_old || roles[i] == Part::restore_of_kept;
            if (reads && verdicts[i])
                lost.push_back(*verdicts[i] + ": " + failure);
            else if (!failure.empty())
                lost.push_back(actors[i].name + " failed: " + failure);
            if (roles[i] == Part::hold_of_old && verdicts[i]) {
                const auto left = world_.backups();
                if (std::ranges::find(left, old_) == left.end()) lost.push_back("the backup that was held is gone");
            }
        }
        return lost;
    }

    CollectWorld world_;
    std::unique_ptr<MemoryStore> begun_with_;
    Instant start_;
    BackupId old_, kept_;
};

std::size_t first_of(const std::vector<std::size_t>& waiting) { return waiting.front(); }

/// The first actor stands still at each of its calls in turn, for as long as `pause`, while the others run to their end. Gives
/// all that was lost, with where.
std::vector<std::string> explore_pauses(Explorer& explorer, const std::vector<Part>& roles, std::chrono::hours pause,
                                        std::size_t stride = 1) {
    std::vector<std::string> lost;
    for (std::size_t at = 0;; at += stride) {
        bool paused = false;
        const auto choose = [&](const std::vector<Actor>& actors, const std::vector<std::size_t>& waiting) {
            const bool first_waits = waiting.front() == 0;
            if (first_waits && actors[0].turns->taken() < at) return first_of(waiting);
            if (!paused) explorer.advance(pause);
            paused = true;
            return waiting.back();
        };
        for (const auto& one : explorer.play(roles, choose))
            lost.push_back(word_of(roles[0]) + " pauses " + std::to_string(pause.count()) + " h at call " + std::to_string(at) +
                           ": " + one);
        if (at >= explorer.steps[0]) return lost;
    }
}

/// Any order, with clock jumps that add up to less than three days.
std::vector<std::string> explore_chance(Explorer& explorer, const std::vector<Part>& roles, unsigned seeds) {
    std::vector<std::string> lost;
    for (unsigned seed = 1; seed <= seeds; ++seed) {
        std::minstd_rand random{seed};
        auto left = 60h;
        std::size_t current = 0;
        const auto choose = [&](const std::vector<Actor>&, const std::vector<std::size_t>& waiting) {
            if (left > 0h && random() % 100 == 0) {
                const auto jump = std::min<std::chrono::hours>(left, std::chrono::hours{random() % 30});
                explorer.advance(jump);
                left -= jump;
            }
            // Mostly the same one goes on: what is torn apart at every call shows little.
            const bool goes_on = std::ranges::find(waiting, current) != waiting.end() && random() % 12 != 0;
            if (!goes_on) current = waiting[random() % waiting.size()];
            return current;
        };
        for (const auto& one : explorer.play(roles, choose)) lost.push_back("seed " + std::to_string(seed) + ": " + one);
    }
    return lost;
}

}  // namespace

TEST_CASE(
    "whoever stands still for a day at one of its calls while collection runs, no backup is lost and no restore that was let in",
    "[explorer]") {
    Explorer explorer;
    const auto other = GENERATE(Part::restore_of_old, Part::restore_of_kept, Part::hold_of_old, Part::backup, Part::collector);
    const bool closely = other == Part::restore_of_old;  // the others at every third call: they have more in common than apart
    CAPTURE(word_of(other));

    CHECK(explore_pauses(explorer, {other, Part::collector}, 26h) == std::vector<std::string>{});
    CHECK(explore_pauses(explorer, {Part::collector, other}, 26h, closely ? 1 : 3) == std::vector<std::string>{});
}

TEST_CASE("two collectors, restores, a hold and a backup in any order, with clock jumps, lose nothing", "[explorer]") {
    Explorer explorer;
    const std::vector<Part> roles{Part::collector,       Part::collector, Part::restore_of_old,
                                  Part::restore_of_kept, Part::backup,    Part::hold_of_old};

    CHECK(explore_chance(explorer, roles, 60) == std::vector<std::string>{});
}

TEST_CASE("the explorer finds the loss when packs of an earlier month are used again", "[explorer]") {
    Explorer explorer;

    const auto lost = explore_pauses(explorer, {Part::collector, Part::careless_backup}, 0h);

    CHECK_FALSE(lost.empty());
}
