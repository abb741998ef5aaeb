/// The contract of a store: one flat set of write-once objects under string keys. See docs/repository-format.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "varve/bytes.hpp"
#include "varve/clock.hpp"
#include "varve/names.hpp"
#include "varve/task.hpp"

namespace varve {

/// Probed facts. A caller chooses by these and never by the store's kind.
struct StoreTraits {
    bool creates_if_absent = false;  ///< a second put under one key is refused by the store itself
    bool locks_objects = false;      ///< a retention lock is honoured
    unsigned parallel_requests = 1;  ///< how many calls at once still help
};

struct ObjectInfo {
    ObjectKey key;
    std::uint64_t size_bytes = 0;
    Instant stored_at;  ///< by the store's clock
};

/// The part of an object that is wanted: `count` bytes from `from`, or the last `count` bytes; by default all.
struct ByteRange {
    enum class Side { front, back };
    Side side = Side::front;
    std::uint64_t from = 0;
    std::uint64_t count = UINT64_MAX;

    static ByteRange all() { return {}; }
    static ByteRange last(std::uint64_t count) { return {.side = Side::back, .from = 0, .count = count}; }
    static ByteRange at(std::uint64_t from, std::uint64_t count) { return {.side = Side::front, .from = from, .count = count}; }
};

struct PutOptions {
    std::optional<Instant> locked_until;  ///< a retention lock, where the store has them
};

class ObjectVisitor {
public:
    virtual ~ObjectVisitor() = default;
    /// False ends the listing.
    virtual bool visit(const ObjectInfo& object) = 0;
};

/// One place where objects are kept. Every method may be called from several tasks at once, on the io thread.
/// Errors: unreachable and overloaded may be retried; denied; corrupt; missing only from get and remove.
class Store {
public:
    virtual ~Store() = default;

    virtual StoreTraits traits() const noexcept = 0;

    /// Creates `key` with `body`, or finds it there with the same bytes: both are success. Other bytes there: Fault::conflict,
    /// and nothing is changed. The object is durable when this, and the next barrier(), have ended. A failure leaves nothing
    /// visible under `key`, or the whole object. `body` must stay valid until the task ends.
    virtual Task<> put(ObjectKey key, ByteView body, PutOptions options = {}) = 0;

    /// Ends when everything put before it began is durable. After a failure the store object refuses every call:
    /// what was put since the last barrier must be put again from its source, through a new store object.
    virtual Task<> barrier() = 0;

    /// The bytes asked for; fewer only where the object ends. Fault::missing when there is no such object.
    virtual Task<Bytes> get(ObjectKey key, ByteRange range = ByteRange::all()) = 0;

    /// What is known of `key`, or nothing when the store answered that it is not there.
    virtual Task<std::optional<ObjectInfo>> find(ObjectKey key) = 0;

    /// Visits every object whose key begins with `prefix` and sorts after `after`, in byte order of keys.
    /// A listing that cannot be completed throws: it never looks like a short one.
    virtual Task<> list(std::string prefix, std::string after, ObjectVisitor& visitor) = 0;

    /// Fault::missing when it is not there. Durable after the next barrier().
    virtual Task<> remove(ObjectKey key) = 0;

    /// The store's clock.
    virtual Task<Instant> now() = 0;
};

}  // namespace varve
