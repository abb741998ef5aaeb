#include <algorithm>

#include "base/did_you_mean.hpp"
#include "config/read_parts.hpp"

namespace varve {

namespace {

std::filesystem::path absolute_path(const std::string& text) {
    if (!text.starts_with('/')) throw Error{Fault::invalid, "\"" + text + "\" is not an absolute path"};
    return text;
}

}  // namespace

std::string_view name_of(SourceClass kind) noexcept {
    switch (kind) {
        case SourceClass::database:
            return "database";
        case SourceClass::data:
            return "data";
        case SourceClass::config:
            return "config";
    }
    return "data";
}

const SourceSettings* Config::find_source(const SourceName& name) const noexcept {
    const auto found = std::ranges::find(sources, name, &SourceSettings::name);
    return found == sources.end() ? nullptr : &*found;
}

const SourceSettings& Config::source(const SourceName& name) const {
    if (const auto* found = find_source(name)) return *found;
    std::vector<std::string> names;
    for (const auto& known : sources) names.push_back(known.name.text());
    Error error{Fault::invalid, "there is no source named '" + name.text() + "' in " + file.string()};
    error.code("unknown_source", 2);
    if (const auto meant = did_you_mean(name.text(), names)) throw std::move(error).hint("Did you mean '" + *meant + "'?");
    std::string all;
    for (const auto& text : names) all += (all.empty() ? "" : ", ") + text;
    throw std::move(error).hint(all.empty() ? "Add a [[source]] table to it." : "Its sources are: " + all + ".");
}

ConfigResult read_config(const std::vector<ConfigText>& texts, const KnownKinds& known) {
    Reading reading;
    ConfigFiles files{texts, reading};
    Config config;
    if (!texts.empty()) config.file = texts.front().name;

    auto& root = files.root();
    config.state_dir = root.parsed("state_dir", "/var/lib/varve", absolute_path);
    config.keys = root.secret("keys", "file:/etc/varve/varve.keys");
    config.repositories = read_repositories(files, known);
    const auto defaults = read_defaults(files);
    config.zone = defaults.zone;
    config.sources = read_sources(files, known, defaults);
    read_service(files, config);
    root.finish("the configuration");

    config.effective = std::move(reading.effective);
    return {.config = std::move(config), .problems = std::move(reading.problems)};
}

}  // namespace varve
