#include "postgresql/follow.hpp"

#include <algorithm>

#include "postgresql/base_backup.hpp"
#include "postgresql/follow_stream.hpp"
#include "postgresql/server_error.hpp"
#include "postgresql/slot.hpp"
#include "postgresql/sync_names.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {

namespace {

Error behind_the_archive(const FollowStart& start, Lsn flushed, bool is_standby) {
    const auto what = "the archive has timeline " + std::to_string(timeline_of(start.lineage)) + " up to " + to_text(start.at) +
                      ", the server only up to " + to_text(flushed);
    if (is_standby) return Error{Fault::overloaded, what + ": this standby is behind"};
    return Error{Fault::conflict, what}.hint(
        "This server lost log, or is a copy that was restored. If it is the one to archive from now on, run: varve source "
        "adopt.");
}

}  // namespace

std::vector<Lineage> lineages_of(const ServerLog& server) {
    std::vector<Lineage> lineages{server.lineage};
    for (auto history = server.history; !history.lines.empty();) {
        history = parent_of(history);
        lineages.push_back(make_lineage(server.system_identifier, history, server.segment_bytes));
    }
    std::ranges::reverse(lineages);
    return lineages;
}

FollowStart find_start(const ServerLog& server, const std::optional<LogPosition>& from) {
    if (!from) return {server.lineage, std::max(segment_start(server.flushed, server.segment_bytes), server.lineage.begins_at)};
    if (const auto system = system_identifier_of(from->lineage); system != server.system_identifier)
        throw Error{Fault::conflict, "the server is another cluster (system identifier " + server.system_identifier +
                                         ") than the one archived here (" + system + ")"}
            .code("wrong_identity", 5)
            .hint("Check the connection. If the cluster was really made anew, run: varve source adopt.");
    const auto lineages = lineages_of(server);
    const auto known = std::ranges::find(lineages, from->lineage, &Lineage::name);
    if (known == lineages.end()) return {server.lineage, server.lineage.begins_at};
    const auto next = std::next(known);
    if (next == lineages.end() || from->at < next->parent->at) return {*known, from->at};
    return {*next, next->begins_at};
}

Follower::Follower(SourceName source, ConnectionSettings connection, std::string slot, Pools& pools, Clock& clock,
                   std::filesystem::path tail_file)
    : source_{std::move(source)},
      connection_{std::move(connection)},
      slot_{std::move(slot)},
      pools_{pools},
      clock_{clock},
      tail_file_{std::move(tail_file)} {}

Task<> Follower::follow(std::optional<LogPosition> from, LogSink& sink) {
    sink.throw_if_blocked();
    const auto session = co_await Session::open(connection_, SessionKind::replication, pools_);
    const auto server = co_await ask_server_log(*session);
    refuse_synchronous(co_await session->value("SHOW synchronous_standby_names"), connection_.application_name);
    auto start = find_start(server, from);
    if (from || !co_await begin_where_slot_holds(server, start)) co_return co_await follow_from(start, *session, server, sink);
    const auto before = sink.durable();
    bool is_gone = false;
    try {
        co_await follow_from(start, *session, server, sink);
    } catch (const Error& error) {
        is_gone = sqlstate_of(error) == "58P01" && sink.durable() == before;
        if (!is_gone) throw;
    }
    // What the slot seemed to hold is not there: a slot made anew holds what the server has from now on.
    const auto again = co_await Session::open(connection_, SessionKind::replication, pools_);
    co_await drop_own_slot(*again);
    const auto now = co_await ask_server_log(*again);
    co_await follow_from(find_start(now, from), *again, now, sink);
}

Task<> Follower::follow_from(FollowStart start, Session& session, const ServerLog& server, LogSink& sink) {
    const auto readiness = co_await prepare(session, server, start);
    last_pid_ = session.backend_pid();
    FollowContext context{source_,
                          connection_,
                          slot_,
                          server.segment_bytes,
                          server.system_identifier,
                          lineages_of(server),
                          readiness.complete_until,
                          readiness.is_standby,
                          std::nullopt,
                          tail_file_,
                          pools_,
                          clock_};
    if (!tail_file_.empty())
        context.expected = co_await on_pool(pools_.blocking, [file = tail_file_] { return find_tail_mark(file); });
    co_await follow_timelines(context, session, std::move(start), sink);
}

/// A slot of ours from a run that was cut before anything was archived still holds log that a base backup may need. False when
/// there is none.
Task<bool> Follower::begin_where_slot_holds(const ServerLog& server, FollowStart& start) {
    const auto sql = co_await Session::open(connection_, SessionKind::sql, pools_);
    const auto slot = co_await find_slot(*sql, slot_);
    if (!slot || slot->lost || !slot->holds_from || start.lineage.name != server.lineage.name) co_return false;
    const auto held = segment_start(*slot->holds_from, server.segment_bytes);
    start.at = std::min(start.at, std::max<Lsn>(held, start.lineage.begins_at));
    co_return true;
}

/// The SQL session ends here: it would hold a smart shutdown of the server.
Task<Follower::Readiness> Follower::prepare(Session& replication, const ServerLog& server, const FollowStart& start) {
    const auto sql = co_await Session::open(connection_, SessionKind::sql, pools_);
    const bool is_standby = co_await sql->value("SELECT pg_is_in_recovery()") == "t";
    if (start.lineage.name == server.lineage.name && start.at > server.flushed)
        throw behind_the_archive(start, server.flushed, is_standby);
    co_await prepare_slot(*sql, replication, slot_, last_pid_);
    co_return Readiness{.complete_until = co_await ask_time(*sql), .is_standby = is_standby};
}

Task<> Follower::drop_own_slot(Session& replication) {
    const auto sql = co_await Session::open(connection_, SessionKind::sql, pools_);
    co_await drop_slot(*sql, replication, slot_);
}

Task<LogProbe> Follower::probe(std::string mark) {
    const auto replication = co_await Session::open(connection_, SessionKind::replication, pools_);
    const auto server = co_await ask_server_log(*replication);
    const auto sql = co_await Session::open(connection_, SessionKind::sql, pools_);
    std::string written;
    if (co_await sql->value("SELECT pg_is_in_recovery()") == "t") {
        written = co_await sql->value("SELECT pg_last_wal_replay_lsn()");
    } else if (mark.empty()) {
        written = co_await sql->value("SELECT pg_switch_wal()");
    } else {
        Session::Parameters parameters{mark};
        written = co_await sql->value("SELECT pg_create_restore_point($1)", std::move(parameters));
        // A restore point alone stays in memory until something else is flushed; a commit flushes it.
        co_await sql->query("SELECT set_config('synchronous_commit', 'local', true), txid_current()");
    }
    co_return LogProbe{position_in(server.lineage, parse_lsn(written))};
}

Task<> Follower::retire() {
    const auto replication = co_await Session::open(connection_, SessionKind::replication, pools_);
    co_await drop_own_slot(*replication);
}

}  // namespace varve::postgresql
