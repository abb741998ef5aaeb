/// What there is on this host to archive, for a person to choose from: `varve init --discover`.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace varve {

struct DiscoverPlaces {
    std::filesystem::path host = "/";            ///< in front of the places that are looked at by name; another one in tests
    std::vector<std::filesystem::path> roots{};  ///< below which SQLite databases are looked for; empty: the usual ones
    std::filesystem::path hop3 = "/home/hop3";   ///< Hop3's own root
};

struct FoundSource {
    std::string name, driver;
    std::string why;                                              ///< a comment: what it is, and what it needs first
    std::vector<std::pair<std::string, std::string>> settings{};  ///< values as TOML
    bool supported = true;                                        ///< false: this version has no driver for it
};

/// Looks and changes nothing: sockets and configuration of servers, the first bytes of files that may be databases. What may not
/// be read is passed over. Blocks. In the order in which they are written down.
std::vector<FoundSource> discover(const DiscoverPlaces& places);

/// A configuration in which every source is commented out: nothing is switched on unasked.
std::string commented_config(const std::vector<FoundSource>& found);

}  // namespace varve
