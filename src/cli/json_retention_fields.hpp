/// Fields that answers of retention and of collection share. Private to json_*.cpp.
#pragma once

#include "cli/json_fields.hpp"
#include "cli/results_retention.hpp"

namespace varve::cli {

void fields(auto& visit, Is<RetentionPauseRow> auto& it) {
    visit("reason", it.reason);
    visit("until", it.until);
    visit("copies", it.copies);
}

}  // namespace varve::cli
