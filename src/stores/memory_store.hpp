/// A store that lasts as long as its object: for tests and for trying things out. It forgets what was never made durable, on
/// request.
#pragma once

#include <map>
#include <string>

#include "varve/clock.hpp"
#include "varve/store.hpp"

namespace varve {

class MemoryStore final : public Store {
public:
    explicit MemoryStore(Clock& clock) : clock_{clock} {}

    StoreTraits traits() const noexcept override {
        return {.creates_if_absent = true, .locks_objects = false, .parallel_requests = 64};
    }
    Task<> put(ObjectKey key, ByteView body, PutOptions options = {}) override;
    Task<> barrier() override;
    Task<Bytes> get(ObjectKey key, ByteRange range = ByteRange::all()) override;
    Task<std::optional<ObjectInfo>> find(ObjectKey key) override;
    Task<> list(std::string prefix, std::string after, ObjectVisitor& visitor) override;
    Task<> remove(ObjectKey key) override;
    Task<Instant> now() override;

    /// A power cut at its worst: what was put since the last barrier is gone, what was removed since is back.
    void lose_power();
    /// The bytes of an object, to look at or to damage; they must be there.
    Bytes& bytes_of(const ObjectKey& key) { return objects_.at(key.text()).bytes; }
    std::size_t size() const noexcept { return objects_.size(); }
    std::vector<std::string> keys() const;

private:
    struct Object {
        Bytes bytes;
        Instant stored_at;
    };
    Clock& clock_;
    std::map<std::string, Object> objects_;
    std::map<std::string, std::optional<Object>> before_;  // what stood under the keys changed since the last barrier
};

}  // namespace varve
