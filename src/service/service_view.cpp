#include "service/service_view.hpp"

namespace varve {

ServiceView view_of(const ServedState& state, const Copies& copies, Instant now) {
    ServiceView view{.follows = state.follows,
                     .connected = state.log.connected,
                     .backing_up = state.backing_up,
                     .log_problem = state.log.problem,
                     .log_remedy = state.log.remedy,
                     .backup_problem = state.last_backup_problem,
                     .durable_through = state.log.durable_through,
                     .lineage = {},
                     .durable = {},
                     .next_backup = state.next_backup,
                     .gaps = state.log.gaps,
                     .backups = state.backups};
    if (state.log.durable) view.lineage = state.log.durable->lineage;
    std::optional<std::chrono::microseconds> lag;
    if (state.log.connected) lag = std::chrono::microseconds{0};
    if (state.log.waiting_since) lag = now - *state.log.waiting_since;
    for (const auto& [name, position] : state.log.copies.durable) {
        auto& copy = view.durable[name];
        copy.position = position.text;
        copy.time = state.log.copies.durable_since.at(name);
    }
    for (const auto& [name, problem] : state.log.copies.failing) view.durable[name].problem = problem;
    for (const auto& configured : copies.all()) {
        // What waits for a required copy counts also before the first object that it took from this process.
        const bool awaited = configured.required && state.log.waiting_since;
        if (!awaited && !view.durable.contains(configured.name)) continue;
        auto& copy = view.durable[configured.name];
        copy.required = configured.required;
        const bool newest = state.log.durable && copy.position == state.log.durable->text;
        if (!copy.required && (!newest || !copy.problem.empty())) continue;
        copy.lag = lag;
        if (lag) copy.lag_bytes = state.log.waiting_bytes;
    }
    return view;
}

}  // namespace varve
