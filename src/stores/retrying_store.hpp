/// Tries again what may succeed when it is sent again, with growing pauses. One of the four places that catch.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "varve/clock.hpp"
#include "varve/store.hpp"

namespace varve {

struct RetryLimits {
    unsigned tries_max = 6;
    std::chrono::milliseconds first_pause{250};  ///< doubled after each try; half of each pause is chance
    std::chrono::milliseconds pause_max{30'000};
};

/// Repeats a call that failed with a retryable fault, unless the error carries a code word: then it is an answer and no hiccup.
/// A barrier is never repeated. io thread only.
class RetryingStore final : public Store {
public:
    /// `name` is said in the log: which repository it is.
    RetryingStore(std::shared_ptr<Store> inner, Clock& clock, std::string name, RetryLimits limits = {},
                  std::uint64_t seed = std::random_device{}());

    StoreTraits traits() const noexcept override { return inner_->traits(); }
    Task<> put(ObjectKey key, ByteView body, PutOptions options = {}) override;
    Task<> barrier() override;
    Task<Bytes> get(ObjectKey key, ByteRange range = ByteRange::all()) override;
    Task<std::optional<ObjectInfo>> find(ObjectKey key) override;
    Task<> list(std::string prefix, std::string after, ObjectVisitor& visitor) override;
    Task<> remove(ObjectKey key) override;
    Task<Instant> now() override;
    /// Calls that were sent again, so far.
    std::uint64_t retries() const noexcept { return retries_; }

private:
    Task<> repeat(std::string step, std::function<Task<>(unsigned try_number)> call);
    std::chrono::microseconds pause_after(unsigned try_number);

    std::shared_ptr<Store> inner_;
    Clock& clock_;
    std::string name_;
    RetryLimits limits_;
    std::mt19937_64 random_;
    std::uint64_t retries_ = 0;
};

}  // namespace varve
