#include "cli/text_entry.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace varve::cli {
namespace {

char letter_of(EntryKind kind) {
    switch (kind) {
        case EntryKind::directory:
            return 'd';
        case EntryKind::symlink:
            return 'l';
        case EntryKind::fifo:
            return 'p';
        case EntryKind::character_device:
            return 'c';
        case EntryKind::block_device:
            return 'b';
        case EntryKind::file:
        case EntryKind::hardlink:
            return '-';
    }
    return '?';
}

}  // namespace

const char* kind_word(EntryKind kind) noexcept {
    switch (kind) {
        case EntryKind::file:
            return "file";
        case EntryKind::directory:
            return "directory";
        case EntryKind::symlink:
            return "symlink";
        case EntryKind::hardlink:
            return "hardlink";
        case EntryKind::fifo:
            return "fifo";
        case EntryKind::character_device:
            return "character_device";
        case EntryKind::block_device:
            return "block_device";
    }
    return "unknown";
}

std::string octal_text(std::uint32_t mode) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
    return text.data();
}

std::string mode_text(EntryKind kind, std::uint32_t mode) {
    std::string text = letter_of(kind) + std::string{"rwxrwxrwx"};
    for (unsigned bit = 0; bit < 9; ++bit)
        if ((mode & (0400U >> bit)) == 0) text[bit + 1] = '-';
    const auto mark = [&](std::uint32_t flag, std::size_t at, char with_x, char without) {
        if ((mode & flag) != 0) text[at] = text[at] == 'x' ? with_x : without;
    };
    mark(04000, 3, 's', 'S');
    mark(02000, 6, 's', 'S');
    mark(01000, 9, 't', 'T');
    return text;
}

std::string owner_text(const Entry& entry) {
    return (entry.user.empty() ? std::to_string(entry.uid) : entry.user) + ":" +
           (entry.group.empty() ? std::to_string(entry.gid) : entry.group);
}

Instant time_of(const Entry& entry) {
    return Instant{std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds{entry.mtime_ns})};
}

}  // namespace varve::cli
