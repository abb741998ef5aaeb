/// An entry of a backup, as people read it.
#pragma once

#include <string>

#include "varve/clock.hpp"
#include "varve/driver.hpp"

namespace varve::cli {

/// "file", "directory", "symlink", "hardlink", "fifo", "character_device", "block_device".
const char* kind_word(EntryKind kind) noexcept;
/// "0644".
std::string octal_text(std::uint32_t mode);
/// "-rw-r--r--", with s, S, t and T as ls prints them.
std::string mode_text(EntryKind kind, std::uint32_t mode);
/// "www-data:www-data"; a number where there is no name.
std::string owner_text(const Entry& entry);
/// When it was modified, to the microsecond.
Instant time_of(const Entry& entry);

}  // namespace varve::cli
