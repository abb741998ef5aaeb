/// Level 0 of a verification: what must be there, by manifests and by what the copies hold. For the files of this folder.
#pragma once

#include "repository/verify_copy.hpp"

namespace varve {

/// Opens every manifest once, from whichever copy has it whole. `began`: by the store's clock, before the inventories.
Task<> check_names(Repository& repository, VerifySubject subject, const CopyChecks& checks, Instant began, VerifyResult& result);

/// The manifests that some copy lists, newest first.
std::vector<BackupName> listed_backups(const CopyChecks& checks);

}  // namespace varve
