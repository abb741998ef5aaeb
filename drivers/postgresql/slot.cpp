#include "postgresql/slot.hpp"

#include "postgresql/server_error.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {

namespace {

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

Error in_use(const std::string& name, int pid) {
    return Error{Fault::conflict, "the replication slot " + name + " is in use by server process " + std::to_string(pid)}
        .with("pid", std::to_string(pid))
        .code("busy", 11)
        .hint("Stop the other archiver, or give this source a slot of its own with slot = \"…\".");
}

Task<> create(Session& replication, const std::string& name) {
    co_await replication.query("CREATE_REPLICATION_SLOT " + quoted(name) + " PHYSICAL RESERVE_WAL");
}

Task<> drop(Session& replication, const std::string& name) {
    co_await replication.query("DROP_REPLICATION_SLOT " + quoted(name));
}

}  // namespace

Task<std::optional<SlotState>> find_slot(Session& sql, std::string name) {
    Session::Parameters parameters{name};
    const auto rows = co_await sql.query(
        "SELECT slot_type, active_pid, restart_lsn, coalesce(wal_status = 'lost', false) AS lost FROM pg_replication_slots WHERE "
        "slot_name = $1",
        std::move(parameters));
    if (rows.empty()) co_return std::nullopt;
    SlotState state;
    state.physical = rows.text(0, "slot_type") == "physical";
    if (const auto pid = rows.find(0, "active_pid")) state.active_pid = std::stoi(std::string{*pid});
    if (const auto from = rows.find(0, "restart_lsn")) state.holds_from = parse_lsn(*from);
    state.lost = rows.flag(0, "lost");
    co_return state;
}

Task<> prepare_slot(Session& sql, Session& replication, std::string name, std::optional<int> own_pid) {
    const auto found = co_await find_slot(sql, name);
    if (!found) {
        co_await create(replication, name);
        co_return;
    }
    if (!found->physical)
        throw Error{Fault::conflict, "the replication slot " + name + " is a logical one"}.hint(
            "Give this source a slot of its own with slot = \"…\".");
    if (found->active_pid && found->active_pid == own_pid)
        throw Error{Fault::overloaded, "the server has not yet noticed the end of our last connection"};
    if (found->active_pid) throw in_use(name, *found->active_pid);
    if (!found->lost) co_return;
    co_await drop(replication, name);
    co_await create(replication, name);
}

Task<> drop_slot(Session& sql, Session& replication, std::string name) {
    const auto found = co_await find_slot(sql, name);
    if (!found) co_return;
    if (found->active_pid) throw in_use(name, *found->active_pid);
    co_await drop(replication, name);
}

}  // namespace varve::postgresql
