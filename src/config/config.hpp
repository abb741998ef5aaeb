/// The configuration as plain values: every key checked, every default filled in. docs/interface.md, "Configuration".
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/calendar.hpp"
#include "policy/tiers.hpp"
#include "varve/log.hpp"
#include "varve/names.hpp"
#include "varve/settings.hpp"

namespace varve {

/// One copy of the repository.
struct RepositorySettings {
    RepositoryName name;
    std::string url;       ///< "file:///var/backups/varve"
    std::string scheme;    ///< "file"
    bool required = true;  ///< success and log acknowledgement need this copy
    Settings settings;     ///< what its kind of store knows: endpoint, region, …
    std::string place;     ///< "/etc/varve/varve.toml:5"
};

/// What a source holds: it chooses the retention rule.
enum class SourceClass { database, data, config };
std::string_view name_of(SourceClass kind) noexcept;

enum class LogMode { stream, push, off };

struct Hooks {
    std::string before, after, on_failure;  ///< commands; empty: none
    std::chrono::microseconds timeout{};
};

/// One thing to protect.
struct SourceSettings {
    SourceName name;
    std::string driver;
    bool enabled = true;
    SourceClass kind = SourceClass::data;
    LogMode log = LogMode::off;
    std::chrono::microseconds ship_interval{};
    std::optional<std::uint64_t> retain_at_source{};  ///< bytes; nothing: unlimited
    int compression_level = 0;
    std::optional<std::uint64_t> read_rate{};  ///< bytes a second; nothing: unlimited
    std::vector<std::string> checks{};         ///< SQL for drills
    Hooks hooks{};
    Schedule backup, drill;  ///< due times in the policy zone
    RetentionRule retention{};
    /// What its driver is given: every key of the source that the driver knows, and those every driver may read (slot,
    /// backup_from, bin_dir, scratch_dir, insecure, server_id, tls.ca, tls.cert, tls.key, ship_interval, retain_at_source).
    Settings settings{};
    std::string place{};
};

struct Limits {
    unsigned workers = 0;  ///< 0: cores
    std::uint64_t memory = 0;
    unsigned backups_at_once = 1;
    std::optional<std::uint64_t> upload_rate;  ///< bytes a second; nothing: unlimited
};

enum class LogFormat { automatic, text, journald, json };

struct HttpAddress {
    std::string host;
    std::uint16_t port = 0;
};

struct ServiceSettings {
    std::filesystem::path socket;
    std::optional<HttpAddress> http;  ///< nothing: off
};

/// How a webhook's body is made.
enum class NotifyForm { json, slack, ntfy, discord, teams };

struct NotifySettings {
    std::set<std::string> on;  ///< failure, recovery, stale, digest, alive
    std::string url;           ///< or a reference to it
    NotifyForm form = NotifyForm::json;
    std::string secret, token, password;  ///< references, or empty: HMAC key, bearer token, of the mail server
    std::string body;                     ///< template of a webhook's body, or empty
    std::string from;                     ///< of mail
    std::vector<std::string> to;          ///< of mail
    bool insecure = false;                ///< no TLS
    std::chrono::microseconds every{};    ///< between two signs of life
    std::string place;
};

/// One line of `varve config show`.
struct EffectiveValue {
    std::string section;  ///< "", "[limits]", "[[source]] pg/main"
    std::string key;
    std::string value;  ///< as TOML
    std::string place;  ///< "default" or file and line
};

struct Config {
    std::filesystem::path file;
    std::filesystem::path state_dir;
    std::string keys;  ///< a reference to the keys file
    std::vector<RepositorySettings> repositories;
    std::vector<SourceSettings> sources;
    Limits limits;
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::automatic;
    PolicyZone zone;
    ServiceSettings service;
    std::vector<NotifySettings> notify;
    std::vector<EffectiveValue> effective;

    const SourceSettings* find_source(const SourceName& name) const noexcept;
    /// Fault::invalid, with a did-you-mean, when there is none.
    const SourceSettings& source(const SourceName& name) const;
};

/// Something wrong, where, and what to do.
struct ConfigProblem {
    std::string place;  ///< "/etc/varve/varve.toml:12", or the file alone
    std::string what;
    std::string remedy;  ///< may be empty
};

/// What the program can do with a configuration: given by the composition root, which alone knows drivers and stores.
struct KnownDriver {
    std::string name;
    std::set<std::string> keys;  ///< its own, besides those of every source
    bool has_log = false;        ///< then it is a database
};
struct KnownStore {
    std::string scheme;  ///< "file"
    std::set<std::string> keys;
};
struct KnownKinds {
    std::vector<KnownDriver> drivers;
    std::vector<KnownStore> stores;
};

struct ConfigText {
    std::string name;  ///< of the file, for messages
    std::string text;
};

struct ConfigResult {
    Config config;                        ///< as good as it could be read when there are problems
    std::vector<ConfigProblem> problems;  ///< all of them, by file and line
};

/// Pure but for the machine's time zones.
ConfigResult read_config(const std::vector<ConfigText>& texts, const KnownKinds& known);

/// `given`, else `$VARVE_CONFIG`, else `/etc/varve/varve.toml`.
std::filesystem::path config_file(const std::optional<std::filesystem::path>& given);
/// Reads `file` and `conf.d/*.toml` beside it, by name. A file that cannot be read is a problem among the others.
ConfigResult check_config(const std::filesystem::path& file, const KnownKinds& known);
/// The same, for those who need a good one: Fault::invalid (exit 2, code `configuration`) lists every problem.
Config load_config(const std::filesystem::path& file, const KnownKinds& known);

/// What the files set and this version checks but does not act on yet: to be said where somebody reads it, never hidden.
std::vector<ConfigProblem> without_effect(const Config& config);

/// Every effective value and where it came from, as TOML with comments.
std::string show_config(const Config& config);

}  // namespace varve
