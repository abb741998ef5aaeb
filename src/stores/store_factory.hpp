/// From the url of a repository to its store. A new kind of storage is a pair of files here and one line in the body.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "varve/async.hpp"
#include "varve/clock.hpp"
#include "varve/store.hpp"

namespace varve {

struct StoreServices {
    Pools& pools;
    Clock& clock;
};

/// The plain store behind `url` (`file:///var/backups/varve`), without retries; it need not answer yet.
/// Fault::invalid for what is no url, Fault::unsupported for a storage that this build does not know.
std::shared_ptr<Store> make_store(std::string_view url, StoreServices services);

/// Makes the place of a new repository (the directory) and leaves one that is there alone. Fault::conflict when it holds
/// something else.
Task<> create_store_place(std::string url, StoreServices services);

}  // namespace varve
