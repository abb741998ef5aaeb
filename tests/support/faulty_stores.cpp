#include "support/faulty_stores.hpp"

#include <utility>

namespace varve::test {

Task<> HookedStore::put(ObjectKey key, ByteView body, PutOptions options) {
    co_await before("put", key);
    co_await inner_.put(key, body, options);
    co_await after("put", key);
}

Task<> HookedStore::barrier() {
    co_await before("barrier", {});
    co_await inner_.barrier();
    co_await after("barrier", {});
}

Task<Bytes> HookedStore::get(ObjectKey key, ByteRange range) {
    co_await before("get", key);
    auto bytes = co_await inner_.get(key, range);
    co_await after("get", key);
    co_return bytes;
}

Task<std::optional<ObjectInfo>> HookedStore::find(ObjectKey key) {
    co_await before("find", key);
    auto info = co_await inner_.find(key);
    co_await after("find", key);
    co_return info;
}

Task<> HookedStore::list(std::string prefix, std::string after_key, ObjectVisitor& visitor) {
    co_await before("list", ObjectKey{prefix});
    co_await inner_.list(prefix, after_key, visitor);
    co_await after("list", ObjectKey{prefix});
}

Task<> HookedStore::remove(ObjectKey key) {
    co_await before("remove", key);
    co_await inner_.remove(key);
    co_await after("remove", key);
}

Task<Instant> HookedStore::now() {
    co_await before("now", {});
    auto instant = co_await inner_.now();
    co_await after("now", {});
    co_return instant;
}

void FailingAfter::fail(const std::string& call) {
    ++failures_;
    throw Error{options_.fault, "the store failed on purpose at " + call};
}

Task<> FailingAfter::before(std::string call, ObjectKey key) {
    if (call != "now") calls_.push_back(call + " " + key.text());
    if (counts(call) && left_ <= 0 && options_.when == When::before && !(options_.once && failed())) fail(call);
    if (counts(call)) --left_;
    co_return;
}

Task<> FailingAfter::after(std::string call, ObjectKey) {
    if (counts(call) && left_ < 0 && options_.when == When::after && !(options_.once && failed())) fail(call);
    co_return;
}

Task<> GateStore::until_waiting(int count) {
    while (waiting_ < count) co_await changed_.wait();
}

Task<> GateStore::before(std::string call, ObjectKey) {
    if (!only_.empty() && only_ != call) co_return;
    struct Leave {
        int& count;
        ~Leave() { --count; }
    };
    ++waiting_;
    const Leave leave{waiting_};
    changed_.notify();
    while (!open_) co_await changed_.wait();
}

Task<> GateStore::after(std::string, ObjectKey) { co_return; }

Task<Bytes> FlippingStore::get(ObjectKey key, ByteRange range) {
    auto bytes = co_await HookedStore::get(key, range);
    const auto from = range.side == ByteRange::Side::front ? range.from : 0;
    if (key == key_ && offset_ >= from && offset_ - from < bytes.size()) bytes[offset_ - from] ^= 1;
    co_return bytes;
}

Task<> FlippingStore::before(std::string, ObjectKey) { co_return; }
Task<> FlippingStore::after(std::string, ObjectKey) { co_return; }

std::vector<std::string> Listing::keys() const {
    std::vector<std::string> all;
    for (const auto& object : objects) all.push_back(object.key.text());
    return all;
}

Task<std::vector<std::string>> list_keys(Store& store, std::string prefix, std::string after) {
    Listing listing;
    co_await store.list(std::move(prefix), std::move(after), listing);
    co_return listing.keys();
}

}  // namespace varve::test
