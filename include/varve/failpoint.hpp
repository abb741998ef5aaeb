/// Places where a test can take the power away: `failpoint("posix.linked")` stands after each durable step.
/// Compiled in with VARVE_FAILPOINTS only; otherwise a call is nothing.
#pragma once

namespace varve {

#ifdef VARVE_FAILPOINTS
/// `VARVE_FAILPOINT=name` (or `name:3`, the third time) kills this process with SIGKILL here; `VARVE_FAILPOINT_LOG=path`
/// appends every name that is passed, so that a test can prove that each was reached. Any thread.
void failpoint(const char* name) noexcept;
#else
inline void failpoint(const char*) noexcept {}
#endif

}  // namespace varve
