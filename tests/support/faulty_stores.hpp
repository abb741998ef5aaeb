/// Stores that misbehave on request, around one that behaves.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "varve/async.hpp"
#include "varve/error.hpp"
#include "varve/store.hpp"

namespace varve::test {

/// Forwards every call, and asks before() and after() around each. `call` is the method's name.
class HookedStore : public Store {
public:
    explicit HookedStore(Store& inner) : inner_{inner} {}

    StoreTraits traits() const noexcept override { return inner_.traits(); }
    Task<> put(ObjectKey key, ByteView body, PutOptions options = {}) override;
    Task<> barrier() override;
    Task<Bytes> get(ObjectKey key, ByteRange range = ByteRange::all()) override;
    Task<std::optional<ObjectInfo>> find(ObjectKey key) override;
    Task<> list(std::string prefix, std::string after, ObjectVisitor& visitor) override;
    Task<> remove(ObjectKey key) override;
    Task<Instant> now() override;

protected:
    virtual Task<> before(std::string call, ObjectKey key) = 0;
    virtual Task<> after(std::string call, ObjectKey key) = 0;

private:
    Store& inner_;
};

/// Lets `calls` calls through. The next one fails: before or after its work was done; and so do all later ones, unless `once`.
/// now() does not count.
class FailingAfter final : public HookedStore {
public:
    enum class When { before, after };
    struct Options {
        When when = When::before;
        Fault fault = Fault::unreachable;
        bool once = false;
        std::string only{};  ///< counts and fails this method only: "put"
    };
    FailingAfter(Store& inner, int calls) : FailingAfter{inner, calls, Options{}} {}
    FailingAfter(Store& inner, int calls, Options options) : HookedStore{inner}, left_{calls}, options_{std::move(options)} {}

    bool failed() const noexcept { return failures_ > 0; }
    int failures() const noexcept { return failures_; }
    /// What was called, in order: "put pack/…". For tests of an order of steps.
    const std::vector<std::string>& calls() const noexcept { return calls_; }

private:
    Task<> before(std::string call, ObjectKey key) override;
    Task<> after(std::string call, ObjectKey key) override;
    bool counts(const std::string& call) const { return call != "now" && (options_.only.empty() || options_.only == call); }
    void fail(const std::string& call);

    int left_;
    Options options_;
    int failures_ = 0;
    std::vector<std::string> calls_;
};

/// Holds every call (or those of one method) back until it is opened. waiting() says how many stand there.
class GateStore final : public HookedStore {
public:
    GateStore(Store& inner, asio::any_io_executor executor, std::string only = {})
        : HookedStore{inner}, changed_{std::move(executor)}, only_{std::move(only)} {}

    int waiting() const noexcept { return waiting_; }
    /// Ends when at least `count` calls stand at the gate.
    Task<> until_waiting(int count);
    void close() { open_ = false; }
    void open() {
        open_ = true;
        changed_.notify();
    }

private:
    Task<> before(std::string call, ObjectKey key) override;
    Task<> after(std::string call, ObjectKey key) override;

    Signal changed_;
    std::string only_;
    bool open_ = false;
    int waiting_ = 0;
};

/// Gives the object under `key` back with one bit turned.
class FlippingStore final : public HookedStore {
public:
    FlippingStore(Store& inner, ObjectKey key, std::uint64_t offset)
        : HookedStore{inner}, key_{std::move(key)}, offset_{offset} {}
    Task<Bytes> get(ObjectKey key, ByteRange range = ByteRange::all()) override;

private:
    Task<> before(std::string call, ObjectKey key) override;
    Task<> after(std::string call, ObjectKey key) override;

    ObjectKey key_;
    std::uint64_t offset_;
};

/// Everything a listing visits.
class Listing final : public ObjectVisitor {
public:
    explicit Listing(std::size_t objects_max = SIZE_MAX) : objects_max_{objects_max} {}
    bool visit(const ObjectInfo& object) override {
        objects.push_back(object);
        return objects.size() < objects_max_;
    }
    std::vector<std::string> keys() const;

    std::vector<ObjectInfo> objects;

private:
    std::size_t objects_max_;
};

/// The keys below `prefix` after `after`.
Task<std::vector<std::string>> list_keys(Store& store, std::string prefix = {}, std::string after = {});

}  // namespace varve::test
