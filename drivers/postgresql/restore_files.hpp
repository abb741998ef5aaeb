/// The steps of a restore that touch the target directories. All of them block: use a pool.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "postgresql/restore_plan.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// Empties the folder for the staged log, or makes it. Fault::conflict when it holds something that is none.
void prepare_staging(const RestorePlan& plan);
/// The log that the backup has itself.
std::vector<FileTarget> log_to_stage(const RestorePlan& plan);

/// Makes every directory and link of the backup; in a delta removes what the backup does not have, and the old pg_control first:
/// from here on the directory cannot be started until finish_restore().
void prepare_directories(const RestorePlan& plan);

/// Every directory of the cluster: for HeldFilesystems, before the first file is written.
std::vector<std::filesystem::path> directories_of(const RestorePlan& plan);
/// Every file of the cluster that is to be written, pg_control under its waiting name.
std::vector<FileTarget> files_to_write(const RestorePlan& plan);

/// Who the files will belong to: `owner`, else the user who owned the data directory, by name; a bare number means somebody else
/// on another host, and counts only where no name was recorded. Nothing when we are not root and everything stays ours.
/// Fault::invalid when there is no such user.
struct Owner {
    uid_t uid = 0;
    gid_t gid = 0;
    std::string user;
};
std::optional<Owner> find_owner(const RestorePlan& plan, const std::optional<std::string>& owner);

/// Modes, owners, and durability of everything on the `held` filesystems; then pg_control gets its name. `made`: files and
/// directories that are none of the backup's entries.
void finish_restore(const RestorePlan& plan, const std::optional<Owner>& owner, const std::vector<std::filesystem::path>& made,
                    const HeldFilesystems& held);

}  // namespace varve::postgresql
