#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/did_you_mean.hpp"
#include "config/read_parts.hpp"

namespace varve {

namespace {

/// Where a problem stands: the files in the order they were read, their lines, and last what stands nowhere.
std::pair<std::size_t, unsigned long> order_of(const ConfigProblem& problem, const std::vector<ConfigText>& texts) {
    const auto colon = problem.place.rfind(':');
    const auto digits = colon == std::string::npos ? std::string{} : problem.place.substr(colon + 1);
    const bool has_line = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
    const auto name = has_line ? problem.place.substr(0, colon) : problem.place;
    const auto file = std::ranges::find(texts, name, &ConfigText::name);
    return {static_cast<std::size_t>(file - texts.begin()), has_line ? std::strtoul(digits.c_str(), nullptr, 10) : 0};
}

/// The first problem that is told is the first one that is met in the files, whatever order their parts were read in.
std::vector<ConfigProblem> in_order(std::vector<ConfigProblem> problems, const std::vector<ConfigText>& texts) {
    std::multimap<std::pair<std::size_t, unsigned long>, ConfigProblem> by_place;  // equal places keep their order
    for (auto& problem : problems) {
        const auto place = order_of(problem, texts);
        by_place.emplace(place, std::move(problem));
    }
    problems.clear();
    for (auto& [place, problem] : by_place) problems.push_back(std::move(problem));
    return problems;
}

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
    config.notify = read_notify(files);
    root.finish("the configuration");

    config.effective = std::move(reading.effective);
    return {.config = std::move(config), .problems = in_order(std::move(reading.problems), texts)};
}

}  // namespace varve
