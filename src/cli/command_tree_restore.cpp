// The commands about restoring and keys: the part of the tree with the most options.
#include "cli/command_tree.hpp"
#include "cli/options.hpp"

namespace varve::cli {
namespace {

using Options = std::shared_ptr<RestoreOptions>;

/// One way of saying the target. `found`: how many were said, since only one may be.
struct TargetOption {
    std::string name;
    std::string type;  ///< empty: a flag
    std::string help;
    Target target;
};

std::vector<TargetOption> target_options() {
    using Kind = Target::Kind;
    const auto kind = [](Kind of, bool inclusive = true) {
        return Target{.kind = of, .text = {}, .time = {}, .inclusive = inclusive};
    };
    return {
        {"--at", "TIME", "What was committed at or before this time (RFC 3339 with offset)", kind(Kind::time)},
        {"--latest", "", "As late as the archive reaches (the default)", kind(Kind::latest)},
        {"--backup", "ID", "This backup, as it was when it became consistent", kind(Kind::immediate)},
        {"--immediate", "", "The newest backup, as soon as it is consistent", kind(Kind::immediate)},
        {"--lsn", "LSN", "PostgreSQL: this position", kind(Kind::lsn)},
        {"--xid", "XID", "PostgreSQL: this transaction, included", kind(Kind::xid)},
        {"--name", "NAME", "PostgreSQL: this named restore point", kind(Kind::name)},
        {"--gtid", "GTID", "MySQL, MariaDB: this transaction, included", kind(Kind::gtid)},
        {"--before-gtid", "GTID", "MySQL, MariaDB: just before this transaction", kind(Kind::gtid, false)},
        {"--position", "FILE:POS", "MySQL, MariaDB: this binlog position", kind(Kind::position)},
        {"--txn", "NUMBER", "SQLite: this transaction", kind(Kind::transaction)},
        {"--mark", "NAME", "This mark, made by: varve mark", kind(Kind::mark)},
    };
}

void choose(RestoreOptions& options, Target target, const std::string& name, const std::string& text) {
    target.text = text;
    if (name == "--backup") options.backup = BackupId{text};
    if (target.kind == Target::Kind::time) try {
            target.time = from_rfc3339(text);
        } catch (const Error& error) {
            throw usage_error("--at " + text + ": " + error.sentence(),
                              "Write it as 2026-11-23T14:30:00Z or 2026-11-23T15:30:00+01:00.");
        }
    options.target = std::move(target);
}

void add_target(CLI::App& app, const Options& options) {
    for (const auto& one : target_options()) {
        CLI::Option* option = nullptr;
        if (one.type.empty()) {
            const auto take = [options, one](std::int64_t) { choose(*options, one.target, one.name, {}); };
            option = app.add_flag_function(one.name, take, one.help);
        } else {
            const auto take = [options, one](const std::string& text) {
                if (text.empty()) throw usage_error(one.name + " is empty", "Check the variable that stands for it.");
                choose(*options, one.target, one.name, text);
            };
            option = app.add_option_function<std::string>(one.name, take, one.help)->type_name(one.type);
        }
        option->group("Target (one of them)");
    }
    add_text(app, "--timeline", "N", options->timeline, "Follow this lineage [the newest]")->group("Target (one of them)");
}

void add_tablespaces(CLI::App& app, const Options& options) {
    const auto take = [options](const std::vector<std::string>& pairs) {
        for (const auto& pair : pairs) {
            const auto equals = pair.find('=');
            if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
                throw usage_error("--tablespace " + pair + " is not NAME=DIR", "Write it as --tablespace fast=/srv/fast.");
            const auto [at, fresh] = options->tablespaces.emplace(pair.substr(0, equals), pair.substr(equals + 1));
            if (!fresh) throw usage_error("--tablespace names " + at->first + " twice", "Give each tablespace one directory.");
        }
    };
    app.add_option_function<std::vector<std::string>>("--tablespace", take, "Put this tablespace there; may be repeated")
        ->type_name("NAME=DIR")
        ->allow_extra_args(false);
}

void add_include(CLI::App& app, const Options& options) {
    const auto take = [options](const std::vector<std::string>& words) {
        for (const auto& word : words) {
            if (word.empty()) throw usage_error("--include is empty", "Check the variable that stands for it.");
            options->include.push_back(word);
        }
    };
    app.add_option_function<std::vector<std::string>>("--include", take,
                                                      "Files: only this path or pattern, and what lies below; may be repeated")
        ->type_name("PATH")
        ->allow_extra_args(false);
}

void add_restore_options(CLI::App& app, const Options& options) {
    add_text(app, "SOURCE", "", options->source, "Source to give back")->required();
    add_target(app, options);
    add_text(app, "--to", "DIR", options->to, "Write a new data directory, database file or tree");
    add_text(app, "--into", "CONNECTION", options->into, "Write into this empty MySQL or MariaDB server");
    add_text(app, "--into-password", "REFERENCE", options->into_password, "Its password: file:, env: or credential:");
    app.add_flag("--delta", options->delta, "Keep what is already equal in DIR");
    app.add_flag("--replace", options->replace, "What is at the destination may be replaced (not in this build)");
    app.add_flag("--start", options->start, "Start the restored server (a data directory of MariaDB)");
    const auto take_action = [options](const std::string& action) {
        if (action != "pause" && action != "promote" && action != "shutdown")
            throw usage_error("--action " + action + " is unknown", "Actions at the target: pause, promote, shutdown.");
        options->action = action;
    };
    app.add_option_function<std::string>("--action", take_action, "At the target: pause, promote or shutdown [promote]")
        ->type_name("ACTION");
    add_include(app, options);
    add_tablespaces(app, options);
    app.add_flag("--as-production", options->as_production, "Go on archiving; without it a copy never archives");
    add_text(app, "--owner", "USER", options->owner, "Give the files to this user (as root) [as recorded]");
    app.add_flag("--on-demand-wal", options->on_demand_wal, "Fetch log when the server asks instead of staging it");
    app.add_flag("--skip-gtid", options->skip_gtid, "Leave out the transaction of --gtid and go on after it");
}

}  // namespace

void CommandTree::add_restore() {
    auto& restore = group("restore", "Give a source back, at any instant of its recovery window");

    auto [plan, plan_request] = command<RestorePlanRequest>(restore, "plan", "What a restore would do, before it does it");
    add_restore_options(*plan, {plan_request, &plan_request->options});

    auto [run, run_request] = command<RestoreRunRequest>(restore, "run", "Restore", Changes::something);
    add_restore_options(*run, {run_request, &run_request->options});
}

void CommandTree::add_verify() {
    auto [verify, verify_request] = command<VerifyRequest>(root_, "verify", "Check what is stored", Changes::something);
    const auto take_level = [request = verify_request](const std::string& level) {
        if (level.size() != 1 || level[0] < '0' || level[0] > '2')
            throw usage_error("--level " + level + " is unknown", "Levels: 0 names, 1 hashes of objects, 2 every chunk.");
        request->level = level[0] - '0';
    };
    verify->add_option_function<std::string>("--level", take_level, "0 names, 1 hashes of objects, 2 every chunk [1]")
        ->type_name("LEVEL");
    const auto take_budget = [request = verify_request](const std::string& size) {
        try {
            request->budget = parse_size(size);
        } catch (const Error& error) {
            throw usage_error("--budget " + size + ": " + error.sentence(), "Write a size such as 20GiB.");
        }
    };
    verify->add_option_function<std::string>("--budget", take_budget, "Read at most this much [no limit]")->type_name("SIZE");
}

void CommandTree::add_key() {
    auto& key = group("key", "List, export and prove the keys of the repository");
    command<KeyListRequest>(key, "list", "The keys that this host holds");

    auto [exported, export_request] =
        command<KeyExportRequest>(key, "export", "Print the secret key of a role", Changes::something);
    const auto take_role = [request = export_request](const std::string& role) {
        const std::map<std::string, KeyRole> roles{{"archive", KeyRole::archive},
                                                   {"maintain", KeyRole::maintain},
                                                   {"restore", KeyRole::restore},
                                                   {"admin", KeyRole::admin}};
        const auto found = roles.find(role);
        if (found == roles.end())
            throw usage_error("--role " + role + " is unknown", "Roles: archive, maintain, restore, admin.");
        request->role = found->second;
    };
    exported->add_option_function<std::string>("--role", take_role, "archive, maintain, restore or admin")
        ->type_name("ROLE")
        ->required();
    add_text(*exported, "--to", "FILE", export_request->to, "A new file, readable by its owner only [stdout]");

    auto [prove, prove_request] =
        command<KeyProveRequest>(key, "prove", "Prove that the recovery kit opens this repository", Changes::something);
    add_text(*prove, "--recovery-kit", "PATH", prove_request->recovery_kit, "The kit [where init wrote it]");
}

}  // namespace varve::cli
