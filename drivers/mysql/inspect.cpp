#include "mysql/inspect.hpp"

#include <algorithm>

#include "mysql/check.hpp"
#include "mysql/file_head.hpp"
#include "mysql/server.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

/// Asking for every table costs a large server something, and who follows its log asks often.
constexpr std::chrono::minutes tables_seen_for{1};

struct Look {
    ServerFacts server{};
    std::vector<Finding> findings{};
    bool can_be_followed = true;
};

TablesSeen look_at_tables(Connection& connection) {
    TablesSeen seen{.at = std::chrono::steady_clock::now(), .bytes = 0, .findings = check_tables(connection)};
    const auto text = connection.find_value(
        "SELECT CAST(coalesce(sum(data_length + index_length), 0) AS UNSIGNED) FROM information_schema.tables");
    if (text) seen.bytes = std::stoull(*text);
    return seen;
}

/// The second that a file was begun in stands before its checksum.
Instant begun_at(const Fingerprint& fingerprint) { return Instant{std::chrono::seconds{std::stoull(fingerprint)}}; }

std::vector<Finding> look_at_horizon(Connection& connection, const ConnectionSettings& settings, const ServerFacts& server,
                                     const std::string& next) {
    const auto files = ask_binlog_files(connection);
    const auto found = std::ranges::find(files, next, &BinlogFile::name);
    if (found == files.end())
        return {{Finding::Level::warning, "the server has purged " + next + ", which is not archived",
                 "The log goes on with a gap and a new base backup."}};
    if (std::next(found) == files.end()) return {};
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    return check_horizon(server, next, begun_at(ask_fingerprint(settings, std::next(found)->name)), now);
}

bool has_error(const std::vector<Finding>& findings) {
    return std::ranges::any_of(findings, [](const Finding& one) { return one.level == Finding::Level::error; });
}

void append(std::vector<Finding>& into, std::vector<Finding> more) { std::ranges::move(more, std::back_inserter(into)); }

Look look_at(const SourceSettings& source, const std::optional<std::string>& next_file, std::optional<TablesSeen>& tables) {
    const auto& settings = source.connection;
    Connection connection{settings};
    Look look;
    look.server = ask_server(connection);
    const auto rights = ask_rights(connection);
    look.findings = check_settings(look.server);
    append(look.findings, check_session(connection, look.server, rights));
    if (!tables || std::chrono::steady_clock::now() - tables->at > tables_seen_for) tables = look_at_tables(connection);
    append(look.findings, tables->findings);
    look.can_be_followed = !has_error(look.findings);
    if (next_file && look.can_be_followed) append(look.findings, look_at_horizon(connection, settings, look.server, *next_file));
    append(look.findings, check_rights_to_copy(rights, look.server.flavour == Flavour::mariadb, source.method));
    return look;
}

}  // namespace

Task<SourceState> inspect_source(SourceSettings settings, Follower& follower, TablesCache tables, Pools& pools) {
    co_await follower.load();
    struct Both {
        Look look;
        std::optional<TablesSeen> tables;
    };
    auto ask = [settings, next = follower.next_file(), seen = *tables]() mutable {
        auto look = look_at(settings, next, seen);
        return Both{std::move(look), std::move(seen)};
    };
    const auto both = co_await on_pool(pools.blocking, std::move(ask));
    *tables = both.tables;
    const auto& look = both.look;
    SourceState state;
    state.identity = co_await follower.identity(look.server);
    state.version = std::string{name_of(look.server.flavour)} + " " + look.server.version;
    state.bytes = both.tables ? both.tables->bytes : 0;
    state.findings = look.findings;
    state.facts = {{"flavour", std::string{name_of(look.server.flavour)}},
                   {"series", look.server.series()},
                   {"server_uuid", look.server.uuid},
                   {"server_id", look.server.variable("server_id")}};
    if (!look.server.is_on("log_bin")) co_return state;
    try {
        state.position = co_await follower.position();
    } catch (const Error& error) {
        // A finding says what is wrong, and what mends it.
        const bool is_told = error.fault() == Fault::denied || !look.can_be_followed;
        if (error.fault() == Fault::cancelled || !is_told) throw;
    }
    co_return state;
}

}  // namespace varve::mysql
