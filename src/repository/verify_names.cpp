#include "repository/verify_names.hpp"

#include <algorithm>
#include <tuple>

#include "format/config_object.hpp"
#include "repository/object_keys.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// What is younger may still be on its way to a copy, or was put between two inventories.
constexpr std::chrono::minutes on_its_way_max{15};
/// Of a folder whose source nobody knows, as many log objects are opened.
constexpr std::size_t logs_opened_max = 8;

using Intervals = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// Sorts, and joins what touches.
Intervals joined(Intervals parts) {
    std::ranges::sort(parts);
    Intervals whole;
    for (const auto& [from, to] : parts) {
        if (whole.empty() || from > whole.back().second)
            whole.emplace_back(from, to);
        else
            whole.back().second = std::max(whole.back().second, to);
    }
    return whole;
}

bool covers(const Intervals& intervals, std::uint64_t from, std::uint64_t to) {
    return std::ranges::any_of(intervals, [&](const auto& part) { return part.first <= from && to <= part.second; });
}

class NameCheck {
public:
    NameCheck(Repository& repository, VerifySubject subject, const CopyChecks& checks, Instant began, VerifyResult& result)
        : repository_{repository}, subject_{std::move(subject)}, checks_{checks}, began_{began}, result_{result} {}

    Task<> run() {
        const auto backups = listed_backups(checks_);
        result_.backups = backups.size();
        for (const auto& name : backups) names_.insert(to_hex(*digest_of(name.key)));
        for (const auto& name : backups) co_await check_backup(name);
        if (!subject_.source) co_await open_some_logs();
        compare_logs();
        co_await compare_config();
    }

private:
    bool settled(const ObjectInfo& object) const { return object.stored_at + on_its_way_max < began_; }

    Task<> check_backup(BackupName name) {
        std::optional<Error> failure;
        try {
            if (subject_.source) {
                const auto manifest = co_await repository_.manifest(*subject_.source, name);
                check_packs(name, manifest.structure);
                check_previous(name, manifest.structure);
            } else {
                co_await open_object(name.key, ObjectType::manifest);
            }
        } catch (const Error& error) {
            failure = error;
        }
        if (failure) note_failure(name.key, *failure);
        require_everywhere(name.key, "backup " + name.id.text());
    }

    /// An object of a folder whose source is unknown: is it that it cannot be read?
    Task<> open_object(ObjectKey key, ObjectType type) {
        const auto bytes = co_await repository_.copies().get(key);
        try {
            const ObjectReader reader{bytes, type, repository_.keys().repository, repository_.opening(SourceName{})};
            reader.check_signature(repository_.signers());
        } catch (Error& error) {
            if (error.code_word() == "wrong_key") co_return;  // another host's: its hash is what can be looked at
            throw error.with("object", key.text());
        }
    }

    Task<> open_some_logs() {
        std::set<std::string> keys;
        for (const auto& check : checks_) {
            for (const auto& object : check->objects()) {
                if (find_log_key(object.key)) keys.insert(object.key.text());
            }
        }
        std::size_t opened = 0;
        for (const auto& key : keys) {
            if (opened++ == logs_opened_max) break;
            std::optional<Error> failure;
            try {
                co_await open_object(ObjectKey{key}, ObjectType::log);
            } catch (const Error& error) {
                failure = error;
            }
            if (failure) note_failure(ObjectKey{key}, *failure);
        }
    }

    void note_failure(const ObjectKey& key, const Error& error) {
        const bool nothing_opens = error.code_word() == "wrong_key" && !repository_.keys().archive &&
                                   !repository_.keys().restore && !repository_.keys().maintain && !repository_.keys().escrow;
        const bool stops = error.fault() == Fault::cancelled || error.fault() == Fault::defect || nothing_opens;
        if (stops) throw error;
        for (const auto& check : checks_) {
            if (check->find(key) == nullptr || check->was_swept(key)) continue;
            if (is_about_object(error))
                check->damaged(key, error.sentence());
            else
                check->did_not_answer(error);
        }
    }

    void check_packs(const BackupName& name, const format::ManifestStructure& structure) {
        for (const auto& check : checks_) {
            const auto* own = check->find(name.key);
            // A manifest that is on its way to a required copy may have packs that are, too.
            if (own == nullptr && (!check->copy().required || !is_settled(name.key))) continue;
            if (own == nullptr ? check->may_be_gone(name.key) : check->was_swept(name.key)) continue;
            for (const auto& use : structure.packs()) check_pack(*check, name.id, use);
        }
    }

    void check_pack(CopyCheck& check, const BackupId& backup, const format::PackUse& use) const {
        const ObjectKey key{"pack/" + subject_.folder + "/" + use.folder() + "/" + to_hex(view_of(use.name()))};
        const auto* found = check.find(key);
        const auto needed = " and backup " + backup.text() + " needs it";
        if (found == nullptr) {
            check.lost(key, "missing," + needed);
        } else if (found->size_bytes != use.size()) {
            check.lost(key, "it has " + std::to_string(found->size_bytes) + " bytes instead of " + std::to_string(use.size()) +
                                "," + needed);
        }
    }

    /// Backups form a chain: a link that no copy has and that no collector removed was lost.
    void check_previous(const BackupName& name, const format::ManifestStructure& structure) {
        const auto previous = to_hex(view_of(structure.previous_manifest()));
        if (previous.empty() || names_.contains(previous) || !all_answer()) return;
        Digest link{};
        if (structure.previous_manifest().size() != link.size()) return;
        std::ranges::copy(view_of(structure.previous_manifest()), link.begin());
        const auto removed = [&](const auto& check) { return check->may_be_gone(link); };
        if (std::ranges::any_of(checks_, removed)) return;
        for (const auto& check : checks_) {
            if (!check->copy().required) continue;
            check->damaged(ObjectKey{"backup/" + subject_.folder + "/" + previous},
                           "missing: backup " + name.id.text() + " was made after it, and no copy has it");
        }
    }

    bool all_answer() const {
        return checks_.size() == repository_.copies().all().size() &&
               std::ranges::all_of(checks_, [](const auto& check) { return check->answers(); });
    }

    bool is_settled(const ObjectKey& key) const {
        return std::ranges::any_of(checks_, [&](const auto& check) {
            const auto* object = check->find(key);
            return object != nullptr && settled(*object);
        });
    }

    void require_everywhere(const ObjectKey& key, const std::string& what) {
        if (!is_settled(key)) return;
        for (const auto& check : checks_) {
            if (!check->copy().required || check->find(key) != nullptr || check->may_be_gone(key)) continue;
            check->damaged(key, "missing: " + what + " is in another copy");
        }
    }

    /// Two hosts may have shipped the same stretch in different objects: what counts is that its bytes are there.
    void compare_logs() {
        std::map<std::string, Intervals> held;  // of the copy that is looked at, by lineage
        for (const auto& check : checks_) {
            if (!check->copy().required) continue;
            held.clear();
            for (const auto& object : check->objects()) {
                if (const auto key = find_log_key(object.key)) held[key->lineage].emplace_back(key->from, key->to);
            }
            for (auto& [lineage, parts] : held) parts = joined(std::move(parts));
            for (const auto& other : checks_) {
                for (const auto& object : other->objects()) {
                    const auto key = find_log_key(object.key);
                    if (!key || !settled(object) || check->find(object.key) != nullptr) continue;
                    if (check->may_be_gone(object.key)) continue;
                    if (covers(held[key->lineage], key->from, key->to)) continue;
                    check->damaged(object.key, "missing: this stretch of log is in copy " + other->copy().name.text());
                }
            }
        }
    }

    /// A copy without the config that rules is none; one with the config of another repository may hide that.
    Task<> compare_config() {
        std::set<std::string> keys;
        for (const auto& check : checks_) {
            for (const auto& object : check->objects()) {
                if (find_config_key(object.key)) keys.insert(object.key.text());
            }
        }
        for (const auto& key : keys) co_await check_config(ObjectKey{key});
    }

    Task<> check_config(ObjectKey key) {
        std::optional<Error> failure;
        try {
            const auto id = parse_config(co_await repository_.copies().get(key)).repository_id();
            if (!std::ranges::equal(view_of(id), repository_.keys().repository))
                failure = Error{Fault::corrupt, "it belongs to another repository"};
        } catch (const Error& error) {
            failure = error;
        }
        // Of what cannot be read, or is of another repository, nobody needs a copy.
        if (failure) note_config_failure(key, *failure);
        if (failure) co_return;
        for (const auto& check : checks_) {
            if (check->find(key) == nullptr) check->damaged(key, "missing: the config of the repository is in another copy");
        }
    }

    void note_config_failure(const ObjectKey& key, Error failure) {
        if (!failure.retryable() && failure.fault() != Fault::cancelled && failure.fault() != Fault::defect)
            failure.with("object", key.text());
        note_failure(key, failure);
    }

    Repository& repository_;
    VerifySubject subject_;
    const CopyChecks& checks_;
    Instant began_;
    VerifyResult& result_;
    std::set<std::string> names_;  // of all manifests, as hexadecimal digits
};

}  // namespace

std::vector<BackupName> listed_backups(const CopyChecks& checks) {
    std::map<std::string, BackupName> by_key;
    for (const auto& check : checks) {
        for (const auto& object : check->objects()) {
            const auto key = find_backup_key(object.key);
            if (!key) continue;
            auto& name = by_key
                             .try_emplace(object.key.text(), BackupName{.id = backup_id(key->start, key->name),
                                                                        .key = object.key,
                                                                        .start = key->start,
                                                                        .tiers = key->tiers,
                                                                        .manifest_bytes = object.size_bytes,
                                                                        .copies = {}})
                             .first->second;
            name.copies.push_back(check->copy().name);
        }
    }
    std::vector<BackupName> names;
    for (auto& [key, name] : by_key) names.push_back(std::move(name));
    std::ranges::sort(
        names, [](const BackupName& a, const BackupName& b) { return std::tie(b.start, b.key) < std::tie(a.start, a.key); });
    return names;
}

Task<> check_names(Repository& repository, VerifySubject subject, const CopyChecks& checks, Instant began, VerifyResult& result) {
    NameCheck check{repository, std::move(subject), checks, began, result};
    co_await check.run();
}

}  // namespace varve
