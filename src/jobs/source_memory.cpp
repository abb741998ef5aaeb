#include "jobs/source_memory.hpp"

#include <nlohmann/json.hpp>

#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

std::filesystem::path memory_file(const std::filesystem::path& folder) { return folder / "previous.json"; }

}  // namespace

std::optional<RememberedBackup> SourceMemory::find_backup() const {
    const auto text = find_file(memory_file(folder_));
    if (!text) return std::nullopt;
    try {
        const auto document = json::parse(text->begin(), text->end());
        RememberedBackup backup;
        backup.started = Instant{std::chrono::microseconds{document.at("started").get<std::int64_t>()}};
        backup.month = document.at("month");
        backup.page_chunk_bytes = document.at("page_chunk_bytes");
        backup.identity = document.at("identity");
        backup.driver_facts = document.at("facts").get<Properties>();
        return backup;
    } catch (const json::exception& error) {
        log(LogLevel::warning, "", memory_file(folder_).string() + " cannot be read and is ignored: " + error.what());
        return std::nullopt;
    }
}

ChunkIndex SourceMemory::index(const BackupBirth& birth) const {
    return ChunkIndex::open(index_file(birth.month), longest_tier(birth.tiers));
}

void SourceMemory::remember(const RememberedBackup& backup, const std::filesystem::path& list_file_made) const {
    // The list goes first: a record never speaks of a list that is not there.
    std::filesystem::remove(memory_file(folder_));
    std::filesystem::rename(list_file_made, list_file());
    const json document = {{"started", backup.started.time_since_epoch().count()},
                           {"month", backup.month},
                           {"page_chunk_bytes", backup.page_chunk_bytes},
                           {"identity", backup.identity},
                           {"facts", backup.driver_facts}};
    // Facts of a driver may hold any bytes; what is not UTF-8 is not needed to carry over.
    replace_file(memory_file(folder_), view_of(document.dump(1, ' ', false, json::error_handler_t::replace)));
}

void SourceMemory::forget_other_months(const std::string& month) const {
    for (const auto& entry : std::filesystem::directory_iterator{folder_}) {
        const auto name = entry.path().filename().string();
        if (name.starts_with("chunks-") && entry.path() != index_file(month)) std::filesystem::remove(entry.path());
    }
}

}  // namespace varve
