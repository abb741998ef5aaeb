/// What replay will do beyond the data that is restored, found in the log before the target is touched: which limits it needs,
/// and which places it would write to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postgresql/restore_plan.hpp"
#include "postgresql/wal_records.hpp"
#include "varve/async.hpp"

namespace varve::postgresql {

struct LogSurvey {
    std::vector<WalTablespace> tablespaces;
    WalLimits limits;  ///< the largest of each
};

/// `staged`: names of the segments in plan.staging(), along the path. `log`: where the rest is read from when it is not staged,
/// beginning with the page of `stop`; nullptr: everything is staged.
struct SurveyRequest {
    LogPosition start, stop;
    std::optional<Lsn> until{};  ///< replay stops before the record that begins there; nothing: at the end
    bool through_next = false;   ///< or only after the first record that begins there or later
    std::vector<std::string> staged{};
    LogSource* log = nullptr;
    std::uint64_t segment_bytes = 0;
};
Task<LogSurvey> survey_log(const RestorePlan& plan, SurveyRequest request, Pools& pools);

/// A copy must not take over the places of the server that it was copied from: Fault::refused when replay would make a tablespace
/// at one that exists. Blocks: use a pool.
void refuse_foreign_tablespaces(const RestorePlan& plan, const LogSurvey& survey);

/// The facts with the limits that replay will ask for.
Properties with_limits(Properties facts, const WalLimits& limits);

}  // namespace varve::postgresql
