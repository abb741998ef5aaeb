#include "repository/verify_copy.hpp"

#include <algorithm>

#include "repository/object_keys.hpp"
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

}  // namespace

CopyCheck::CopyCheck(Repository& repository, const Copy& copy, const VerifyOrder& order, std::optional<ObjectLens> lens,
                     VerifyResult& result)
    : repository_{repository}, copy_{copy}, order_{order}, lens_{std::move(lens)}, result_{result} {}

Task<> CopyCheck::take_inventory(std::string folder) {
    Inventory inventory;
    for (const auto* top : {"backup/", "pack/", "log/", "note/", "evidence/"}) {
        co_await copy_.store->list(top + folder + "/", {}, inventory);
    }
    co_await copy_.store->list("config/", {}, inventory);
    for (auto& object : inventory.objects) {
        if (!digest_of(object.key)) continue;
        place_of_.emplace(object.key.text(), objects_.size());
        objects_.push_back(std::move(object));
    }
    co_await learn_removals();  // after the lists: what is in them and goes meanwhile is no damage
}

Task<> CopyCheck::learn_removals() {
    try {
        removals_ = co_await CollectHistory::read(repository_, copy_);
        unknown_removals_ = false;
    } catch (const Error& error) {
        if (error.code_word() != "wrong_key") throw;
        unknown_removals_ = true;
    }
}

const ObjectInfo* CopyCheck::find(const ObjectKey& key) const {
    const auto found = place_of_.find(key.text());
    return found == place_of_.end() ? nullptr : &objects_[found->second];
}

void CopyCheck::damaged(const ObjectKey& key, std::string what) {
    if (!reported_.insert(key.text()).second) return;
    log(LogLevel::error, copy_.name.text(), key.text() + " is damaged: " + what);
    result_.damaged.push_back({.copy = copy_.name, .key = key, .what = std::move(what)});
}

void CopyCheck::lost(const ObjectKey& key, std::string what) {
    if (const auto name = digest_of(key)) lost_.remember(*name, VerifyMemory::found_damaged);
    damaged(key, std::move(what));
}

void CopyCheck::did_not_answer(const Error& error) {
    if (!std::exchange(answers_, false)) return;
    log_failure(LogLevel::error, copy_.name.text(), error);
    result_.unanswered.push_back(copy_.name);
}

Task<> CopyCheck::remember_lost() const {
    if (order_.memory.empty()) co_return;
    const auto path = verify_memory_file(order_.memory, copy_.name, 0);
    co_await on_pool(repository_.pools().blocking, [path, memory = lost_] { memory.save(path); });
}

Task<> CopyCheck::read_objects(std::function<void(std::uint64_t)> read_bytes) {
    const auto path = verify_memory_file(order_.memory, copy_.name, order_.level);
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

std::uint64_t CopyCheck::bytes_to_read() const {
    std::uint64_t bytes = 0;
    for (const auto& object : objects_) bytes += object.size_bytes;
    return std::min(bytes, order_.bytes_max);
}

/// Never-checked ones first, newest first; then those whose last check is oldest; as many as the budget allows.
std::vector<ObjectInfo> CopyCheck::choose() {
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
        // A budget below the size of one object would otherwise never come past that object.
        const bool first = bytes == 0 && order_.bytes_max > 0;
        if (!first && size > order_.bytes_max - std::min(bytes, order_.bytes_max)) {
            ++result_.objects_left;
            result_.bytes_left += size;
            continue;
        }
        bytes += size;
        chosen.push_back(*candidate.object);
    }
    return chosen;
}

Task<> CopyCheck::check_one(const ObjectInfo& object, Instant now, const std::function<void(std::uint64_t)>& read_bytes) {
    std::optional<std::string> trouble;
    bool missing = false;
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
        missing = error.fault() == Fault::missing;
        trouble = error.sentence();
    }
    if (missing) {
        co_await learn_removals();
        if (may_be_gone(object.key)) co_return;
    }
    ++result_.objects;
    result_.bytes += bytes_read;
    if (trouble) damaged(object.key, *trouble);
    memory_.remember(name, trouble ? VerifyMemory::found_damaged : now);
    read_bytes(bytes_read);
}

}  // namespace varve
