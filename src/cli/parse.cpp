#include "cli/parse.hpp"

#include <algorithm>

#include "base/did_you_mean.hpp"
#include "cli/command_tree.hpp"
#include "cli/options.hpp"

namespace varve::cli {
namespace {

std::string help_command(const CLI::App& app) {
    const auto words = words_of(app);
    return "varve " + (words.empty() ? "" : words + " ") + "--help";
}

Error usage_error_at(const CLI::App& app, std::string sentence, const std::optional<std::string>& meant) {
    auto hint = meant ? "Did you mean " + *meant + "? " : std::string{};
    return usage_error(std::move(sentence), std::move(hint) + "See: " + help_command(app) + ".");
}

std::vector<std::string> commands_below(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* command : commands_of(app)) names.push_back(command->get_name());
    return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* option : app.get_options())
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    return names;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// The words that belong to nothing are the mistake, whatever else is missing because of them.
void refuse_unknown(const CLI::App& root, const CLI::App& command) {
    const auto extras = root.remaining(true);
    if (extras.empty()) return;
    const auto is_option = [](const std::string& word) { return word.size() > 1 && word.front() == '-'; };
    const auto option = std::find_if(extras.begin(), extras.end(), is_option);
    if (option != extras.end()) {
        const auto name = option->substr(0, option->find('='));
        throw usage_error_at(command, "unknown option " + name, did_you_mean(name, options_of(command)));
    }
    const auto& word = extras.front();
    const auto before = words_of(command);
    if (is_group(command))
        throw usage_error_at(command, "unknown command " + (before.empty() ? "" : before + " ") + word,
                             did_you_mean(word, commands_below(command)));
    throw usage_error_at(command, before + " does not take " + word, {});
}

void require_whole_command(const CLI::App& command) {
    if (!is_group(command)) return;
    if (command.get_parent() == nullptr) throw usage_error_at(command, "varve needs a command", {});
    throw usage_error_at(command, words_of(command) + " needs one of: " + joined(commands_below(command)), {});
}

/// What CLI11 found wrong, in our words.
Error translated(const CLI::ParseError& error, const CLI::App& command) {
    for (const auto* option : command.get_options())
        if (option->get_expected_max() == 1 && option->results().size() > 1)
            return usage_error_at(command, option->get_name() + " is given more than once", {});
    const std::string text = error.what();
    const auto subject = text.substr(0, text.find(':'));
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
        const auto name = text.substr(0, text.find(' '));
        return usage_error_at(command, words_of(command) + " needs " + name, {});
    }
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
        return usage_error_at(command, subject + " needs a value", {});
    if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr || dynamic_cast<const CLI::InvalidError*>(&error) != nullptr)
        return usage_error_at(command, text, {});
    return usage_error_at(command, text, {});
}

/// Names of the given options among `names`, as typed.
std::vector<std::string> given(const CLI::App& app, const std::vector<std::string>& names) {
    std::vector<std::string> found;
    for (const auto& name : names)
        if (const auto* option = app.get_option_no_throw(name); option != nullptr && option->count() > 0) found.push_back(name);
    return found;
}

void require_at_most_one(const CLI::App& app, const std::vector<std::string>& names, const std::string& what) {
    const auto found = given(app, names);
    if (found.size() <= 1) return;
    throw usage_error_at(app, found[0] + " and " + found[1] + " exclude each other: give one " + what, {});
}

const std::vector<std::string>& target_names() {
    static const std::vector<std::string> names{"--at",   "--latest", "--backup",      "--immediate", "--lsn", "--xid",
                                                "--name", "--gtid",   "--before-gtid", "--position",  "--txn", "--mark"};
    return names;
}

/// Promised, and not there yet: taken without a word they would be believed.
void refuse_what_is_not_built(const RestoreOptions& options) {
    if (options.replace)
        throw usage_error("--replace is not in this build",
                          "Restore to a new directory, or use --delta to write over an earlier copy of the same source.");
}

void check_restore(const CLI::App& app, const RestoreOptions& options, bool runs) {
    refuse_what_is_not_built(options);
    require_at_most_one(app, target_names(), "target");
    require_at_most_one(app, {"--to", "--into"}, "destination");
    if (runs && given(app, {"--to", "--into"}).empty())
        throw usage_error_at(app, "restore run needs a destination: --to DIR or --into CONNECTION", {});
    if (options.into && options.delta)
        throw usage_error_at(app, "--into and --delta exclude each other: an empty server has nothing to keep", {});
    if (options.into && options.start)
        throw usage_error_at(app, "--into and --start exclude each other: that server runs already", {});
    if (options.into_password && !options.into) throw usage_error_at(app, "--into-password needs --into CONNECTION", {});
    if (options.skip_gtid && options.target.kind != Target::Kind::gtid)
        throw usage_error_at(app, "--skip-gtid needs --gtid GTID", {});
}

void check_rules(const CLI::App& app, const Request& request) {
    if (const auto* run = std::get_if<RestoreRunRequest>(&request)) check_restore(app, run->options, true);
    if (const auto* plan = std::get_if<RestorePlanRequest>(&request)) check_restore(app, plan->options, false);
    require_at_most_one(app, {"--at", "--latest", "--backup", "--all"}, "choice");
    if (std::holds_alternative<WalFetchRequest>(request)) {
        require_at_most_one(app, {"--source", "--plan"}, "origin");
        if (given(app, {"--source", "--plan"}).empty())
            throw usage_error_at(app, "wal-fetch needs an origin: --source NAME or --plan FILE", {});
    }
}

/// `varve help backup run` is `varve backup run --help`.
std::vector<std::string> without_help_word(std::vector<std::string> arguments) {
    if (arguments.empty() || arguments.front() != "help") return arguments;
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
    return arguments;
}

}  // namespace

Error usage_error(std::string sentence, std::string hint) {
    return Error{Fault::invalid, std::move(sentence)}.hint(std::move(hint)).code("usage", 2);
}

std::variant<CommandLine, HelpText> parse(const std::vector<std::string>& arguments) {
    CommandTree tree;
    auto& root = tree.root();
    if (arguments.empty()) return HelpText{root.help(), 2};
    auto words = without_help_word(arguments);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    try {
        root.parse(std::move(words));
    } catch (const CLI::CallForHelp&) {
        const auto& named = named_command(root);
        if (is_group(named)) refuse_unknown(root, named);
        return HelpText{root.help(), 0};
    } catch (const CLI::ParseError& error) {
        const auto& named = named_command(root);
        refuse_unknown(root, named);
        throw translated(error, named);
    }
    const auto& named = named_command(root);
    refuse_unknown(root, named);
    auto found = tree.found();
    if (tree.version_asked()) {
        found.command = "version";
        found.request = VersionRequest{};
        return found;
    }
    require_whole_command(named);
    check_rules(named, found.request);
    found.command = words_of(named);
    return found;
}

Glance glance(const std::vector<std::string>& arguments) {
    const CommandTree tree;
    Glance seen;
    const CLI::App* at = &tree.root();
    for (const auto& word : arguments) {
        if (word == "--") break;
        if (word == "--json") seen.json = true;
        if (!is_group(*at)) continue;
        const auto below = at->get_subcommands([&word](const CLI::App* app) { return app->get_name() == word; });
        if (below.empty()) continue;
        at = below.front();
        seen.command = words_of(*at);
    }
    return seen;
}

}  // namespace varve::cli
