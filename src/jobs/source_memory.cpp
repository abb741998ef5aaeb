#include "jobs/source_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

std::filesystem::path memory_file(const std::filesystem::path& folder) { return folder / "previous.json"; }

Digest parse_digest(const std::string& hex) {
    Digest digest{};
    const auto bytes = from_hex(hex);
    if (bytes.size() != digest.size()) throw Error{Fault::corrupt, "a digest has 64 hexadecimal digits"};
    std::ranges::copy(bytes, digest.begin());
    return digest;
}

void sync_file(const std::filesystem::path& path) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file) throw system_error(errno, "open", path);
    if (::fdatasync(file.get()) != 0) throw system_error(errno, "fdatasync", path);
}

}  // namespace

std::optional<RememberedBackup> SourceMemory::find_backup() const {
    const auto text = find_file(memory_file(folder_));
    if (!text) return std::nullopt;
    const auto ignore = [this](const std::string& why) {
        log(LogLevel::warning, "", memory_file(folder_).string() + " cannot be read and is ignored: " + why);
        return std::nullopt;
    };
    try {
        const auto document = json::parse(text->begin(), text->end());
        RememberedBackup backup;
        backup.started = Instant{std::chrono::microseconds{document.at("started").get<std::int64_t>()}};
        backup.manifest = ObjectKey{document.at("manifest").get<std::string>()};
        backup.list_digest = parse_digest(document.at("list"));
        backup.month = document.at("month");
        backup.page_chunk_bytes = document.at("page_chunk_bytes");
        backup.identity = document.at("identity");
        backup.driver_facts = document.at("facts").get<Properties>();
        return backup;
    } catch (const json::exception& error) {
        return ignore(error.what());
    } catch (const Error& error) {
        return ignore(error.sentence());
    }
}

ChunkIndex SourceMemory::index(const BackupBirth& birth, const PackRule& usable) const {
    return ChunkIndex::open(index_file(birth.month), longest_tier(birth.tiers), usable);
}

void SourceMemory::forget_backup() const { std::filesystem::remove(memory_file(folder_)); }

void SourceMemory::remember(const RememberedBackup& backup, const std::filesystem::path& list_file_made) const {
    // The list goes first: a record never speaks of a list that is not there.
    sync_file(list_file_made);
    std::filesystem::rename(list_file_made, list_file());
    const json document = {{"started", backup.started.time_since_epoch().count()},
                           {"manifest", backup.manifest.text()},
                           {"list", to_hex(backup.list_digest)},
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
