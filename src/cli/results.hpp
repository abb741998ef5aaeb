/// What each command answers: plain values. For every XResult there is
///   nlohmann::json to_json(const XResult&)                the `result` of the JSON envelope; docs/interface.md names the fields
///   std::string to_text(const XResult&)                   lines for a person, each ending in a newline
///   void from_json(const nlohmann::json&, XResult&)       for those that a service answers; use result_of() in reply.hpp
///   std::optional<Error> shortfall_of(const XResult&)     where a result can be less than was asked for: its code and exit code
/// Sizes are bytes, positions are the engine's own text.
#pragma once

#include "cli/results_backup.hpp"
#include "cli/results_check.hpp"
#include "cli/results_collect.hpp"
#include "cli/results_log.hpp"
#include "cli/results_restore.hpp"
#include "cli/results_retention.hpp"
#include "cli/results_setup.hpp"
#include "cli/results_status.hpp"
