#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "app/commands.hpp"
#include "config/discover.hpp"
#include "jobs/backup_job.hpp"
#include "jobs/hold_job.hpp"
#include "jobs/source_memory.hpp"
#include "stores/store_factory.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

std::string host_or_machine(const std::string& given) {
    if (!given.empty()) return given;
    std::string name(256, '\0');
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.c_str();
}

std::filesystem::path kit_file(const App& app, const std::optional<std::filesystem::path>& given) {
    return given ? *given : std::filesystem::path{app.keys_file().string() + ".recovery-kit"};
}

Task<> make_places(App& app, const std::optional<RepositoryName>& only) {
    for (const auto& settings : app.config().repositories)
        if (!only || settings.name == *only)
            co_await create_store_place(settings.url, {.pools = app.runtime().pools(), .clock = app.runtime().clock()});
}

/// Neither file may be there: a key that is overwritten is an archive that nobody can read.
void require_absent(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return;
    throw Error{Fault::conflict, path.string() + " is there already"}.hint(
        "It may open an archive: move it away only when you know that it does not.");
}

struct NamedKey {
    std::string role;
    const std::optional<Secret>& key;
};

std::vector<NamedKey> named_keys(const KeyRing& ring) {
    return {{"archive", ring.archive}, {"restore", ring.restore}, {"maintain", ring.maintain},
            {"escrow", ring.escrow},   {"host", ring.host},       {"admin", ring.admin}};
}

/// Of the public key where there is one: two people may compare it aloud. Of the archive key only a hash can be shown.
std::string fingerprint_of(const NamedKey& named) {
    if (named.role == "archive") return to_hex(sha256(named.key->view())).substr(0, 16);
    const bool signs = named.role == "host" || named.role == "admin";
    return to_hex(ByteView{key_id_of(signs ? ed25519_public(*named.key) : x25519_public(*named.key))});
}

std::string id_text(const RepositoryId& id) { return to_hex(ByteView{id}); }

/// A text that holds keys, wiped when it goes.
class KeyText {
public:
    explicit KeyText(std::string text) : text_{std::move(text)} {}
    KeyText(const KeyText&) = delete;
    KeyText& operator=(const KeyText&) = delete;
    ~KeyText() { ::explicit_bzero(text_.data(), text_.size()); }
    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

KeyRing read_ring(const std::filesystem::path& path) {
    auto content = read_file(path);
    const KeyText text{std::string{text_of(content)}};
    ::explicit_bzero(content.data(), content.size());
    return KeyRing::parse(text.text(), path.string());
}

void create_ring(const std::filesystem::path& path, const KeyRing& ring) {
    const KeyText text{ring.print()};
    create_file(path, view_of(text.text()));
}

/// Both files of an earlier init, when they belong together.
std::optional<NewRepository> keys_of_cut_init(const std::filesystem::path& keys, const std::filesystem::path& kit, bool sealed) {
    if (!std::filesystem::exists(keys) || !std::filesystem::exists(kit)) return std::nullopt;
    NewRepository begun{.mode = sealed ? RepositoryMode::sealed : RepositoryMode::managed,
                        .host_keys = read_ring(keys),
                        .recovery_kit = read_ring(kit)};
    if (begun.host_keys.repository != begun.recovery_kit.repository) return std::nullopt;
    return begun;
}

cli::InitResult init_result(const Copies& copies, const NewRepository& made, const std::filesystem::path& keys_path,
                            const std::filesystem::path& kit_path) {
    const bool sealed = made.mode == RepositoryMode::sealed;
    cli::InitResult result;
    result.repository_id = id_text(made.host_keys.repository);
    result.mode = sealed ? "sealed" : "managed";
    result.host = made.host_keys.host_name;
    for (const auto& copy : copies.all()) result.copies.push_back(copy.name);
    result.keys_file = keys_path.string();
    result.recovery_kit = kit_path.string();
    result.next_steps = {"Copy the recovery kit to a safe place off this host, and prove it there: varve key prove.",
                         "Look whether every source can be archived: varve check.", "Start archiving: varve serve."};
    if (sealed)
        result.next_steps.insert(result.next_steps.begin(),
                                 "Remove the recovery kit from this host: while it lies here, the host can read the past.");
    return result;
}

/// A run may have been cut between two copies: then it goes on.
Task<bool> every_copy_has_config(Copies& copies) {
    const auto listing = co_await copies.list_held("config/", {}, Copies::Answers::all);
    co_return std::ranges::all_of(copies.all(), [&](const Copy& copy) {
        return std::ranges::any_of(listing.objects, [&](const HeldObject& held) {
            return std::ranges::find(held.copies, copy.name) != held.copies.end();
        });
    });
}

std::filesystem::path proof_file(const App& app) { return app.config().state_dir / "recovery-kit-proved"; }

}  // namespace

cli::DiscoverResult discover_sources(const std::filesystem::path& file, const cli::InitRequest& request) {
    if (std::filesystem::exists(file))
        throw Error{Fault::conflict, file.string() + " is there already"}.hint(
            "Write what is found to another file, and take over what you want: varve init --discover --config FILE");
    DiscoverPlaces places;
    places.roots = request.roots;
    if (const char* hop3 = std::getenv("HOP3_ROOT"); hop3 != nullptr && *hop3 != '\0') places.hop3 = hop3;
    const auto found = discover(places);
    if (file.has_parent_path()) make_directories(file.parent_path(), 0755);
    create_file(file, view_of(commented_config(found)));
    cli::DiscoverResult result{
        .file = file.string(),
        .found = {},
        .next_steps = {"Take away the \"# \" in front of what you want to archive in " + file.string() + ".",
                       "Make the repository and its keys: varve init."}};
    for (const auto& source : found)
        result.found.push_back(
            {.source = SourceName{source.name}, .driver = source.driver, .what = source.why, .supported = source.supported});
    return result;
}

Task<cli::InitResult> init(App& app, cli::InitRequest request) {
    cli::InitResult result;
    auto copies = app.make_copies();
    if (request.copy) {
        const auto named = std::ranges::any_of(copies->all(), [&](const Copy& copy) { return copy.name == *request.copy; });
        if (!named) throw Error{Fault::invalid, "the configuration has no repository named " + request.copy->text()};
        co_await make_places(app, request.copy);
        co_await Repository::share_config(*copies);
        const auto keys = app.read_keys();
        result.repository_id = id_text(keys.repository);
        result.host = keys.host_name;
        result.copies = {*request.copy};
        result.next_steps = {"Take a backup: everything new goes to the new copy as well."};
        co_return result;
    }
    const auto keys_path = app.keys_file();
    const auto kit_path = kit_file(app, request.recovery_kit);
    if (const auto begun = keys_of_cut_init(keys_path, kit_path, request.sealed)) {
        // A run that was cut after it saved its keys is finished with the same ones.
        co_await make_places(app, {});
        if (co_await every_copy_has_config(*copies)) require_absent(keys_path);  // it was finished already
        co_await Repository::create(*copies, *begun);
        co_return init_result(*copies, *begun, keys_path, kit_path);
    }
    require_absent(keys_path);
    require_absent(kit_path);
    co_await make_places(app, {});
    auto save = [&](const NewRepository& made) -> Task<> {
        make_directories(keys_path.parent_path());
        create_ring(kit_path, made.recovery_kit);
        create_ring(keys_path, made.host_keys);
        co_return;
    };
    const auto mode = request.sealed ? RepositoryMode::sealed : RepositoryMode::managed;
    const auto made = co_await Repository::create(*copies, mode, host_or_machine(request.host), save);
    co_return init_result(*copies, made, keys_path, kit_path);
}

cli::KeyListResult list_keys(const App& app) {
    const auto ring = app.read_keys();
    cli::KeyListResult result;
    result.repository_id = id_text(ring.repository);
    result.host = ring.host_name;
    for (const auto& named : named_keys(ring))
        if (named.key)
            result.keys.push_back({.role = named.role, .fingerprint = fingerprint_of(named), .place = app.config().keys});
    if (const auto proof = find_file(proof_file(app))) result.proved = from_rfc3339(text_of(*proof));
    return result;
}

Task<cli::KeyExportResult> export_key(App& app, cli::KeyExportRequest request) {
    const auto ring = app.read_keys();
    KeyRing exported;
    exported.repository = ring.repository;
    exported.host_name = ring.host_name;
    std::string role;
    switch (request.role) {
        case cli::KeyRole::archive:
            exported.archive = ring.require(ring.archive, role = "archive", "exporting it");
            break;
        case cli::KeyRole::maintain:
            exported.maintain = ring.require(ring.maintain, role = "maintain", "exporting it");
            break;
        case cli::KeyRole::restore:
            exported.restore = ring.require(ring.restore, role = "restore", "exporting it");
            break;
        case cli::KeyRole::admin:
            exported.admin = ring.require(ring.admin, role = "admin", "exporting it");
            break;
    }
    cli::KeyExportResult result{.role = role, .key = {}, .file = {}};
    if (request.to) {
        create_ring(*request.to, exported);
        result.file = request.to->string();
    } else {
        result.key = exported.print();
    }
    co_return result;
}

namespace {

/// The key of a backup that `ring` opened, content and all.
Task<std::string> open_newest(App& app, KeyRing ring, std::string role) {
    const auto repository = co_await Repository::open(app.make_copies(), std::move(ring), app.runtime().pools());
    for (const auto& source : co_await repository->sources()) {
        const auto backups = co_await repository->backups(source);
        if (backups.empty()) continue;
        const auto& newest = backups.front();
        const auto manifest = co_await repository->manifest(source, newest);
        if (!manifest.content)
            throw Error{Fault::denied, "the kit's " + role + " key does not open " + newest.key.text()}.code("wrong_key", 12);
        co_return newest.key.text();
    }
    throw Error{Fault::missing, "there is no backup yet that the kit could be proven on"}.hint(
        "Take one with varve backup run, then prove the kit.");
}

}  // namespace

/// Opens something real with the kit alone: a kit that was copied wrongly is found now and not on the day it is needed. Each key
/// by itself: one that works would hide that another does not.
Task<cli::KeyProveResult> prove_kit(App& app, cli::KeyProveRequest request) {
    const auto path = kit_file(app, request.recovery_kit);
    const auto kit = read_ring(path);
    (void)kit.require(kit.escrow, "escrow", "restoring with the kit alone");
    cli::KeyProveResult result;
    result.recovery_kit = path.string();
    result.repository_id = id_text(kit.repository);
    for (const auto& [role, key] : {std::pair{"restore", &KeyRing::restore}, std::pair{"escrow", &KeyRing::escrow}}) {
        if (!(kit.*key)) continue;
        KeyRing alone;
        alone.repository = kit.repository;
        alone.host_name = kit.host_name;
        alone.*key = kit.*key;
        result.opened = co_await open_newest(app, std::move(alone), role);
    }
    result.time = app.runtime().clock().now();
    make_directories(app.config().state_dir);
    replace_file(proof_file(app), view_of(to_rfc3339(result.time)));
    co_return result;
}

Task<cli::SourceChangeResult> adopt_source(App& app, cli::SourceAdoptRequest request) {
    auto& source = app.source(request.source);
    const auto state = co_await source.driver->inspect();
    adopt_identity(source.setup, state.identity);
    co_return cli::SourceChangeResult{
        .source = request.source,
        .change = "adopted",
        .identity = state.identity,
        .notes = {"From now on this is the server archived under the name; what was archived before stays."}};
}

/// The server may be gone for good: what it held is told, and the source is retired all the same.
Task<cli::SourceChangeResult> retire_source(App& app, cli::SourceRetireRequest request) {
    auto& source = app.source(request.source);
    cli::SourceChangeResult result{.source = request.source, .change = "retired", .identity = {}, .notes = {}};
    std::optional<Error> silence;
    try {
        co_await source.driver->retire();
    } catch (const Error& error) {
        if (!error.retryable()) throw;
        silence = error;
    }
    result.notes.push_back(silence ? "The server does not answer, and may hold log for Varve still: " + silence->sentence()
                                   : std::string{"The server holds nothing for Varve any more."});
    if (app.jobs().repository.keys().admin && co_await app.jobs().repository.find_folder(request.source)) {
        co_await put_note(app.jobs(), {.source = request.source, .backup = {}}, "retire");
        result.notes.emplace_back(
            "Its backups stay until their time is over; then the last ones go, too. A new backup ends that.");
    } else {
        result.notes.emplace_back(
            "Its backups stay until their time is over; the newest ones stay until this command is run where the admin's key "
            "is.");
    }
    result.notes.emplace_back("Set enabled = false. Collection looks only at sources that the configuration has.");
    co_return result;
}

}  // namespace varve
