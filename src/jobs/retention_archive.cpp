#include "jobs/retention_archive.hpp"

#include <algorithm>
#include <array>

#include "repository/pack_origin.hpp"

namespace varve {

namespace {

/// The kinds of notes that retention knows; a gap is none.
std::optional<RetentionNote::Kind> kind_of(const std::string& word) {
    using Kind = RetentionNote::Kind;
    constexpr std::array<std::pair<std::string_view, Kind>, 6> kinds{{{"suspect", Kind::suspect},
                                                                      {"acknowledged", Kind::acknowledged},
                                                                      {"hold", Kind::hold},
                                                                      {"release", Kind::release},
                                                                      {"retire", Kind::retire},
                                                                      {"shorten", Kind::shorten}}};
    const auto found = std::ranges::find(kinds, word, [](const auto& kind) { return kind.first; });
    return found == kinds.end() ? std::nullopt : std::optional{found->second};
}

std::vector<RetentionNote> notes_of(const std::vector<format::NoteStructure>& notes) {
    std::vector<RetentionNote> found;
    for (const auto& note : notes) {
        const auto kind = kind_of(note.kind());
        if (!kind) continue;
        RetentionNote one{.kind = *kind, .time = from_format(note.time())};
        if (!note.backup().empty()) one.backup = BackupId{note.backup()};
        if (note.until() != 0) one.until = from_format(note.until());
        if (*kind == RetentionNote::Kind::hold && !note.lineage().empty())
            one.log = LogSpan{.lineage = LineageName{note.lineage()}, .from = note.from_position(), .to = note.to_position()};
        found.push_back(std::move(one));
    }
    return found;
}

/// When all of a source was last found whole, at level 1 at least: evidence whose text is empty leaves nothing out.
std::optional<Instant> last_verified(const std::vector<format::EvidenceStructure>& evidence) {
    std::optional<Instant> newest;
    for (const auto& one : evidence) {
        if (one.kind() != "verify" || one.level() < 1 || !one.ok() || !one.text().empty()) continue;
        newest = std::max(newest.value_or(from_format(one.time())), from_format(one.time()));
    }
    return newest;
}

bool on_every_required(const Copies& copies, const std::vector<RepositoryName>& held) {
    return std::ranges::all_of(
        copies.all(), [&](const Copy& copy) { return !copy.required || std::ranges::find(held, copy.name) != held.end(); });
}

/// One log object; of the newest of its lineage more is known than its key says.
RetainedLog log_of(const LineageLog& lineage, const LogName& object) {
    RetainedLog log;
    log.lineage = lineage.lineage.name;
    log.from = object.from;
    log.to = object.to;
    if (object.last_commit != Instant{}) log.last_commit = object.last_commit;
    log.stored_at = object.stored_at;
    log.bytes = object.size;
    if (object.to == lineage.newest.at) {
        if (lineage.last_commit) log.last_commit = lineage.last_commit;
        log.known_through = lineage.known_through;
    }
    return log;
}

class PutTimes final : public ObjectVisitor {
public:
    explicit PutTimes(std::vector<Instant>& times) : times_{times} {}
    bool visit(const ObjectInfo& object) override {
        times_.push_back(object.stored_at);
        return true;
    }

private:
    std::vector<Instant>& times_;
};

}  // namespace

WholeArchive::Holding WholeArchive::holding(const RepositoryName& copy) const {
    Holding holding;
    const auto has = [&](const std::vector<RepositoryName>& copies) { return std::ranges::find(copies, copy) != copies.end(); };
    for (std::size_t i = 0; i < backups.size(); ++i)
        if (has(backups[i].copies)) holding.backups.push_back(i);
    for (std::size_t i = 0; i < log.size(); ++i)
        if (has(log[i].copies)) holding.log.push_back(i);
    return holding;
}

RetentionArchive WholeArchive::held_by(const RepositoryName& copy) const {
    RetentionArchive held{.backups = {}, .log = {}, .lineages = archive.lineages, .notes = archive.notes};
    const auto indices = holding(copy);
    for (const auto i : indices.backups) held.backups.push_back(archive.backups[i]);
    for (const auto i : indices.log) held.log.push_back(archive.log[i]);
    return held;
}

Task<WholeArchive> gather_archive(JobContext& context, Source& source, ArchiveView view) {
    WholeArchive whole;
    auto& archive = whole.archive;
    archive.notes = notes_of(co_await context.repository.notes(source.setup.name));
    const auto verified = last_verified(co_await context.repository.evidence(source.setup.name));
    archive.lineages = view.content.lineages;
    for (std::size_t i = 0; i < view.backups.size(); ++i) {
        const auto& [listed, structure] = view.backups[i];
        RetainedBackup backup;
        static_cast<ArchivedBackup&>(backup) = view.content.backups[i];
        backup.begun = listed.start;
        backup.committed = from_format(structure.committed());
        backup.tiers = listed.tiers;
        backup.everywhere = on_every_required(context.repository.copies(), listed.copies);
        backup.verified = verified && *verified >= backup.committed;
        archive.backups.push_back(std::move(backup));
        whole.backups.push_back({.key = listed.key,
                                 .bytes = listed.manifest_bytes,
                                 .copies = listed.copies,
                                 .month = structure.month(),
                                 .packs = packs_of(structure),
                                 .previous = structure.previous_manifest()});
    }
    for (const auto& damaged : view.damaged) {
        RetainedBackup backup;
        backup.id = damaged.name.id;
        backup.begun = damaged.name.start;
        backup.tiers = damaged.name.tiers;
        backup.readable = false;
        archive.backups.push_back(std::move(backup));
        const auto& name = damaged.name;
        whole.backups.push_back(
            {.key = name.key, .bytes = name.manifest_bytes, .copies = name.copies, .month = {}, .packs = {}, .previous = {}});
    }
    for (const auto& lineage : view.log.lineages())
        for (const auto& stretch : lineage.stretches)
            for (const auto& object : stretch.objects) {
                archive.log.push_back(log_of(lineage, object));
                whole.log.push_back({.key = object.key, .copies = object.copies});
            }
    co_return whole;
}

Task<std::vector<Instant>> silences_acknowledged(JobContext& context) {
    std::vector<Instant> times;
    for (const auto& source : co_await context.repository.sources())
        for (const auto& note : notes_of(co_await context.repository.notes(source)))
            if (note.kind == RetentionNote::Kind::acknowledged && !note.backup) times.push_back(note.time);
    co_return times;
}

Task<RetentionClocks> read_clocks(JobContext& context, const Copy& copy, const CollectHistory& history,
                                  std::vector<Instant> acknowledged) {
    RetentionClocks clocks{.store = {}, .host = {}, .objects = history.times_of_gone(), .acknowledged = std::move(acknowledged)};
    PutTimes visitor{clocks.objects};
    for (const auto* prefix : {"backup/", "log/", "note/", "evidence/", "gc/"}) co_await copy.store->list(prefix, {}, visitor);
    clocks.store = co_await copy.store->now();  // after the objects, so that none of them seems to be from the future
    clocks.host = context.clock.now();
    co_return clocks;
}

}  // namespace varve
