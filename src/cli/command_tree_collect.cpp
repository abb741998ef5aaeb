// The commands that say what must stay and what may go, and the one that removes it.
#include "cli/command_tree.hpp"
#include "cli/options.hpp"
#include "varve/clock.hpp"

namespace varve::cli {

namespace {

constexpr auto subject_help = "A backup as printed by: varve backup list; or a source: all of it";

Instant time_of(const std::string& text) {
    try {
        return from_rfc3339(text);
    } catch (const Error& error) {
        throw usage_error("--until " + text + ": " + error.sentence(),
                          "Write it as 2026-11-23T14:30:00Z or 2026-11-23T15:30:00+01:00.");
    }
}

}  // namespace

void CommandTree::add_notes(CLI::App& backup) {
    auto [hold, hold_request] =
        command<BackupHoldRequest>(backup, "hold", "Keep a backup whatever its time is", Changes::something);
    add_text(*hold, "ID", "", hold_request->subject, subject_help)->required();
    const auto take_until = [request = hold_request](const std::string& text) { request->until = time_of(text); };
    hold->add_option_function<std::string>("--until", take_until, "Until then (RFC 3339 with offset) [until it is released]")
        ->type_name("TIME");

    auto [release, release_request] =
        command<BackupReleaseRequest>(backup, "release", "End the holds on a backup (admin)", Changes::something);
    add_text(*release, "ID", "", release_request->subject, subject_help)->required();

    auto [acknowledge, acknowledge_request] = command<BackupAcknowledgeRequest>(
        backup, "acknowledge", "Say that what stops collection was looked at (admin)", Changes::something);
    add_text(*acknowledge, "ID", "", acknowledge_request->subject, subject_help)->required();

    auto [remove, remove_request] = command<BackupDeleteRequest>(
        backup, "delete", "End the time of a backup now (admin); the brakes hold", Changes::something);
    add_text(*remove, "ID", "", remove_request->id, "As printed by: varve backup list")->required();
}

void CommandTree::add_collect() {
    auto& collect = group("gc", "Remove what nothing keeps any more");
    command<CollectPlanRequest>(collect, "plan", "What is condemned, what would go now, and what stops it; removes nothing");
    auto [run, run_request] = command<CollectRunRequest>(
        collect, "run", "Condemn what nothing keeps; remove what was condemned three days ago", Changes::something);
    run->add_flag("--approve", run_request->approve, "Sign as the admin: what the brakes on early removal stop may go");
    auto [explain, explain_request] =
        command<CollectExplainRequest>(collect, "explain", "What keeps an object, or who removed it, when and why");
    add_text(*explain, "KEY", "", explain_request->key, "An object's key, or a backup's id")->required();
}

}  // namespace varve::cli
