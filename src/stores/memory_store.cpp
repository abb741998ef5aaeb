#include "stores/memory_store.hpp"

#include <algorithm>
#include <utility>

#include "stores/byte_range.hpp"
#include "stores/object_key.hpp"
#include "varve/async.hpp"
#include "varve/error.hpp"

namespace varve {

Task<> MemoryStore::put(ObjectKey key, ByteView body, PutOptions) {
    check_key(key);
    co_await check_stop();
    const auto found = objects_.find(key.text());
    if (found == objects_.end()) {
        before_.try_emplace(key.text(), std::nullopt);
        objects_[key.text()] = {to_bytes(body), clock_.now()};
    } else if (!std::ranges::equal(found->second.bytes, body)) {
        throw Error{Fault::conflict, "other bytes are stored under " + key.text()};
    }
}

Task<> MemoryStore::barrier() {
    co_await check_stop();
    before_.clear();
}

Task<Bytes> MemoryStore::get(ObjectKey key, ByteRange range) {
    check_key(key);
    co_await check_stop();
    const auto found = objects_.find(key.text());
    if (found == objects_.end()) throw Error{Fault::missing, "there is no object " + key.text()};
    const auto extent = extent_of(range, found->second.bytes.size());
    co_return to_bytes(ByteView{found->second.bytes}.subspan(extent.from, extent.count));
}

Task<std::optional<ObjectInfo>> MemoryStore::find(ObjectKey key) {
    check_key(key);
    co_await check_stop();
    const auto found = objects_.find(key.text());
    if (found == objects_.end()) co_return std::nullopt;
    co_return ObjectInfo{key, found->second.bytes.size(), found->second.stored_at};
}

Task<> MemoryStore::list(std::string prefix, std::string after, ObjectVisitor& visitor) {
    co_await check_stop();
    auto at = after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(after);
    for (; at != objects_.end() && at->first.starts_with(prefix); ++at) {
        if (!visitor.visit({ObjectKey{at->first}, at->second.bytes.size(), at->second.stored_at})) co_return;
    }
}

Task<> MemoryStore::remove(ObjectKey key) {
    check_key(key);
    co_await check_stop();
    const auto found = objects_.find(key.text());
    if (found == objects_.end()) throw Error{Fault::missing, "there is no object " + key.text()};
    before_.try_emplace(key.text(), std::move(found->second));
    objects_.erase(found);
}

Task<Instant> MemoryStore::now() { co_return clock_.now(); }

void MemoryStore::lose_power() {
    for (auto& [key, object] : std::exchange(before_, {})) {
        objects_.erase(key);
        if (object) objects_.emplace(key, *std::move(object));
    }
}

std::vector<std::string> MemoryStore::keys() const {
    std::vector<std::string> all;
    for (const auto& [key, object] : objects_) all.push_back(key);
    return all;
}

}  // namespace varve
