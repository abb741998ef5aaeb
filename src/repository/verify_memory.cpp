#include "repository/verify_memory.hpp"

#include <unordered_set>

#include "format/big_endian.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr std::uint64_t file_bytes_max = 1u << 30;
constexpr std::size_t entry_bytes = 16;  // first 8 bytes of the name, microseconds since 1970
constexpr std::string_view heading = "varve verified 1\n";
constexpr std::string_view file_begin = "verified-";

}  // namespace

std::uint64_t VerifyMemory::short_of(const Digest& name) { return number_at<std::uint64_t>(name); }

VerifyMemory VerifyMemory::read(const std::filesystem::path& path) {
    VerifyMemory memory;
    std::optional<Bytes> content;
    try {
        content = find_file(path, file_bytes_max);
    } catch (const Error& error) {
        log_failure(LogLevel::warning, "", error);
    }
    if (!content || !text_of(*content).starts_with(heading)) return memory;
    auto rest = ByteView{*content}.subspan(heading.size());
    for (; rest.size() >= entry_bytes; rest = rest.subspan(entry_bytes)) {
        const auto time = static_cast<std::int64_t>(number_at<std::uint64_t>(rest.subspan(8)));
        memory.checked_[number_at<std::uint64_t>(rest)] = Instant{std::chrono::microseconds{time}};
    }
    return memory;
}

void VerifyMemory::save(const std::filesystem::path& path) const {
    Bytes content = to_bytes(view_of(heading));
    content.reserve(heading.size() + checked_.size() * entry_bytes);
    for (const auto& [name, time] : checked_) {
        append_number(content, name);
        append_number(content, static_cast<std::uint64_t>(time.time_since_epoch().count()));
    }
    make_directories(path.parent_path());
    replace_file(path, content);
}

std::optional<Instant> VerifyMemory::find(const Digest& name) const {
    const auto found = checked_.find(short_of(name));
    if (found == checked_.end()) return std::nullopt;
    return found->second;
}

void VerifyMemory::keep_only(const std::vector<Digest>& names) {
    std::unordered_set<std::uint64_t> kept;
    for (const auto& name : names) kept.insert(short_of(name));
    std::erase_if(checked_, [&](const auto& entry) { return !kept.contains(entry.first); });
}

KnownDamage KnownDamage::read(const std::filesystem::path& folder) {
    KnownDamage known;
    std::error_code no_folder;
    for (const auto& entry : std::filesystem::directory_iterator{folder, no_folder}) {
        if (!entry.path().filename().string().starts_with(file_begin)) continue;
        for (const auto& [name, time] : VerifyMemory::read(entry.path()).checked_) {
            if (time == VerifyMemory::found_damaged) known.names_.insert(name);
        }
    }
    return known;
}

std::filesystem::path verify_memory_file(const std::filesystem::path& folder, const RepositoryName& copy, int level) {
    return folder / (std::string{file_begin} + copy.text() + "-" + std::to_string(level));
}

}  // namespace varve
