#include "jobs/backup_job.hpp"

#include "jobs/check_job.hpp"
#include "jobs/source_memory.hpp"
#include "repository/verify_memory.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr std::uint64_t gib = 1ULL << 30;
constexpr std::chrono::milliseconds progress_pause{500};

std::filesystem::path adopted_file(const SourceSetup& setup) { return setup.state_dir / "adopted-identity"; }

std::uint32_t page_chunk_bytes_for(std::uint64_t source_bytes) {
    if (source_bytes < 50 * gib) return 64U << 10;
    return source_bytes < 500 * gib ? 128U << 10 : 256U << 10;
}

/// Page chunks keep their size for a month, so that its backups share them.
std::uint32_t page_chunk_bytes(const std::optional<RememberedBackup>& previous, const BackupBirth& birth,
                               const SourceState& state) {
    if (previous && previous->month == birth.month && previous->page_chunk_bytes > 0) return previous->page_chunk_bytes;
    return page_chunk_bytes_for(state.bytes);
}

/// A backup that carries w or m reads and hashes everything.
bool reads_everything(const BackupOptions& options, const BackupBirth& birth) {
    return options.read_everything || longest_tier(birth.tiers) != 'd';
}

format::ManifestStructure structure_of(const Source& source, const SourceState& state, const BackupFacts& facts,
                                       const IngestResult& result) {
    format::ManifestStructure structure;
    structure.set_source(source.setup.name.text());
    structure.set_driver(source.setup.driver);
    structure.set_identity(state.identity);
    structure.set_stop_time(to_format(facts.stop_time));
    structure.set_partial(has_errors(facts.findings));
    if (facts.lineage) to_format(*facts.lineage, *structure.mutable_lineage());
    if (facts.start) {
        structure.set_start_position(facts.start->at);
        structure.set_start_position_text(facts.start->text);
    }
    if (facts.stop) {
        structure.set_stop_position(facts.stop->at);
        structure.set_stop_position_text(facts.stop->text);
        structure.set_log_end_position(facts.log_end);
    }
    for (const auto& pack : result.packs) {
        auto& use = *structure.add_packs();
        use.set_name(pack.name.data(), pack.name.size());
        use.set_size(pack.size);
        use.set_folder(pack.folder);
    }
    structure.set_files(result.totals.files);
    structure.set_bytes_source(result.totals.bytes_source);
    structure.set_bytes_read(result.totals.bytes_read);
    structure.set_bytes_stored(result.totals.bytes_stored);
    structure.set_chunks_new(result.totals.chunks_new);
    structure.set_chunks_reused(result.totals.chunks_reused);
    return structure;
}

format::ManifestContent content_of(const BackupFacts& facts, const SourceKeys& keys, format::ManifestContent list) {
    auto content = std::move(list);
    content.set_id_key(keys.id.view().data(), keys.id.view().size());
    for (const auto& [key, value] : facts.facts) (*content.mutable_facts())[key] = value;
    for (const auto& finding : facts.findings) {
        auto& stored = *content.add_findings();
        stored.set_level(static_cast<std::uint32_t>(finding.level));
        stored.set_what(finding.what);
        stored.set_remedy(finding.remedy);
    }
    return content;
}

Task<> report_until_stopped(Clock& clock, const Ingest& ingest, std::uint64_t bytes_total, const ReportProgress& report) {
    for (;;) {
        const auto totals = ingest.totals();
        report({.what = "backup", .bytes_done = totals.bytes_source, .bytes_total = bytes_total, .files = totals.files});
        co_await clock.sleep_for(progress_pause);
    }
}

/// What earlier backups left that this one may use.
struct Reuse {
    std::optional<RememberedBackup> previous;
    ChunkIndex index;    ///< empty when everything must be put again
    bool whole = false;  ///< the previous backup is where it should be
};

/// The memory of this host is believed only as far as the repository bears it out: a copy may have been set back to an older
/// state, or have lost packs.
Task<Reuse> find_reuse(JobContext& context, const SourceSetup& setup, const BackupOptions& options, const BackupCommit& commit) {
    Reuse reuse;
    const SourceMemory memory{setup.state_dir};
    reuse.previous = co_await on_pool(context.pools.blocking, [memory] { return memory.find_backup(); });
    if (!reuse.previous || reuse.previous->month != commit.birth().month) co_return reuse;
    // A host that may not look at what it stored, told to read everything, takes nothing for granted.
    if (options.read_everything && context.repository.config().mode() == "sealed") co_return reuse;
    const auto listed = co_await commit.find_reusable(reuse.previous->manifest);
    if (!listed) {
        log(LogLevel::warning, setup.name.text(),
            "the backup that was made last, " + reuse.previous->manifest.text() +
                ", is not in every required copy: everything is stored anew");
        co_return reuse;
    }
    auto open = [memory, folder = setup.state_dir, birth = commit.birth(), rule = *listed] {
        const auto damage = KnownDamage::read(folder);
        const auto usable = [&](const StoredPack& pack) { return !damage.contains(pack.name) && rule(pack); };
        return memory.index(birth, usable);
    };
    reuse.index = co_await on_pool(context.pools.blocking, std::move(open));
    reuse.whole = true;
    co_return reuse;
}

/// The driver's copy and everything the ingest makes of it, with progress beside it.
Task<IngestResult> copy_source(JobContext& context, Source& source, BackupRequest request, Ingest& ingest,
                               std::uint64_t bytes_total, const ReportProgress& report, BackupFacts& facts) {
    std::optional<IngestResult> result;
    auto fill = [&](BackupSink& sink) -> Task<> { facts = co_await source.driver->back_up(request, sink); };
    auto body = [&](TaskGroup& group) -> Task<> {
        if (report) group.spawn(report_until_stopped(context.clock, ingest, bytes_total, report));
        result = co_await ingest.run(fill);
        group.request_stop();
    };
    co_await in_group(body);
    co_return std::move(*result);
}

/// What makes the next backup cheap. A failure costs time later and never the backup that is committed.
Task<> remember(JobContext& context, const SourceMemory& memory, const ChunkIndex& index, RememberedBackup backup,
                IngestResult result) {
    auto save = [&] {
        try {
            memory.forget_backup();
            index.save_with(memory.index_file(backup.month), result.new_packs, std::move(result.additions));
            memory.remember(backup, result.list_file.path);
            memory.forget_other_months(backup.month);
        } catch (const std::exception& error) {
            log(LogLevel::warning, "",
                std::string{"caches for the next backup were not kept; it will read everything: "} + error.what());
        }
    };
    co_await on_pool(context.pools.blocking, save);
}

/// Of the newest backup that can be read: a damaged one must not stop the next. Empty when there is none.
Task<std::string> archived_identity(JobContext& context, SourceName source) {
    for (const auto& name : co_await context.repository.backups(source)) {
        try {
            co_return (co_await context.repository.manifest(source, name)).structure.identity();
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt && error.fault() != Fault::missing) throw;
            log_failure(LogLevel::error, source.text(), error);
        }
    }
    co_return std::string{};
}

}  // namespace

void adopt_identity(const SourceSetup& setup, const std::string& identity) {
    make_directories(setup.state_dir);
    replace_file(adopted_file(setup), view_of(identity));
}

Task<> require_same_identity(JobContext& context, const Source& source, const SourceState& state) {
    std::string known;
    if (const auto adopted = find_file(adopted_file(source.setup))) known = text_of(*adopted);
    if (const auto remembered = SourceMemory{source.setup.state_dir}.find_backup(); known.empty() && remembered)
        known = remembered->identity;
    if (known.empty()) known = co_await archived_identity(context, source.setup.name);
    if (known.empty() || known == state.identity) co_return;
    throw Error{Fault::refused, source.setup.name.text() +
                                    " is another server than the one archived under this name: its identity is " +
                                    state.identity + ", the archive's is " + known}
        .code("wrong_identity", 5)
        .hint("If the server was replaced on purpose, give it a new source name, or run: varve source adopt " +
              source.setup.name.text());
}

Task<BackupReport> run_backup(JobContext& context, Source& source, BackupOptions options) {
    const auto& setup = source.setup;
    const auto lock = own_source(setup, "backup");
    const auto began = std::chrono::steady_clock::now();
    const auto began_here = context.clock.now();  // file times are compared with this clock, not with the store's
    const auto state = co_await source.driver->inspect();
    co_await require_same_identity(context, source, state);

    auto commit = co_await BackupCommit::begin(context.repository, setup.name, setup.retention, setup.zone);
    const auto& birth = commit->birth();
    const SourceMemory memory{setup.state_dir};
    const bool everything = reads_everything(options, birth);
    const auto reuse = co_await find_reuse(context, setup, options, *commit);
    const auto& index = reuse.index;
    const auto chunk_bytes = page_chunk_bytes(reuse.previous, birth, state);
    const bool may_carry_over = reuse.whole && !everything;

    const auto keys = context.repository.source_keys(setup.name);
    Ingest ingest{context.pools,
                  *commit,
                  index,
                  context.repository.sealing(setup.name),
                  keys,
                  IngestOptions{.level = setup.compression_level,
                                .page_chunk_bytes = chunk_bytes,
                                .memory_max = setup.memory_max,
                                .scratch = setup.state_dir,
                                .read_everything = everything},
                  may_carry_over ? std::make_unique<RememberedBackup>(*reuse.previous) : nullptr,
                  may_carry_over ? KeptList{.path = memory.list_file(), .digest = reuse.previous->list_digest} : KeptList{}};

    log(LogLevel::info, setup.name.text(), "backup begins, tiers " + birth.tiers + (everything ? ", reading everything" : ""));
    BackupRequest request{.label = "varve " + setup.name.text() + " " + to_stamp(birth.start), .read_everything = everything};
    BackupFacts facts;
    auto result = co_await copy_source(context, source, std::move(request), ingest, state.bytes, options.report, facts);

    BackupReport report;
    report.birth = birth;
    report.totals = result.totals;
    report.partial = has_errors(facts.findings);
    report.committed = co_await commit->commit(structure_of(source, state, facts, result), content_of(facts, keys, result.list));

    RememberedBackup remembered;
    remembered.started = began_here;
    remembered.manifest = report.committed.name.key;
    remembered.list_digest = result.list_file.digest;
    remembered.month = birth.month;
    remembered.page_chunk_bytes = chunk_bytes;
    remembered.identity = state.identity;
    remembered.driver_facts = facts.facts;
    co_await remember(context, memory, index, std::move(remembered), std::move(result));

    report.facts = std::move(facts);
    report.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    log(report.partial ? LogLevel::warning : LogLevel::info, setup.name.text(),
        "backup " + report.committed.name.id.text() + " is stored");
    co_return report;
}

}  // namespace varve
