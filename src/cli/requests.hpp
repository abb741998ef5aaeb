/// What was asked for on the command line: one plain struct a command. Values are checked for form only; whether a source or a
/// backup exists is for the one who carries the request out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "varve/driver.hpp"
#include "varve/names.hpp"

namespace varve::cli {

/// Options that every command takes.
struct Globals {
    std::optional<std::filesystem::path> config;  ///< --config; else $VARVE_CONFIG, else /etc/varve/varve.toml
    bool json = false;                            ///< one JSON document on stdout, progress as JSON lines on stderr
    bool dry_run = false;                         ///< say what would be done, change nothing; only mutating commands take it
};

struct InitRequest {
    std::optional<RepositoryName> copy;                 ///< --copy: make this further copy of the existing repository
    bool sealed = false;                                ///< this host gets no key that can read the past
    std::optional<std::filesystem::path> recovery_kit;  ///< where the recovery kit is written
    std::string host;                                   ///< name of this host in the repository; empty: the machine's
    bool discover = false;                              ///< --discover: only write a configuration of what is there
    std::vector<std::filesystem::path> roots{};         ///< with it: where SQLite databases are looked for
};

struct CheckRequest {
    std::optional<SourceName> source;  ///< nothing: every source
};

struct ServeRequest {};

struct StatusRequest {
    std::optional<SourceName> source;
};

struct BackupRunRequest {
    std::vector<SourceName> sources;  ///< at least one
    bool full = false;                ///< read everything, carry nothing over unread
};
struct BackupListRequest {
    std::optional<SourceName> source;
};
struct BackupShowRequest {
    BackupId id;
};
/// What an operator says of a backup, or, by the name of a source, of all of it.
struct BackupHoldRequest {
    std::string subject;
    std::optional<Instant> until;  ///< nothing: until it is released
};
struct BackupReleaseRequest {
    std::string subject;
};
struct BackupAcknowledgeRequest {
    std::string subject;
};
struct BackupDeleteRequest {
    BackupId id;
};

struct LogFollowRequest {
    SourceName source;
    bool until_caught_up = false;  ///< end when all that the server had written is durable
};
/// A restore point under a name, in the log of a source that the service follows.
struct MarkRequest {
    SourceName source;
    std::string name;
};
struct LogListRequest {
    SourceName source;
};
struct LogGapsRequest {
    SourceName source;
};
/// The log of one lineage as the engine's own files.
struct LogExportRequest {
    SourceName source;
    std::filesystem::path to;            ///< directory
    std::optional<LineageName> lineage;  ///< nothing: the one that was written to last
};

/// Shared by `restore plan` and `restore run`, so that a plan becomes a run by changing one word.
struct RestoreOptions {
    SourceName source;
    Target target;                                             ///< latest unless said otherwise
    std::optional<BackupId> backup;                            ///< --backup: target.kind is then immediate
    std::string timeline;                                      ///< a lineage by name or number; empty: the newest
    std::optional<std::filesystem::path> to;                   ///< a new data directory, database file or tree
    std::optional<std::string> into;                           ///< an empty server instead of `to`; a run has exactly one of both
    std::optional<std::string> into_password;                  ///< a reference (file:, env:, credential:) for `into`
    bool delta = false;                                        ///< keep what is equal in `to`
    bool start = false;                                        ///< start the restored server
    std::string action = "promote";                            ///< pause | promote | shutdown
    std::map<std::string, std::filesystem::path> tablespaces;  ///< name or oid -> new directory
    bool as_production = false;                                ///< keep archiving; else a copy that does not archive
    bool replace = false;                                      ///< what is at the destination may be replaced
    std::optional<std::string> owner;                          ///< user that gets the files, when we are root
    std::vector<std::string> include;                          ///< paths and patterns: only what they mean; empty: everything
    bool on_demand_wal = false;                                ///< fetch log when the engine asks instead of staging it
    bool skip_gtid = false;                                    ///< leave out the transaction of --gtid itself and go on after it
};
struct RestorePlanRequest {
    RestoreOptions options;
};
struct RestoreRunRequest {
    RestoreOptions options;
};

/// Which backup is looked into: --backup ID, --at TIME (the newest that had ended by then), or the newest.
struct BackupChoice {
    std::optional<BackupId> backup;
    std::optional<Instant> time;
};
struct ListFilesRequest {
    SourceName source;
    std::string path;  ///< as typed; empty: the top
    BackupChoice choice;
    bool recursive = false;
};
struct FindFilesRequest {
    SourceName source;
    std::vector<std::string> patterns;  ///< at least one
    BackupChoice choice;
    bool all = false;  ///< in every backup
};
/// Answers with content, not with a result.
struct CatFilesRequest {
    SourceName source;
    std::vector<std::string> paths;  ///< at least one
    BackupChoice choice;
};
struct DiffFilesRequest {
    SourceName source;
    BackupChoice before, after;
};

/// archive_command: `varve wal-push --source NAME %p`.
struct WalPushRequest {
    SourceName source;
    std::filesystem::path file;
};
/// restore_command: `varve wal-fetch --plan FILE %f "%p"`. Exactly one of `source` and `plan`.
struct WalFetchRequest {
    std::optional<SourceName> source;
    std::optional<std::filesystem::path> plan;
    std::string name;          ///< %f: a segment or history file
    std::filesystem::path to;  ///< %p
};

struct VerifyRequest {
    int level = 1;                        ///< 0 names, 1 hashes of objects, 2 every chunk
    std::optional<std::uint64_t> budget;  ///< bytes to read at most
};

/// What will be deleted within so many days, and why.
struct RetentionPlanRequest {
    std::optional<SourceName> source;
    int days = 30;
};

struct CollectPlanRequest {};
struct CollectRunRequest {
    bool approve = false;  ///< signed with the admin's key: what a brake would stop goes
};
struct CollectExplainRequest {
    std::string key;  ///< of an object, or a backup's id
};

enum class KeyRole { archive, maintain, restore, admin };
struct KeyListRequest {};
struct KeyExportRequest {
    KeyRole role = KeyRole::archive;
    std::optional<std::filesystem::path> to;  ///< a new file, 0600; nothing: stdout
};
struct KeyProveRequest {
    std::optional<std::filesystem::path> recovery_kit;  ///< nothing: where `init` wrote it
};

struct NotifyTestRequest {};

struct ConfigCheckRequest {};
struct ConfigShowRequest {};

struct SourceAdoptRequest {
    SourceName source;
};
struct SourceRetireRequest {
    SourceName source;
};

struct CompletionRequest {
    std::string shell;  ///< bash | zsh | fish
};
struct VersionRequest {};

using Request =
    std::variant<InitRequest, CheckRequest, ServeRequest, StatusRequest, BackupRunRequest, BackupListRequest, BackupShowRequest,
                 BackupHoldRequest, BackupReleaseRequest, BackupAcknowledgeRequest, BackupDeleteRequest, LogFollowRequest,
                 MarkRequest, LogListRequest, LogGapsRequest, LogExportRequest, RestorePlanRequest, RestoreRunRequest,
                 ListFilesRequest, FindFilesRequest, CatFilesRequest, DiffFilesRequest, WalPushRequest, WalFetchRequest,
                 VerifyRequest, RetentionPlanRequest, CollectPlanRequest, CollectRunRequest, CollectExplainRequest,
                 KeyListRequest, KeyExportRequest, KeyProveRequest, NotifyTestRequest, ConfigCheckRequest, ConfigShowRequest,
                 SourceAdoptRequest, SourceRetireRequest, CompletionRequest, VersionRequest>;

}  // namespace varve::cli
