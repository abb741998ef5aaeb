/// The parts that read_config puts together: each turns sections into structs. Private to src/config.
#pragma once

#include "config/config.hpp"
#include "config/section.hpp"

namespace varve {

/// What the tables [schedule] and [retention] say for all sources.
struct SourceDefaults {
    std::string backup, drill;  ///< schedules as text
    RetentionRule database, data, config;
    PolicyZone zone;

    const RetentionRule& of(SourceClass kind) const;
};

SourceDefaults read_defaults(ConfigFiles& files);
/// The keys of one rule, over `fallback`.
RetentionRule read_retention(Section& section, const RetentionRule& fallback, SourceClass kind);

std::vector<RepositorySettings> read_repositories(ConfigFiles& files, const KnownKinds& known);
std::vector<SourceSettings> read_sources(ConfigFiles& files, const KnownKinds& known, const SourceDefaults& defaults);
void read_service(ConfigFiles& files, Config& config);  ///< [limits], [log], [service]
std::vector<NotifySettings> read_notify(ConfigFiles& files);

/// Notes a secret that stands in a connection string or URL.
void refuse_password_inside(Reading& reading, const std::string& place, const std::string& key, const std::string& text);

}  // namespace varve
