/// Log objects and gaps on their way into the repository.
#pragma once

#include <memory>

#include "pipeline/log_shipper.hpp"
#include "repository/repository.hpp"

namespace varve {

struct LogStoreState {
    std::map<RepositoryName, LogPosition> durable;    ///< per copy: up to here it has no hole
    std::map<RepositoryName, Instant> durable_since;  ///< by the clock, when it was acknowledged
    /// Per copy: its last error, and while it lacks an object (a copy that is not required), from where on.
    std::map<RepositoryName, std::string> failing;
};

/// A log object is acknowledged when every required copy has it durably; other copies are served in the background and never
/// delay it. Such a copy that missed an object stays behind, where it was missed, until it is found there.
class LogStore final : public LogDestination {
public:
    /// `background`: a group that outlives this, for copies that are not required.
    LogStore(Repository& repository, SourceName source, std::string driver, Clock& clock, TaskGroup& background);
    ~LogStore() override;
    Task<> put_log(std::shared_ptr<const LogBatch> batch) override;
    Task<> put_gap(Lineage lineage, Gap gap) override;
    const LogStoreState& state() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve
