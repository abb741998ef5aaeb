// The commands that look into backups.
#include "cli/command_tree.hpp"
#include "cli/options.hpp"
#include "varve/patterns.hpp"

namespace varve::cli {
namespace {

Instant time_of(const std::string& name, const std::string& text) {
    try {
        return from_rfc3339(text);
    } catch (const Error& error) {
        throw usage_error(name + " " + text + ": " + error.sentence(),
                          "Write it as 2026-11-23T14:30:00Z or 2026-11-23T15:30:00+01:00.");
    }
}

void refuse_empty(const std::string& name, const std::string& text) {
    if (text.empty()) throw usage_error(name + " is empty", "Check the variable that stands for it.");
}

/// `choice` lives in the command's request, which `owner` keeps.
void add_choice(CLI::App& app, const std::shared_ptr<void>& owner, BackupChoice& choice) {
    const auto take_time = [owner, &choice](const std::string& text) {
        refuse_empty("--at", text);
        choice.time = time_of("--at", text);
    };
    const auto* group = "Backup (one of them)";
    app.add_option_function<std::string>("--at", take_time, "The newest that had ended by this time (RFC 3339 with offset)")
        ->type_name("TIME")
        ->group(group);
    add_text(app, "--backup", "ID", choice.backup, "As printed by: varve backup list")->group(group);
    app.add_flag_function("--latest", [](std::int64_t) {}, "The newest (the default)")->group(group);
}

/// "latest", a time, or an id.
BackupChoice named(const std::string& name, const std::string& text) {
    refuse_empty(name, text);
    BackupChoice choice;
    if (text == "latest") return choice;
    // Ids begin with a date, too, and have no dash in it.
    if (text.size() > 4 && text[4] == '-') choice.time = time_of(name, text);
    if (!choice.time) choice.backup = BackupId{text};
    return choice;
}

void add_words(CLI::App& app, const std::string& name, const std::string& help,
               std::function<void(const std::string& word)> take) {
    const auto take_all = [name, take](const std::vector<std::string>& words) {
        for (const auto& word : words) {
            refuse_empty(name, word);
            take(word);
        }
    };
    app.add_option_function<std::vector<std::string>>(name, take_all, help)->type_name("")->required();
}

}  // namespace

void CommandTree::add_browse() {
    auto [list, list_request] = command<ListFilesRequest>(root_, "ls", "What lies in a folder of a backup");
    add_text(*list, "SOURCE", "", list_request->source, "Source whose backups are looked into")->required();
    add_text(*list, "PATH", "", list_request->path, "The folder, or a single entry [the top]");
    add_choice(*list, list_request, list_request->choice);
    list->add_flag("--recursive", list_request->recursive, "Everything below it");

    auto [find, find_request] =
        command<FindFilesRequest>(root_, "find", "Where in a backup, or in which backups, something lies");
    add_text(*find, "SOURCE", "", find_request->source, "Source whose backups are searched")->required();
    add_words(*find, "PATTERN", "What is looked for: a name, a path, or a pattern", [request = find_request](const auto& word) {
        if (word.front() == '!')
            throw usage_error("the pattern " + word + " takes back what nothing has matched",
                              "For a name that begins so, write \\" + word + ".");
        try {
            const Patterns checked{{word}};
        } catch (const Error& error) {
            throw usage_error("the pattern " + word + " can match nothing", "Give a name, a path, or a pattern such as '*.jpg'.");
        }
        request->patterns.push_back(word);
    });
    add_choice(*find, find_request, find_request->choice);
    find->add_flag("--all", find_request->all, "Search every backup; tell which versions there are, and which backups have them");

    auto [cat, cat_request] = command<CatFilesRequest>(root_, "cat", "Print the content of files of a backup");
    add_text(*cat, "SOURCE", "", cat_request->source, "Source whose backups are looked into")->required();
    add_words(*cat, "PATH", "Files, as varve ls shows them",
              [request = cat_request](const auto& word) { request->paths.push_back(word); });
    add_choice(*cat, cat_request, cat_request->choice);

    auto [diff, diff_request] = command<DiffFilesRequest>(root_, "diff", "What is different between two backups");
    add_text(*diff, "SOURCE", "", diff_request->source, "Source whose backups are compared")->required();
    const auto take_side = [request = diff_request](BackupChoice DiffFilesRequest::* side, const std::string& name) {
        return [request, side, name](const std::string& text) { (*request).*side = named(name, text); };
    };
    diff->add_option_function<std::string>("A", take_side(&DiffFilesRequest::before, "A"),
                                           "The backup before: its id, a time, or latest")
        ->type_name("")
        ->required();
    diff->add_option_function<std::string>("B", take_side(&DiffFilesRequest::after, "B"), "The backup after, alike")
        ->type_name("")
        ->required();
}

}  // namespace varve::cli
