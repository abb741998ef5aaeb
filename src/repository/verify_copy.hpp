/// One verification of one copy: what it holds, and what of it is good. For the files of this folder.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "repository/collect_history.hpp"
#include "repository/object_check.hpp"
#include "repository/verify.hpp"
#include "repository/verify_memory.hpp"

namespace varve {

/// io thread.
class CopyCheck {
public:
    CopyCheck(Repository& repository, const Copy& copy, const VerifyOrder& order, std::optional<ObjectLens> lens,
              VerifyResult& result);

    /// Manifests before packs: a backup that is committed meanwhile is not missed half.
    Task<> take_inventory(std::string folder);
    const Copy& copy() const noexcept { return copy_; }
    /// In the order of the inventory.
    const std::vector<ObjectInfo>& objects() const noexcept { return objects_; }
    const ObjectInfo* find(const ObjectKey& key) const;

    /// Whether a collector removed it from this copy, or may be about to.
    bool was_swept(const ObjectKey& key) const { return removals_.may_be_gone(key.text()); }
    /// The same of what is missing: without a key that opens the collectors' records, it may have been.
    bool may_be_gone(const ObjectKey& key) const { return unknown_removals_ || was_swept(key); }
    bool may_be_gone(const Digest& manifest) const { return unknown_removals_ || removals_.may_be_gone(manifest); }

    void damaged(const ObjectKey& key, std::string what);
    /// As damaged(); and by its name alone no new backup may rely on it.
    void lost(const ObjectKey& key, std::string what);
    /// The rest of this copy is not known. Once.
    void did_not_answer(const Error& error);
    bool answers() const noexcept { return answers_; }

    /// Keeps what was lost(), for the next backup.
    Task<> remember_lost() const;
    /// Level 1 and 2: reads within the budget.
    Task<> read_objects(std::function<void(std::uint64_t)> read_bytes);
    std::uint64_t bytes_to_read() const;

private:
    Task<> learn_removals();
    std::vector<ObjectInfo> choose();
    Task<> check_one(const ObjectInfo& object, Instant now, const std::function<void(std::uint64_t)>& read_bytes);

    Repository& repository_;
    const Copy& copy_;
    const VerifyOrder& order_;
    std::optional<ObjectLens> lens_;
    VerifyResult& result_;
    std::vector<ObjectInfo> objects_;
    std::map<std::string, std::size_t> place_of_;  // in objects_, by key
    std::set<std::string> reported_;
    VerifyMemory lost_, memory_;
    CollectHistory removals_;
    bool unknown_removals_ = false;
    bool answers_ = true;
};

using CopyChecks = std::vector<std::unique_ptr<CopyCheck>>;

}  // namespace varve
