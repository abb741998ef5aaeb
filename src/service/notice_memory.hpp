/// What each receiver of notices was told, kept over a restart of the service. May be lost: then the next notice says how it is.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "policy/notice_rules.hpp"
#include "varve/names.hpp"

namespace varve {

struct ReceiverMemory {
    std::map<SourceName, NoticeState> sources;
    std::optional<Instant> digest;  ///< when the last one was sent, or this receiver was new
};
/// By a name of the receiver that holds no secret.
using NoticeMemory = std::map<std::string, ReceiverMemory>;

/// Empty when there is none. Fault::invalid when it cannot be read. Blocks.
NoticeMemory read_notice_memory(const std::filesystem::path& file);
/// Only what was told is kept. Blocks.
void write_notice_memory(const std::filesystem::path& file, const NoticeMemory& memory);

}  // namespace varve
