/// Log objects and gaps on their way into the repository.
#pragma once

#include <memory>

#include "pipeline/log_shipper.hpp"
#include "repository/repository.hpp"

namespace varve {

struct LogStoreState {
    std::map<RepositoryName, LogPosition> durable;    ///< per copy
    std::map<RepositoryName, Instant> durable_since;  ///< host's clock, when it was acknowledged
    std::map<RepositoryName, std::string> failing;    ///< per copy: its last error while it is behind
};

/// A log object is acknowledged when every required copy has it durably; other copies are served in the background and never
/// delay it.
class LogStore final : public LogDestination {
public:
    /// `background`: a group that outlives this, for copies that are not required.
    LogStore(Repository& repository, SourceName source, std::string driver, TaskGroup& background);
    ~LogStore() override;
    Task<> put_log(std::shared_ptr<const LogBatch> batch) override;
    Task<> put_gap(Lineage lineage, Gap gap) override;
    const LogStoreState& state() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve
