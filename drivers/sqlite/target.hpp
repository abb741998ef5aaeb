/// What a target means in the log of a SQLite database.
#pragma once

#include "varve/driver.hpp"

namespace varve::sqlite {

/// As Driver::resolve. The position is the end of a whole transaction, or of the base.
Task<ResolvedTarget> resolve_target(Target target, const BackupFacts& base, LogSource* log);

/// What every base backup's facts tell. Fault::corrupt when they do not.
struct BaseFacts {
    std::uint32_t page_size = 0, pages = 0;
    std::uint64_t number = 0, checksum = 0;
    std::filesystem::path path;  ///< of the database when it was backed up
};
BaseFacts read_base_facts(const Properties& facts);
Properties to_properties(const BaseFacts& facts);

}  // namespace varve::sqlite
