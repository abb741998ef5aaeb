/// What is remembered of a followed log between two runs, in the source's own folder. All of it may be lost: then less is
/// compared when following resumes, and a server that took the place of another has to be adopted. Blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "mysql/log_map.hpp"

namespace varve::mysql {

struct SavedLog {
    LogMap map{};
    std::uint64_t at = 0;                ///< up to here it was durable, and
    std::optional<std::string> gtids{};  ///< had these transactions
    std::uint32_t server_id = 0;         ///< of the server that wrote it
    std::string identity{};              ///< of the source: the first of
    std::set<std::string> servers{};     ///< the servers that were seen to continue one another
};

/// Nothing when there is none or it cannot be read.
std::optional<SavedLog> find_saved_log(const std::filesystem::path& folder);
void keep_saved_log(const std::filesystem::path& folder, const SavedLog& saved);

/// Whether a server that answers under this source's address took over from the one that was followed: it has transactions of
/// that one. `gtids`: as ask_gtids() gives them.
bool continues(const SavedLog& saved, const ServerFacts& server, const std::string& gtids);

}  // namespace varve::mysql
