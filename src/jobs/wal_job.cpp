#include "jobs/wal_job.hpp"

#include <nlohmann/json.hpp>

#include "pipeline/log_shipper.hpp"
#include "policy/backoff.hpp"
#include "repository/log_store.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

constexpr unsigned fetch_tries = 5;

/// A lineage of its own for bytes that contradict the archive: named after them, so that pushing them again changes nothing.
Lineage forked(Lineage lineage, const Digest& digest) {
    lineage.parent.reset();
    lineage.facts["forked_from"] = lineage.name.text();
    lineage.name = LineageName{lineage.name.text() + "/fork-" + to_hex(digest).substr(0, 8)};
    return lineage;
}

/// One file through a shipper of its own.
Task<> store_file(JobContext& context, Source& source, LogFile file, Bytes bytes, std::chrono::microseconds patience) {
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup group{executor};
    LogStore store{context.repository, source.setup.name, source.setup.driver, context.clock, group};
    LogShipper shipper{executor, context.clock, store, {}, source.setup.name};
    bool stored = false;
    auto ship = [&]() -> Task<> {
        group.spawn(shipper.run());
        co_await shipper.begin_lineage(file.lineage);
        LogRun run;
        run.first = {file.lineage.name, file.from, {}};
        run.last = {file.lineage.name, file.to, {}};
        run.bytes = std::move(bytes);
        run.moments = std::move(file.moments);
        run.last_whole = file.last_whole;
        co_await shipper.append(std::move(run));
        stored = co_await shipper.drain(patience);
        group.request_stop();
    };
    co_await group.run(ship());
    if (!stored)
        throw Error{Fault::overloaded, "the segment was not durable on every required repository in time"}.hint(
            "The server keeps it and tries again; varve status names the repository that is behind.");
}

Task<> wait_until_durable(JobContext& context, LogFollower& follower, std::uint64_t to, std::chrono::microseconds patience) {
    const auto until = context.clock.now() + patience;
    for (;;) {
        const auto durable = follower.state().durable;
        if (durable && durable->at >= to) co_return;
        if (context.clock.now() > until)
            throw Error{Fault::overloaded, "the segment was received but is not durable on every required repository yet"}.hint(
                "The server keeps it and tries again; varve status names the repository that is behind.");
        co_await follower.seal();
        co_await context.clock.sleep_for(std::chrono::milliseconds{20});
    }
}

LineagePath newest_path(const LogCatalog& catalog) {
    const auto tip = catalog.tip();
    if (!tip) return {};
    LineagePath path;
    const auto* lineage = catalog.find(tip->lineage.name);
    std::uint64_t to = tip->position.at;
    while (lineage != nullptr) {
        std::uint64_t from = lineage->lineage.begins_at;
        for (const auto& stretch : lineage->stretches)
            if (stretch.to >= to || &stretch == &lineage->stretches.back()) from = std::min(stretch.from, to);
        path.insert(path.begin(), LineageStretch{.lineage = lineage->lineage, .from = from, .to = to});
        if (!lineage->lineage.parent) break;
        to = lineage->lineage.parent->at;
        lineage = catalog.find(lineage->lineage.parent->lineage);
    }
    return path;
}

json document_of(const Lineage& lineage) {
    json document = {{"name", lineage.name.text()}, {"begins_at", lineage.begins_at}, {"facts", lineage.facts}};
    if (lineage.parent)
        document["parent"] = {
            {"lineage", lineage.parent->lineage.text()}, {"at", lineage.parent->at}, {"text", lineage.parent->text}};
    return document;
}

Lineage lineage_of(const json& document) {
    Lineage lineage{.name = LineageName{document.at("name").get<std::string>()},
                    .begins_at = document.at("begins_at"),
                    .parent = {},
                    .facts = document.at("facts").get<Properties>()};
    if (document.contains("parent")) {
        const auto& parent = document["parent"];
        lineage.parent = LogPosition{LineageName{parent.at("lineage").get<std::string>()}, parent.at("at"), parent.at("text")};
    }
    return lineage;
}

}  // namespace

Task<PushReport> push_log_file(JobContext& context, Source& source, LogFollower* follower, std::filesystem::path path,
                               std::chrono::microseconds patience) {
    auto file = co_await source.driver->identify_log_file(path);
    PushReport report{.outcome = PushReport::Outcome::not_needed, .lineage = file.lineage.name.text()};
    // A history file's content travels in the facts of its lineage, with every log object of it.
    if (file.kind != LogFile::Kind::run) co_return report;
    auto read = [path] { return read_file(path, 1ULL << 30); };
    auto bytes = co_await on_pool(context.pools.blocking, read);
    const auto digest = sha256(bytes);
    const auto known = follower != nullptr ? follower->segment_hash(file.lineage.name, file.from, file.to) : std::nullopt;
    if (known && *known == digest) {
        co_await wait_until_durable(context, *follower, file.to, patience);
        report.outcome = PushReport::Outcome::already_archived;
        co_return report;
    }
    report.outcome = PushReport::Outcome::stored;
    if (known) {
        report.outcome = PushReport::Outcome::forked;
        file.lineage = forked(std::move(file.lineage), digest);
        report.lineage = file.lineage.name.text();
        log(LogLevel::error, source.setup.name.text(),
            path.filename().string() +
                " was handed over with other bytes than the server streamed: both are kept, the pushed ones as " +
                report.lineage);
    }
    co_await store_file(context, source, std::move(file), std::move(bytes), patience);
    co_return report;
}

void write_fetch_plan(const std::filesystem::path& file, const FetchPlan& plan) {
    json stretches = json::array();
    for (const auto& stretch : plan.path)
        stretches.push_back({{"lineage", document_of(stretch.lineage)}, {"from", stretch.from}, {"to", stretch.to}});
    const json document = {{"schema", 1}, {"source", plan.source.text()}, {"config", plan.config.string()}, {"path", stretches}};
    // The server reads it as its own user; it holds positions and no secret.
    replace_file(file, view_of(document.dump(1)), 0644);
}

FetchPlan read_fetch_plan(const std::filesystem::path& file) {
    const auto text = read_file(file);
    FetchPlan plan;
    try {
        const auto document = json::parse(text.begin(), text.end());
        plan.config = document.at("config").get<std::string>();
        plan.source = SourceName{document.at("source").get<std::string>()};
        for (const auto& stretch : document.at("path"))
            plan.path.push_back(
                {.lineage = lineage_of(stretch.at("lineage")), .from = stretch.at("from"), .to = stretch.at("to")});
    } catch (const json::exception& error) {
        throw Error{Fault::invalid, file.string() + " is not a fetch plan: " + error.what()}.hint(
            "It is written by varve restore run.");
    }
    return plan;
}

Task<bool> fetch_log_file(JobContext& context, Source& source, std::optional<LineagePath> path, std::string name,
                          std::filesystem::path to) {
    Backoff backoff;
    for (unsigned tries = 1;; ++tries) {
        std::chrono::microseconds pause{};
        try {
            // The listing is complete or it throws: only then can absence be positive.
            const auto catalog = co_await LogCatalog::read(context.repository, source.setup.name);
            const auto log = make_log_source(context.repository, source.setup.name, catalog, path ? *path : newest_path(catalog));
            co_return co_await source.driver->fetch_log_file(name, to, *log);
        } catch (const Error& error) {
            if (!error.retryable() || tries == fetch_tries) throw;
            backoff.failed();
            pause = backoff.pause(context.chance());
        }
        co_await context.clock.sleep_for(pause);
    }
}

}  // namespace varve
