#include "policy/zone_database.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "varve/error.hpp"

namespace varve {

namespace {

/// Letters, digits and `_+-`, in components that `/` divides: nothing that leaves the zone directory.
bool looks_like_a_zone(std::string_view name) {
    const auto good = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '+' || c == '-' || c == '/';
    };
    return !name.empty() && name.front() != '/' && std::ranges::all_of(name, good);
}

Zone read_zone(const std::string& name) {
    const char* elsewhere = std::getenv("TZDIR");
    const std::filesystem::path file = std::filesystem::path{elsewhere ? elsewhere : "/usr/share/zoneinfo"} / name;
    std::error_code ignored;
    std::ifstream in;
    if (looks_like_a_zone(name) && std::filesystem::is_regular_file(file, ignored)) in.open(file, std::ios::binary);
    if (!in.is_open())
        throw Error{Fault::invalid, "there is no time zone '" + name + "'"}.hint(
            "Use an IANA name such as Europe/Paris; the names are those of /usr/share/zoneinfo (package tzdata).");
    const Bytes bytes{std::istreambuf_iterator<char>{in}, {}};
    return Zone::parse(name, bytes);
}

}  // namespace

const Zone& zone_named(std::string_view name) {
    static std::mutex guard;
    static std::map<std::string, Zone, std::less<>> known{{"UTC", Zone{}}};
    const std::scoped_lock lock{guard};
    if (const auto found = known.find(name); found != known.end()) return found->second;
    std::string text{name};
    auto zone = read_zone(text);
    return known.emplace(std::move(text), std::move(zone)).first->second;
}

}  // namespace varve
