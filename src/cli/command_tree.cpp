#include "cli/command_tree.hpp"

#include "cli/help_format.hpp"
#include "cli/manual.hpp"
#include "cli/options.hpp"

namespace varve::cli {

CommandTree::CommandTree() : root_{"Varve archives databases continuously and gives back any instant.", "varve"} {
    root_.formatter(std::make_shared<HelpFormat>());
    root_.require_subcommand(0, 1);
    root_.allow_extras();
    root_.set_help_flag("-h,--help", "Print what a command does and its options");
    root_.add_flag("--version", version_, "Print the version");
    add_globals(root_, Changes::nothing);
    add_setup();
    add_backup();
    add_log();
    add_restore();
    add_browse();
    add_wal();
    add_verify();
    add_retention();
    add_collect();
    add_key();
    add_source();
    add_notify();
    add_config();
    add_manual(root_);
}

/// Every command takes them, before or after its own options. Extras are allowed everywhere: parse() names the first one.
void CommandTree::add_globals(CLI::App& app, Changes changes) {
    app.allow_extras();
    app.get_help_ptr()->group(everywhere);
    add_text(app, "--config", "FILE", found_.globals.config, "Configuration [$VARVE_CONFIG, /etc/varve/varve.toml]")
        ->group(everywhere);
    app.add_flag("--json", found_.globals.json, "Answer with one JSON document on stdout")->group(everywhere);
    if (changes == Changes::something)
        app.add_flag("--dry-run", found_.globals.dry_run, "Say what would be done and change nothing")->group(everywhere);
}

CLI::App& CommandTree::group(std::string name, std::string summary) {
    auto* made = root_.add_subcommand(std::move(name), std::move(summary));
    made->require_subcommand(0, 1);
    add_globals(*made, Changes::nothing);
    return *made;
}

void CommandTree::add_setup() {
    auto [init, init_request] =
        command<InitRequest>(root_, "init", "Create the repository and its keys, or a further copy of it", Changes::something);
    add_text(*init, "--copy", "NAME", init_request->copy, "Make this [[repository]] entry a further copy of the existing one");
    init->add_flag("--sealed", init_request->sealed, "Give this host no key that can read what it archived");
    add_text(*init, "--recovery-kit", "PATH", init_request->recovery_kit, "Where to write the recovery kit");
    add_text(*init, "--host", "NAME", init_request->host, "This host's name in the repository [the machine's]");

    init->add_flag("--discover", init_request->discover, "Only look for what can be archived, and write a configuration to edit");
    const auto take_root = [request = init_request](const std::vector<std::string>& roots) {
        for (const auto& root : roots) request->roots.emplace_back(root);
    };
    init->add_option_function<std::vector<std::string>>("--root", take_root,
                                                        "With --discover: look for SQLite databases below it")
        ->type_name("DIR")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

    auto [check, check_request] =
        command<CheckRequest>(root_, "check", "Prove that sources and repositories can be archived", Changes::something);
    add_text(*check, "SOURCE", "", check_request->source, "Only this source");

    command<ServeRequest>(root_, "serve", "Run the service in the foreground");

    auto [status, status_request] =
        command<StatusRequest>(root_, "status", "One screen: is everything archived, and if not, why");
    add_text(*status, "SOURCE", "", status_request->source, "Only this source");
}

void CommandTree::add_backup() {
    auto& backup = group("backup", "Make and list base backups");

    auto [run, run_request] = command<BackupRunRequest>(backup, "run", "Make a backup of each source now", Changes::something);
    const auto take_source = [request = run_request](const std::string& name) {
        if (name.empty()) throw usage_error("SOURCE is empty", "Check the variable that stands for it.");
        request->sources.emplace_back(name);
    };
    run->add_option_function<std::vector<std::string>>(
           "SOURCE",
           [take_source](const std::vector<std::string>& names) {
               for (const auto& name : names) take_source(name);
           },
           "Sources to back up")
        ->type_name("")
        ->required();
    run->add_flag("--full", run_request->full, "Read everything; carry no unchanged file over unread");

    auto [list, list_request] = command<BackupListRequest>(backup, "list", "List backups, newest first");
    add_text(*list, "SOURCE", "", list_request->source, "Only this source");

    auto [show, show_request] = command<BackupShowRequest>(backup, "show", "Everything known of one backup");
    add_text(*show, "ID", "", show_request->id, "As printed by: varve backup list")->required();
    add_notes(backup);
}

void CommandTree::add_log() {
    auto& log = group("log", "Ship and list the transaction log");

    auto [follow, follow_request] =
        command<LogFollowRequest>(log, "follow", "Ship the log of a source in the foreground", Changes::something);
    add_text(*follow, "SOURCE", "", follow_request->source, "Source to follow")->required();
    follow->add_flag("--until-caught-up", follow_request->until_caught_up,
                     "End when all that the server had written by now is durable");

    auto [mark, mark_request] =
        command<MarkRequest>(root_, "mark", "Set a restore point under a name in a source's log", Changes::something);
    add_text(*mark, "SOURCE", "", mark_request->source, "Source that the service follows")->required();
    add_text(*mark, "NAME", "", mark_request->name, "What restore --mark asks for")->required();

    auto [list, list_request] = command<LogListRequest>(log, "list", "What log is archived, by lineage");
    add_text(*list, "SOURCE", "", list_request->source, "Source to list")->required();

    auto [gaps, gaps_request] = command<LogGapsRequest>(log, "gaps", "Log that the archive does not have, and why");
    add_text(*gaps, "SOURCE", "", gaps_request->source, "Source to list")->required();

    auto [exported, export_request] =
        command<LogExportRequest>(log, "export", "Write archived log as the engine's own files (binlogs of MySQL and MariaDB)");
    add_text(*exported, "SOURCE", "", export_request->source, "Whose log")->required();
    add_text(*exported, "--to", "DIR", export_request->to, "Where the files go")->required();
    add_text(*exported, "--lineage", "NAME", export_request->lineage, "As printed by: varve log list; else the newest");
}

void CommandTree::add_wal() {
    auto [push, push_request] =
        command<WalPushRequest>(root_, "wal-push", "Archive one WAL file (archive_command)", Changes::something);
    add_text(*push, "--source", "NAME", push_request->source, "Source that the file belongs to")->required();
    add_text(*push, "PATH", "", push_request->file, "The file: %p")->required();

    auto [fetch, fetch_request] =
        command<WalFetchRequest>(root_, "wal-fetch", "Give one WAL file back (restore_command)", Changes::something);
    add_text(*fetch, "--source", "NAME", fetch_request->source, "From the newest lineage of this source");
    add_text(*fetch, "--plan", "FILE", fetch_request->plan, "Along the path that a restore has frozen");
    add_text(*fetch, "NAME", "", fetch_request->name, "The file's name: %f")->required();
    add_text(*fetch, "PATH", "", fetch_request->to, "Where it goes: \"%p\"")->required();
}

void CommandTree::add_source() {
    auto& source = group("source", "Take over or give up a source");
    auto [adopt, adopt_request] =
        command<SourceAdoptRequest>(source, "adopt", "Accept a new server under a known name", Changes::something);
    add_text(*adopt, "NAME", "", adopt_request->source, "The source")->required();
    auto [retire, retire_request] = command<SourceRetireRequest>(
        source, "retire", "Give back what is held on the server; backups stay until they expire", Changes::something);
    add_text(*retire, "NAME", "", retire_request->source, "The source")->required();
}

void CommandTree::add_notify() {
    auto& notify = group("notify", "Who is told when something is wrong");
    command<NotifyTestRequest>(notify, "test", "Send a test to every receiver of notifications", Changes::something);
}

void CommandTree::add_config() {
    auto& config = group("config", "Check and show the configuration");
    command<ConfigCheckRequest>(config, "check", "Name every mistake in the configuration; needs no network");
    command<ConfigShowRequest>(config, "show", "Each effective value and where it came from");

    auto [completion, completion_request] = command<CompletionRequest>(root_, "completion", "Print a completion script");
    const auto take_shell = [request = completion_request](const std::string& shell) {
        if (shell != "bash" && shell != "zsh" && shell != "fish")
            throw usage_error("there is no completion for " + shell, "Shells with completion: bash, zsh, fish.");
        request->shell = shell;
    };
    completion->add_option_function<std::string>("SHELL", take_shell, "bash, zsh or fish")->type_name("")->required();

    command<VersionRequest>(root_, "version", "Print the version");
}

std::string words_of(const CLI::App& app) {
    if (app.get_parent() == nullptr) return {};
    const auto before = words_of(*app.get_parent());
    return before.empty() ? app.get_name() : before + " " + app.get_name();
}

const CLI::App& named_command(const CLI::App& root) {
    const CLI::App* deepest = &root;
    for (auto named = root.get_subcommands(); !named.empty(); named = deepest->get_subcommands()) deepest = named.front();
    return *deepest;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

bool is_group(const CLI::App& app) { return !commands_of(app).empty(); }

}  // namespace varve::cli
