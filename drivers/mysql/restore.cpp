#include "mysql/restore.hpp"

#include "mysql/restore_logical.hpp"
#include "mysql/restore_physical.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

bool is_physical(const BackupFacts& facts) {
    const auto found = facts.facts.find("method");
    if (found == facts.facts.end()) throw Error{Fault::corrupt, "the backup does not tell how it was made"};
    return found->second == "physical";
}

}  // namespace

Task<RestoreOutlook> preview_server(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services) {
    if (is_physical(base.facts())) {
        PhysicalRestore restore{std::move(request), base, log, services};
        co_return co_await restore.examine();
    }
    LogicalRestore restore{std::move(request), base, log, services};
    co_return co_await restore.examine();
}

Task<Restored> restore_server(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services) {
    if (is_physical(base.facts())) {
        PhysicalRestore restore{std::move(request), base, log, services};
        co_return co_await restore.run();
    }
    LogicalRestore restore{std::move(request), base, log, services};
    co_return co_await restore.run();
}

}  // namespace varve::mysql
