#include "stores/retrying_store.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {
namespace {

/// Passes on what a listing visits and remembers how far it came, so that the next try goes on from there.
class Resuming final : public ObjectVisitor {
public:
    Resuming(ObjectVisitor& inner, std::string after) : inner_{inner}, after_{std::move(after)} {}
    bool visit(const ObjectInfo& object) override {
        after_ = object.key.text();
        return inner_.visit(object);
    }
    const std::string& after() const noexcept { return after_; }

private:
    ObjectVisitor& inner_;
    std::string after_;
};

bool may_help(const Error& error) { return error.retryable() && error.code_word().empty(); }

}  // namespace

RetryingStore::RetryingStore(std::shared_ptr<Store> inner, Clock& clock, std::string name, RetryLimits limits, std::uint64_t seed)
    : inner_{std::move(inner)}, clock_{clock}, name_{std::move(name)}, limits_{limits}, random_{seed} {}

std::chrono::microseconds RetryingStore::pause_after(unsigned try_number) {
    const auto doubled = limits_.first_pause * (std::int64_t{1} << std::min(try_number - 1, 20u));
    const std::chrono::microseconds whole = std::min(doubled, limits_.pause_max);
    return whole / 2 + whole * std::uniform_int_distribution<>{0, 1000}(random_) / 2000;
}

Task<> RetryingStore::repeat(std::string step, std::function<Task<>(unsigned)> call) {
    for (unsigned try_number = 1;; ++try_number) {
        std::optional<Error> failure;
        try {
            co_await call(try_number);
        } catch (Error& error) {
            if (!may_help(error) || try_number >= limits_.tries_max) {
                if (try_number > 1) error.with("tries", std::to_string(try_number));
                throw;
            }
            failure = error;
        }
        if (!failure) co_return;
        const auto pause = pause_after(try_number);
        const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(pause).count();
        log(LogLevel::warning, name_, step + " is tried again in " + std::to_string(milliseconds) + " ms: " + failure->what());
        ++retries_;
        co_await clock_.sleep_for(pause);
    }
}

Task<> RetryingStore::put(ObjectKey key, ByteView body, PutOptions options) {
    auto call = [&](unsigned) { return inner_->put(key, body, options); };
    co_await repeat("storing " + key.text(), call);
}

Task<> RetryingStore::barrier() { co_await inner_->barrier(); }

Task<Bytes> RetryingStore::get(ObjectKey key, ByteRange range) {
    Bytes bytes;
    auto call = [&](unsigned) -> Task<> { bytes = co_await inner_->get(key, range); };
    co_await repeat("reading " + key.text(), call);
    co_return bytes;
}

Task<std::optional<ObjectInfo>> RetryingStore::find(ObjectKey key) {
    std::optional<ObjectInfo> info;
    auto call = [&](unsigned) -> Task<> { info = co_await inner_->find(key); };
    co_await repeat("looking for " + key.text(), call);
    co_return info;
}

Task<> RetryingStore::list(std::string prefix, std::string after, ObjectVisitor& visitor) {
    Resuming resuming{visitor, std::move(after)};
    auto call = [&](unsigned) { return inner_->list(prefix, resuming.after(), resuming); };
    co_await repeat("listing " + prefix, call);
}

Task<> RetryingStore::remove(ObjectKey key) {
    auto call = [&](unsigned try_number) -> Task<> {
        try {
            co_await inner_->remove(key);
        } catch (const Error& error) {
            // The try before may have removed it although its answer was lost.
            if (error.fault() != Fault::missing || try_number == 1) throw;
        }
    };
    co_await repeat("removing " + key.text(), call);
}

Task<Instant> RetryingStore::now() {
    Instant instant;
    auto call = [&](unsigned) -> Task<> { instant = co_await inner_->now(); };
    co_await repeat("asking for the time", call);
    co_return instant;
}

}  // namespace varve
