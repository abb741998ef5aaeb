#include "golden/golden_world.hpp"

#include <algorithm>

namespace varve::test {

namespace {

/// Numbered lines, each many times over: long enough to be cut, small when compressed.
Bytes lines(const std::string& subject, std::size_t bytes) {
    Bytes text;
    for (std::size_t number = 0; text.size() < bytes; ++number) {
        append(text, view_of("line " + std::to_string(number / 64) + " of " + subject + "\n"));
    }
    text.resize(bytes);
    return text;
}

/// Bytes that do not compress.
Bytes noise(std::size_t bytes, std::uint32_t state) {
    Bytes result(bytes);
    for (auto& byte : result) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<std::uint8_t>(state >> 24);
    }
    return result;
}

GoldenEntry file(std::string path, Bytes content, ChunkProfile profile) {
    GoldenEntry made{.entry = {}, .content = std::move(content), .profile = profile};
    made.entry.path = std::move(path);
    made.entry.size = made.content.size();
    made.entry.mode = 0640;
    made.entry.uid = 26;
    made.entry.gid = 26;
    made.entry.user = "postgres";
    made.entry.group = "postgres";
    made.entry.mtime_ns = 1'795'392'000'123'456'789;
    return made;
}

GoldenEntry other(std::string path, EntryKind kind, std::string target = {}) {
    GoldenEntry made{.entry = {}, .content = {}};
    made.entry.path = std::move(path);
    made.entry.kind = kind;
    made.entry.mode = kind == EntryKind::directory ? 0700 : 0777;
    made.entry.link_target = std::move(target);
    return made;
}

}  // namespace

std::vector<GoldenEntry> golden_entries(int backup) {
    std::vector<GoldenEntry> all;
    all.push_back(other("data", EntryKind::directory));
    all.push_back(file("data/changing", lines("a file of backup " + std::to_string(backup), 40'000), ChunkProfile::file));
    all.push_back(file("data/empty", {}, ChunkProfile::file));
    all.push_back(file("data/large", lines("a large file", 2'500'000), ChunkProfile::file));
    all.push_back(other("data/link", EntryKind::symlink, "../elsewhere/\xFF"));
    all.push_back(file("data/n\xC3\xA4me \xFF", lines("odd names", 100), ChunkProfile::file));
    all.push_back(file("data/noise", noise(3'000, 7), ChunkProfile::file));
    all.push_back(file("data/pages", lines("pages", 3 * 65'536 + 8'192), ChunkProfile::page));
    all.push_back(file("data/pipe", lines("a stream", 700'000), ChunkProfile::stream));
    all.push_back(other("data/same", EntryKind::hardlink, "data/noise"));
    if (backup == 2) all.push_back(file("data/second", lines("the second backup", 10'000), ChunkProfile::stream));
    all.back().entry.attributes = {{"user.note", std::string{"\0\xFF", 2}}};
    std::ranges::sort(all, {}, [](const GoldenEntry& one) { return one.entry.path; });
    return all;
}

Bytes golden_log(const LineageName& lineage, std::uint64_t from, std::uint64_t to) {
    Bytes bytes;
    for (auto at = from; at < to; ++at) {
        const auto number =
            static_cast<std::uint32_t>(at / 16) + (at >= golden_branch_at && lineage == golden_branch ? 1'000'000u : 0u);
        bytes.push_back(static_cast<std::uint8_t>(number >> (8 * (at % 4))));
    }
    return bytes;
}

std::vector<GoldenStretch> golden_stretches() {
    return {{golden_trunk, 0x1000, 0x6000}, {golden_trunk, 0x7000, 0x7100}, {golden_branch, golden_branch_at, 0x6400}};
}

}  // namespace varve::test
