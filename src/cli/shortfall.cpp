// Results that were reached and still are less than was asked for: each with its code word and exit code.
#include "cli/format_text.hpp"
#include "cli/results.hpp"
#include "cli/text_findings.hpp"

namespace varve::cli {

std::optional<Error> shortfall_of(const StatusResult& result) {
    for (const auto& source : result.sources) {
        // Of a source without a log nothing goes on between two backups: there the service is not missed at once.
        const bool unwatched = source.state == State::unknown && source.log;
        if (source.state != State::failed && !unwatched) continue;
        auto error = Error{Fault::refused,
                           source.name.text() +
                               (unwatched ? " may not be archived as it should be: " : " is not archived as it should be: ") +
                               source.reason};
        if (!source.next_actions.empty()) error.hint(source.next_actions.front());
        return std::move(error).with("source", source.name.text()).code("source_failed", 20);
    }
    return {};
}

std::optional<Error> shortfall_of(const BackupRunResult& result) {
    for (const auto& made : result.backups) {
        if (!made.partial) continue;
        const auto* worst = first_error(made.findings);
        auto error = Error{Fault::corrupt, "backup " + made.id.text() + " of " + made.source.text() + " is partial" +
                                               (worst == nullptr ? "" : ": " + worst->what)};
        if (worst != nullptr && !worst->remedy.empty()) error.hint(worst->remedy);
        return std::move(error).with("backup", made.id.text()).code("partial", 3);
    }
    for (const auto& made : result.backups) {
        if (made.left_out.empty()) continue;
        return Error{Fault::unreachable,
                     "backup " + made.id.text() + " of " + made.source.text() + " is not in " + joined(texts_of(made.left_out))}
            .hint("Ask for what is wrong with: varve check.")
            .with("backup", made.id.text())
            .code("fewer_copies", 4);
    }
    return {};
}

namespace {

Error check_error(const std::string& who, const std::vector<Finding>& findings) {
    const auto* worst = first_error(findings);
    auto error = Error{Fault::invalid, who + " did not pass" + (worst == nullptr ? "" : ": " + worst->what)};
    if (worst != nullptr && !worst->remedy.empty()) error.hint(worst->remedy);
    return std::move(error).code("check_failed", 1);
}

}  // namespace

std::optional<Error> shortfall_of(const CheckResult& result) {
    for (const auto& row : result.repositories)
        if (!row.ok) return check_error("repository " + row.name.text(), row.findings);
    for (const auto& row : result.sources)
        if (!row.ok) return check_error(row.name.text(), row.findings);
    return {};
}

std::optional<Error> shortfall_of(const VerifyResult& result) {
    if (result.damaged.empty() && result.unanswered.empty()) return {};
    if (result.damaged.empty()) {
        return Error{Fault::unreachable, "repository " + joined(texts_of(result.unanswered)) +
                                             " did not answer to the end: not everything was verified"}
            .hint("Ask for what is wrong with: varve check; then verify again.");
    }
    const auto& first = result.damaged.front();
    return Error{Fault::corrupt, count_text(result.damaged.size(), "object") + " damaged, the first is " + first.key}
        .hint("Another copy of the repository may hold it whole; make a new backup of the sources that need it.")
        .with("key", first.key)
        .code("verification_failed", 21);
}

std::optional<Error> shortfall_of(const WalFetchResult& result) {
    if (result.found) return {};
    return Error{Fault::missing, result.name + " is not in the archive"}.with("name", result.name).code("not_archived", 1);
}

std::optional<Error> shortfall_of(const LogGapsResult& result) {
    if (result.gaps.empty()) return {};
    const auto& first = result.gaps.front();
    return Error{Fault::missing, "the log of " + result.source.text() + " has " + count_text(result.gaps.size(), "gap") +
                                     ", the first from " + first.from}
        .code("log_gap", 20)
        .hint("Instants inside cannot be had; a base backup after the gap makes every later one reachable.");
}

std::optional<Error> shortfall_of(const NotifyTestResult& result) {
    for (const auto& row : result.receivers) {
        if (row.ok) continue;
        auto error = Error{Fault::unreachable, row.receiver + " did not take the test: " + row.problem};
        if (!row.remedy.empty()) error.hint(row.remedy);
        return std::move(error).with("place", row.place).code("notify_failed", 1);
    }
    return {};
}

std::optional<Error> shortfall_of(const ConfigCheckResult& result) {
    if (result.problems.empty()) return {};
    const auto& first = result.problems.front();
    auto error = Error{Fault::invalid, count_text(result.problems.size(), "problem") + " in the configuration, the first at " +
                                           first.place + ": " + first.what};
    if (!first.remedy.empty()) error.hint(first.remedy);
    return std::move(error).with("place", first.place).code("configuration", 2);
}

}  // namespace varve::cli
