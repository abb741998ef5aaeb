/// One log object: a batch sealed, and its moments read back. docs/repository-format.md, section 7.
#pragma once

#include <string>
#include <vector>

#include "format/envelope.hpp"
#include "format/format.hpp"
#include "pipeline/log_shipper.hpp"

namespace varve {

/// Who wrote it: the constant part of every object of a source.
struct LogAuthor {
    std::string source, driver, host;
};

/// Compresses and seals. Blocks for as long as that takes: for the log pool.
SealedObject seal_log(const LogBatch& batch, const LogAuthor& author, const SealingContext& context, Instant now, int level);

/// In the order of their ends, with positions made absolute.
std::vector<Moment> moments_of(const format::LogStructure& structure);

/// Fault::corrupt unless the object says that it belongs to `lineage`: its signature covers that, the folder it lies in does not.
void require_lineage(const format::LogStructure& structure, const LineageName& lineage, const ObjectKey& key);

}  // namespace varve
