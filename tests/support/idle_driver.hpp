/// A driver that has nothing to do: for jobs that look at the archive alone. Tests derive from it what their job asks for.
#pragma once

#include "varve/driver.hpp"

namespace varve::test {

class IdleDriver : public Driver {
public:
    DriverTraits traits() const noexcept override { return {}; }
    Task<SourceState> inspect() override { co_return SourceState{}; }
    Task<BackupFacts> back_up(BackupRequest, BackupSink&) override { co_return BackupFacts{}; }
    Task<> follow_log(std::optional<LogPosition>, LogSink&) override { co_return; }
    Task<LogProbe> probe_log(std::string) override { co_return LogProbe{}; }
    Task<ResolvedTarget> resolve(Target, const BackupFacts&, LogSource*) override { co_return ResolvedTarget{}; }
    Task<RestoreOutlook> preview_restore(RestoreRequest, RestoreSource&, LogSource*) override { co_return RestoreOutlook{}; }
    Task<Restored> restore(RestoreRequest, RestoreSource&, LogSource*) override { co_return Restored{}; }
    Task<> retire() override { co_return; }
};

}  // namespace varve::test
