#include "repository/verify.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "repository/object_check.hpp"
#include "repository/object_keys.hpp"
#include "repository/verify_memory.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr unsigned reads_at_once_max = 4;  // of one copy; an object is at most 64 MiB

class Inventory final : public ObjectVisitor {
public:
    bool visit(const ObjectInfo& object) override {
        objects.push_back(object);
        return true;
    }
    std::vector<ObjectInfo> objects;
};

/// One verification of one copy.
class CopyCheck {
public:
    CopyCheck(Repository& repository, const Copy& copy, const VerifyOrder& order, std::optional<ObjectLens> lens,
              VerifyResult& result)
        : repository_{repository}, copy_{copy}, order_{order}, lens_{std::move(lens)}, result_{result} {}

    Task<> take_inventory(std::string folder) {
        Inventory inventory;
        for (const auto* top : {"backup/", "pack/", "log/", "note/", "evidence/"}) {
            co_await copy_.store->list(top + folder + "/", {}, inventory);
        }
        co_await copy_.store->list("config/", {}, inventory);
        for (auto& object : inventory.objects) {
            if (digest_of(object.key)) objects_.push_back(std::move(object));
        }
        for (const auto& object : objects_) sizes_.emplace(object.key.text(), object.size_bytes);
    }

    /// Level 0, for one manifest that this copy has.
    void check_packs_of(const std::string& folder, const BackupId& backup, const format::ManifestStructure& structure) {
        for (const auto& use : structure.packs()) {
            const ObjectKey key{"pack/" + folder + "/" + use.folder() + "/" + to_hex(view_of(use.name()))};
            const auto found = sizes_.find(key.text());
            const auto needed = " and backup " + backup.text() + " needs it";
            if (found == sizes_.end()) {
                damaged(key, "missing," + needed);
            } else if (found->second != use.size()) {
                damaged(key, "it has " + std::to_string(found->second) + " bytes instead of " + std::to_string(use.size()) + "," +
                                 needed);
            }
        }
    }

    bool has(const ObjectKey& key) const { return sizes_.contains(key.text()); }
    void damaged(const ObjectKey& key, std::string what) {
        if (!reported_.insert(key.text()).second) return;
        log(LogLevel::error, copy_.name.text(), key.text() + " is damaged: " + what);
        result_.damaged.push_back({.copy = copy_.name, .key = key, .what = std::move(what)});
    }

    /// Level 1 and 2: reads within the budget.
    Task<> read_objects(std::function<void(std::uint64_t)> read_bytes) {
        const auto path = order_.memory / ("verified-" + copy_.name.text() + "-" + std::to_string(order_.level));
        if (!order_.memory.empty()) {
            memory_ = co_await on_pool(repository_.pools().blocking, [path] { return VerifyMemory::read(path); });
        }
        const auto now = co_await repository_.now();
        auto chosen = choose();
        std::exception_ptr failure;
        try {
            auto check = [&](const ObjectInfo& object) { return check_one(object, now, read_bytes); };
            co_await for_each_limited(reads_at_once_max, chosen, check);
        } catch (const Error&) {
            failure = std::current_exception();  // what was checked until then is kept
        }
        if (!order_.memory.empty()) {
            co_await on_pool(repository_.pools().blocking, [this, path] { memory_.save(path); });
        }
        if (failure) std::rethrow_exception(failure);
    }

    std::uint64_t bytes_to_read() const {
        std::uint64_t bytes = 0;
        for (const auto& object : objects_) bytes += object.size_bytes;
        return std::min(bytes, order_.bytes_max);
    }

private:
    /// Never-checked ones first, newest first; then those whose last check is oldest; as many as the budget allows.
    std::vector<ObjectInfo> choose() {
        struct Candidate {
            std::optional<Instant> checked;
            const ObjectInfo* object;
        };
        std::vector<Candidate> candidates;
        std::vector<Digest> names;
        for (const auto& object : objects_) {
            names.push_back(*digest_of(object.key));
            candidates.push_back({.checked = memory_.find(names.back()), .object = &object});
        }
        memory_.keep_only(names);
        std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
            if (a.checked != b.checked) return a.checked < b.checked;  // nothing sorts before everything
            if (!a.checked && a.object->stored_at != b.object->stored_at) return a.object->stored_at > b.object->stored_at;
            return a.object->key < b.object->key;
        });
        std::vector<ObjectInfo> chosen;
        std::uint64_t bytes = 0;
        for (const auto& candidate : candidates) {
            const auto size = candidate.object->size_bytes;
            if (candidate.checked == VerifyMemory::found_damaged) {
                chosen.push_back(*candidate.object);  // beyond the budget: it stays red until it is healed, and delays nothing
                continue;
            }
            if (size > order_.bytes_max - bytes) {
                ++result_.objects_left;
                result_.bytes_left += size;
                continue;
            }
            bytes += size;
            chosen.push_back(*candidate.object);
        }
        return chosen;
    }

    Task<> check_one(const ObjectInfo& object, Instant now, const std::function<void(std::uint64_t)>& read_bytes) {
        std::optional<std::string> trouble;
        const auto name = *digest_of(object.key);
        std::uint64_t bytes_read = 0;
        try {
            const auto bytes = co_await copy_.store->get(object.key);
            bytes_read = bytes.size();
            auto look = [&]() -> std::optional<std::string> {
                if (sha256(bytes) != name) return "its SHA-256 is not the one in its name";
                try {
                    if (lens_) look_into(object.key, bytes, *lens_);
                } catch (const Error& error) {
                    if (error.fault() == Fault::defect) throw;
                    return error.sentence();
                }
                return std::nullopt;
            };
            trouble = co_await on_pool(repository_.pools().cpu, look);
        } catch (const Error& error) {
            if (error.fault() != Fault::missing && error.fault() != Fault::corrupt) throw;
            trouble = error.sentence();
        }
        ++result_.objects;
        result_.bytes += bytes_read;
        if (trouble) damaged(object.key, *trouble);
        memory_.remember(name, trouble ? VerifyMemory::found_damaged : now);
        read_bytes(bytes_read);
    }

    Repository& repository_;
    const Copy& copy_;
    const VerifyOrder& order_;
    std::optional<ObjectLens> lens_;
    VerifyResult& result_;
    std::vector<ObjectInfo> objects_;
    std::map<std::string, std::uint64_t> sizes_;
    std::set<std::string> reported_;
    VerifyMemory memory_;
};

/// Runs a step of one copy. A copy that cannot answer is said, and the others go on.
Task<bool> answered(Task<> step, const Copy& copy, VerifyResult& result) {
    try {
        co_await std::move(step);
        co_return true;
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        log_failure(LogLevel::error, copy.name.text(), error);
    }
    result.unanswered.push_back(copy.name);
    co_return false;
}

using CopyChecks = std::vector<std::unique_ptr<CopyCheck>>;

/// Each manifest is opened once, from whichever copy has it whole.
Task<> check_names(Repository& repository, SourceName source, std::string folder, const CopyChecks& checks) {
    for (const auto& name : co_await repository.backups(source)) {
        std::optional<std::string> trouble;
        try {
            const auto manifest = co_await repository.manifest(source, name);
            for (const auto& check : checks) {
                if (check->has(name.key)) check->check_packs_of(folder, name.id, manifest.structure);
            }
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt) throw;
            trouble = error.sentence();
        }
        for (const auto& check : checks) {
            if (trouble && check->has(name.key)) check->damaged(name.key, *trouble);
        }
    }
}

}  // namespace

Task<VerifyResult> verify_source(Repository& repository, SourceName source, VerifyOrder order, ReportVerify report) {
    VerifyResult result;
    std::optional<ObjectLens> lens;
    if (order.level >= 2) lens = co_await make_lens(repository, source);
    const auto folder = co_await repository.find_folder(source);
    if (!folder) co_return result;

    CopyChecks checks;
    std::vector<const Copy*> copies;
    for (const auto& copy : repository.copies().all()) {
        auto check = std::make_unique<CopyCheck>(repository, copy, order, lens, result);
        const bool listed = co_await answered(check->take_inventory(*folder), copy, result);
        if (!listed) continue;
        checks.push_back(std::move(check));
        copies.push_back(&copy);
    }
    co_await check_names(repository, source, *folder, checks);

    VerifyProgress progress;
    for (const auto& check : checks) progress.bytes_total += check->bytes_to_read();
    auto read_bytes = [&](std::uint64_t bytes) {
        progress.bytes += bytes;
        if (report) report(progress);
    };
    for (std::size_t i = 0; order.level >= 1 && i < checks.size(); ++i) {
        co_await answered(checks[i]->read_objects(read_bytes), *copies[i], result);
    }
    std::ranges::sort(result.damaged, [](const DamagedObject& a, const DamagedObject& b) {
        return std::tie(a.copy, a.key) < std::tie(b.copy, b.key);
    });
    co_return result;
}

format::EvidenceStructure evidence_of(const VerifyResult& result, const VerifyOrder& order) {
    format::EvidenceStructure evidence;
    evidence.set_kind("verify");
    evidence.set_level(static_cast<std::uint32_t>(order.level));
    evidence.set_ok(result.ok());
    evidence.set_objects(result.objects);
    evidence.set_bytes(result.bytes);
    for (const auto& damage : result.damaged) evidence.add_damaged(damage.key.text());
    std::string text;
    for (const auto& copy : result.unanswered) text += "copy " + copy.text() + " did not answer; ";
    if (result.objects_left > 0) text += std::to_string(result.objects_left) + " objects were left for later";
    evidence.set_text(text);
    return evidence;
}

}  // namespace varve
