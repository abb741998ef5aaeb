/// Every command and option, once: what is parsed, what help prints and what shells complete come from this tree.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/parse.hpp"

namespace varve::cli {

/// The tree and the place where a parse leaves what it found. Used for one parse.
class CommandTree {
public:
    CommandTree();
    CommandTree(const CommandTree&) = delete;
    CommandTree& operator=(const CommandTree&) = delete;

    CLI::App& root() noexcept { return root_; }
    const CLI::App& root() const noexcept { return root_; }
    /// What the last parse of root() found; its request is set when a whole command was named.
    const CommandLine& found() const noexcept { return found_; }
    bool version_asked() const noexcept { return version_; }

private:
    enum class Changes { nothing, something };

    CLI::App& group(std::string name, std::string summary);
    /// A leaf below `parent`. Its options write into the given request, which becomes found().request when the leaf was named.
    template <class R>
    std::pair<CLI::App*, std::shared_ptr<R>> command(CLI::App& parent, std::string name, std::string summary,
                                                     Changes changes = Changes::nothing) {
        auto* leaf = parent.add_subcommand(std::move(name), std::move(summary));
        add_globals(*leaf, changes);
        auto request = std::make_shared<R>();
        leaf->callback([this, request] { found_.request = *request; });
        return {leaf, request};
    }
    void add_globals(CLI::App& app, Changes changes);

    void add_setup();
    void add_backup();
    void add_log();
    void add_restore();
    void add_browse();
    void add_wal();
    void add_verify();
    void add_retention();
    void add_notes(CLI::App& backup);
    void add_collect();
    void add_key();
    void add_source();
    void add_notify();
    void add_config();

    CLI::App root_;
    CommandLine found_;
    bool version_ = false;
};

/// "backup run" for that leaf; "" for the root.
std::string words_of(const CLI::App& app);
/// The deepest command that the last parse of `root` named.
const CLI::App& named_command(const CLI::App& root);
/// The commands right below `app`, as declared.
std::vector<const CLI::App*> commands_of(const CLI::App& app);
/// Whether `app` only groups commands.
bool is_group(const CLI::App& app);

}  // namespace varve::cli
