/// The one place that knows every driver and every kind of store by name.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "varve/driver.hpp"
#include "varve/store.hpp"

namespace varve {

/// A kind of source: how to make its driver, and the settings it understands besides those of every source.
struct DriverKind {
    std::string name;
    MakeDriver make;
    std::set<std::string> keys;
    bool has_log = false;  ///< then it is a database
};

const std::vector<DriverKind>& driver_kinds();
/// Fault::invalid, with the names there are.
const DriverKind& driver_kind(const std::string& name);

}  // namespace varve
