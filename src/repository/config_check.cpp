#include "repository/config_check.hpp"

#include <algorithm>
#include <set>

#include "format/config_object.hpp"
#include "repository/object_keys.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

class ConfigKeys final : public ObjectVisitor {
public:
    bool visit(const ObjectInfo& object) override {
        if (find_config_key(object.key)) keys.push_back(object.key);
        return true;
    }
    std::vector<ObjectKey> keys;
};

/// Why this object of a copy does not count; nothing when it is one of ours.
std::optional<std::string> find_trouble(ByteView object, const Digest& name, const RepositoryId& repository) {
    if (sha256(object) != name) return "its SHA-256 is not the one in its name";
    try {
        const auto id = parse_config(object).repository_id();
        if (!std::ranges::equal(view_of(id), repository)) return "it belongs to another repository";
    } catch (const Error& error) {
        return error.sentence();
    }
    return std::nullopt;
}

}  // namespace

Task<std::vector<std::string>> config_troubles(Repository& repository, Copy copy) {
    ConfigKeys listed;
    co_await copy.store->list("config/", {}, listed);
    std::vector<std::string> troubles;
    std::set<std::uint32_t> generations;
    for (const auto& key : listed.keys) {
        const auto parsed = *find_config_key(key);
        const auto object = co_await copy.store->get(key);
        const auto trouble = find_trouble(object, parsed.name, repository.keys().repository);
        if (trouble) troubles.push_back(key.text() + ": " + *trouble);
        if (!trouble) generations.insert(parsed.generation);
    }
    for (std::uint32_t generation = 1; generation <= repository.config().generation(); ++generation) {
        if (!generations.contains(generation))
            troubles.push_back("it lacks generation " + std::to_string(generation) + " of the repository's config");
    }
    co_return troubles;
}

}  // namespace varve
