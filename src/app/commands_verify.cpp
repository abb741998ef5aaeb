#include <algorithm>

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
        result.damaged.push_back(
            {.key = damage.key.text(), .what = damage.copy.text() + ": " + damage.what, .backups = damage.backups});
    for (const auto& copy : verified.unanswered) {
        result.whole = false;
        const bool said = std::ranges::find(result.unanswered, copy) != result.unanswered.end();
        if (!said) result.unanswered.push_back(copy);
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

/// A folder whose source is unknown has a place of its own: no source has such a name.
std::filesystem::path memory_of(const App& app, const VerifySubject& subject) {
    return subject.source ? app.state_of(*subject.source) : app.config().state_dir / "sources" / subject.folder;
}

}  // namespace

Task<cli::VerifyResult> verify(App& app, cli::VerifyRequest request) {
    const auto began = std::chrono::steady_clock::now();
    cli::VerifyResult result;
    result.level = request.level;
    auto left = request.budget.value_or(UINT64_MAX);
    auto& repository = app.jobs().repository;
    std::vector<SourceName> configured;
    for (const auto& source : app.config().sources) configured.push_back(source.name);
    for (const auto& subject : co_await verify_subjects(repository, std::move(configured))) {
        const VerifyOrder order{.level = request.level, .bytes_max = left, .memory = memory_of(app, subject)};
        const auto verified = co_await verify_subject(repository, subject, order);
        result.backups += verified.backups;
        if (left != UINT64_MAX) left -= std::min(left, verified.bytes);
        add(result, verified);
        if (subject.source) co_await put_evidence(app, *subject.source, verified, order);
    }
    result.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    co_return result;
}

}  // namespace varve
