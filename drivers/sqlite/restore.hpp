/// A database made again: the base's pages, the newest image of each page up to the target, and the proof that it is the same.
#pragma once

#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::sqlite {

/// Where the database goes: `to`, or below it under the database's own name when it is a directory.
/// Fault::conflict when something is there, or a WAL, index or journal that would change what is read. Changes nothing.
Task<RestoreOutlook> preview_database(RestoreRequest request, RestoreSource& base, Pools& pools);

/// Writes beside the target under another name, proves, makes durable, and renames: nothing half-made is ever seen.
/// Fault::corrupt when the pages are not those that the source had at that transaction, or SQLite finds them inconsistent.
Task<Restored> restore_database(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools);

}  // namespace varve::sqlite
