/// The protobuf messages of the format, and how times and lists are written in them.
#pragma once

#include "format.pb.h"
#include "varve/clock.hpp"
#include "varve/driver.hpp"

namespace varve {

std::int64_t to_format(Instant time);
Instant from_format(std::int64_t microseconds);

void to_format(const Lineage& lineage, format::LineageFacts& into);
Lineage from_format(const format::LineageFacts& facts);

/// All of a file entry but its chunks.
void to_format(const Entry& entry, format::FileEntry& into);
Entry from_format(const format::FileEntry& entry);

}  // namespace varve
