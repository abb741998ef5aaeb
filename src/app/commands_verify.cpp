#include "app/commands.hpp"
#include "repository/verify.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

void add(cli::VerifyResult& result, const VerifyResult& verified) {
    result.objects += verified.objects;
    result.bytes_read += verified.bytes;
    if (verified.objects_left > 0) result.whole = false;
    for (const auto& damage : verified.damaged)
        result.damaged.push_back({.key = damage.key.text(), .what = damage.copy.text() + ": " + damage.what, .backups = {}});
    for (const auto& copy : verified.unanswered) {
        result.whole = false;
        result.damaged.push_back(
            {.key = {}, .what = copy.text() + " did not answer to the end: nothing is known of the rest", .backups = {}});
    }
}

/// Evidence is worth having, and a host without the key that signs it may verify all the same.
Task<> put_evidence(App& app, SourceName source, const VerifyResult& verified, const VerifyOrder& order) {
    auto& repository = app.jobs().repository;
    if (!repository.keys().host || !repository.keys().archive) co_return;
    try {
        co_await repository.put_evidence(source, evidence_of(verified, order));
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        log_failure(LogLevel::warning, source.text(), error);
    }
}

}  // namespace

Task<cli::VerifyResult> verify(App& app, cli::VerifyRequest request) {
    const auto began = std::chrono::steady_clock::now();
    cli::VerifyResult result;
    result.level = request.level;
    auto left = request.budget.value_or(UINT64_MAX);
    for (const auto& source : co_await app.jobs().repository.sources()) {
        const VerifyOrder order{.level = request.level, .bytes_max = left, .memory = app.state_of(source)};
        const auto verified = co_await verify_source(app.jobs().repository, source, order);
        result.backups += (co_await app.jobs().repository.backups(source)).size();
        if (left != UINT64_MAX) left -= std::min(left, verified.bytes);
        add(result, verified);
        co_await put_evidence(app, source, verified, order);
    }
    result.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    co_return result;
}

}  // namespace varve
