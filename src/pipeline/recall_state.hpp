/// What the parts of a Recall share. For the recall_*.cpp files.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/pack_shelf.hpp"
#include "pipeline/recall.hpp"
#include "pipeline/recall_list.hpp"
#include "pipeline/wanted_chunks.hpp"

namespace varve {

/// Wanted chunks are gathered this many at a time: 72 bytes each, and a pack is fetched once for all of them.
inline constexpr std::size_t wanted_at_once = 1u << 20;

struct Recall::State {
    State(Pools& pools_given, PackOrigin& origin, RecallPlan plan_given);

    /// The file list; read when it is first asked for.
    Task<std::shared_ptr<const RecallList>> list();
    /// How many packs may be in memory together.
    unsigned packs_at_once() const;

    Pools& pools;
    RecallPlan plan;
    PackShelf shelf;
    RecallProgress progress;

private:
    std::shared_ptr<const RecallList> list_;
    bool loading_ = false;
    std::optional<Signal> loaded_;
};

/// What is damaged and which files it harms. io thread.
class DamageReport {
public:
    /// `what` names the pack.
    void add(const std::string& what, const std::string& path);
    /// One for each thing that is damaged: "pack …: it is not what was stored; harms a, b and 3 more files".
    std::vector<std::string> sentences() const;

private:
    std::map<std::string, std::set<std::string>> harmed_;
};

/// Whether a failure is about what is stored, and not about reaching it.
bool is_damage(const Error& error) noexcept;

}  // namespace varve
