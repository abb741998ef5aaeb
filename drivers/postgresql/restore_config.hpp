/// Gives a restored directory a configuration it can be started with, and tells it how to recover. Blocks: use a pool.
#pragma once

#include "postgresql/restore_plan.hpp"
#include "postgresql/restore_settings.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// Writes postgresql.conf (adapted, or made from what lay outside the data directory), pg_hba.conf, pg_ident.conf,
/// postgresql.auto.conf and recovery.signal. `facts`: the backup's. `outside`: the backup's `config/…`. What lay behind a link is
/// made a file or folder of the restored directory: a restore never reads or writes through a link, which may lead to the files
/// of a running server. Gives what it made.
std::vector<std::filesystem::path> write_configuration(const RestorePlan& plan, const Properties& facts,
                                                       const OutsideConfig& outside, RecoveryOrders orders);

/// The settings that recovery needs and that `text` (every configuration file, in the order in which the server reads them) does
/// not give: the source had them higher, perhaps on its command line.
std::vector<std::pair<std::string, std::string>> settings_to_raise(const Properties& facts, std::string_view text);

}  // namespace varve::postgresql
