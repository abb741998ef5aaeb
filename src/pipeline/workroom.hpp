/// The io thread's side of storing chunks: which jobs may run, what memory they may use, and where full packs go.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pipeline/chunk_bench.hpp"
#include "pipeline/pack_destination.hpp"
#include "varve/async.hpp"

namespace varve {

/// What a job is given on the cpu pool, and what it gives back through references that its coroutine keeps.
using ChunkJob = std::function<void(ChunkBench&)>;

struct WorkroomLimits {
    std::uint64_t memory_max = 192u << 20;
    unsigned workers = 1;  ///< threads of the cpu pool
};

/// Memory: a third of it is for what was read and is not yet stored, the rest for packs. A job holds an open pack and room for
/// the one that follows when it becomes full; a full pack holds its room until it was taken by the destination. Who holds pack
/// room never waits for read room, so the two cannot block each other.
class Workroom {
public:
    /// The most that one job may store; larger ones would fill more than one pack.
    static constexpr std::size_t job_bytes_max = 8u << 20;

    /// `group` must be running whenever jobs are: full packs are put by its children.
    Workroom(asio::any_io_executor executor, Pools& pools, PackDestination& destination, std::shared_ptr<ChunkRules> rules,
             WorkroomLimits limits, TaskGroup& group);

    Workroom(const Workroom&) = delete;
    Workroom& operator=(const Workroom&) = delete;

    /// Room for `bytes` of input, to be held until the job that stores them has ended.
    Task<Budget::Share> room(std::uint64_t bytes) { return input_room_.take(bytes); }
    /// Runs `job` on the cpu pool at a bench of its own; full packs are on their way when this returns. `stores`: about how many
    /// plaintext bytes it stores at most.
    Task<> work(std::uint64_t stores, ChunkJob job);
    /// Ends every open pack. No job may be running. What was put is stored once the group was joined.
    Task<> close_packs();

    unsigned jobs_max() const noexcept { return jobs_max_; }
    Pools& pools() noexcept { return pools_; }
    /// This backup's packs, by number after the index's. Complete once the group was joined: Fault::defect when one is not there.
    const std::vector<StoredPack>& new_packs() const;
    std::uint64_t bytes_stored() const noexcept { return bytes_stored_; }

private:
    /// A bench and the room of its open pack. Jobs share the bench only: shares belong to the io thread, and a job's closure may
    /// be the last thing to go on the pool's.
    struct Place {
        std::shared_ptr<ChunkBench> bench;
        std::vector<Budget::Share> room;
    };

    std::unique_ptr<Place> take_place();
    void give_back(std::unique_ptr<Place> place);
    Task<> put(ClosedPack pack, Budget::Share room);
    std::size_t packs_held(std::uint64_t stores) const;

    Pools& pools_;
    PackDestination& destination_;
    std::shared_ptr<ChunkRules> rules_;
    TaskGroup& group_;
    unsigned jobs_max_;
    Budget slots_, input_room_, pack_room_;
    std::vector<std::unique_ptr<Place>> free_;  ///< the last one used is the next: few packs stay open
    std::vector<StoredPack> new_packs_;
    std::uint64_t bytes_stored_ = 0;
};

}  // namespace varve
