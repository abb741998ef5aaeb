#include "postgresql/connection.hpp"

#include <catch2/catch.hpp>

#include "postgresql/conninfo.hpp"
#include "postgresql/lineage.hpp"
#include "postgresql/server_error.hpp"
#include "support/private_postgres.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

using namespace varve;
using namespace varve::postgresql;
using namespace varve::test;
using namespace std::chrono_literals;

namespace {

std::string value_of(const std::vector<std::pair<std::string, std::string>>& parameters, const std::string& key) {
    std::string last;
    for (const auto& [keyword, value] : parameters)
        if (keyword == key) last = value;
    return last;
}

template <class Work>
Error failure_of(Work work) {
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    FAIL("nothing was thrown");
    throw 0;
}

}  // namespace

TEST_CASE("a SQLSTATE says what its reader can do") {
    struct Row {
        const char* sqlstate;
        Fault fault;
    };
    const auto row = GENERATE(values<Row>({{"28P01", Fault::denied},
                                           {"28000", Fault::denied},
                                           {"42501", Fault::denied},
                                           {"57P01", Fault::unreachable},
                                           {"57P02", Fault::unreachable},
                                           {"57P03", Fault::overloaded},
                                           {"08006", Fault::unreachable},
                                           {"53300", Fault::overloaded},
                                           {"55006", Fault::conflict},
                                           {"58P01", Fault::missing},
                                           {"22000", Fault::invalid}}));
    CAPTURE(row.sqlstate);

    CHECK(fault_of_sqlstate(row.sqlstate) == row.fault);
}

TEST_CASE("a slot in use ends in exit code 11, and what the server said stays out of the sentence") {
    const auto error = error_of_sqlstate("55006", "replication slot \"x\" is active for PID 12\n");

    CHECK(error.exit_code() == 11);
    CHECK(error.sentence().find("PID") == std::string::npos);
    CHECK(error.context().at("server") == "replication slot \"x\" is active for PID 12");
    CHECK(sqlstate_of(error) == "55006");
}

TEST_CASE("a connection over a network is verified unless the source says insecure") {
    ConnectionSettings settings;
    const auto mode = [&] { return value_of(connection_parameters(settings, SessionKind::sql), "sslmode"); };

    settings.conninfo = "host=/run/postgresql user=x";
    CHECK(mode().empty());
    settings.conninfo = "host=127.0.0.1,localhost user=x";
    CHECK(mode().empty());
    settings.conninfo = "host=db.example.org user=x";
    CHECK(mode() == "verify-full");
    settings.conninfo = "host=/run/postgresql,db.example.org user=x";
    CHECK(mode() == "verify-full");
    settings.conninfo = "postgresql://x@db.example.org/postgres?sslmode=require";
    CHECK_THROWS_AS(mode(), Error);
    settings.insecure = true;
    CHECK(mode().empty());
}

TEST_CASE("a password never stands in the connection string, and is in no message") {
    ConnectionSettings settings;

    settings.conninfo = "host=/run/postgresql password=swordfish";
    CHECK(std::string{failure_of([&] { connection_parameters(settings, SessionKind::sql); }).what()}.find("swordfish") ==
          std::string::npos);
    settings.conninfo = "host=/run/postgresql password=sword fish";
    CHECK(std::string{failure_of([&] { connection_parameters(settings, SessionKind::sql); }).what()}.find("fish") ==
          std::string::npos);
}

TEST_CASE("a password is taken from the file it is kept in") {
    TempDir place;
    write_text(place / "pass", "swordfish\n");
    ConnectionSettings settings{.conninfo = "host=/run/postgresql", .password_reference = "file:" + (place / "pass").string()};

    const auto parameters = connection_parameters(settings, SessionKind::replication);

    CHECK(value_of(parameters, "password") == "swordfish");
    CHECK(value_of(parameters, "replication") == "true");
}

TEST_CASE("a server that is not there is unreachable") {
    ConnectionSettings settings{.conninfo = "host=/nonexistent-directory"};

    CHECK(failure_of([&] { connect(settings, SessionKind::sql); }).fault() == Fault::unreachable);
}

TEST_CASE("a session asks a server, and tells what it refuses", "[engine]") {
    PrivatePostgres server;
    asio::io_context io;
    TestPools pools;
    ConnectionSettings settings{.conninfo = server.conninfo(), .application_name = "varve_test"};
    auto session = run(io, Session::open(settings, SessionKind::sql, pools.pools));

    SECTION("values come back, parameters go in, NULL is told apart") {
        const auto rows = run(io, session->query("SELECT $1::text AS a, $2::int + 1 AS b, $3::text AS c",
                                                 {std::string{"it's"}, std::string{"41"}, std::nullopt}));
        CHECK(rows.text(0, "a") == "it's");
        CHECK(rows.text(0, "b") == "42");
        CHECK_FALSE(rows.find(0, "c"));
        CHECK(run(io, session->value("SHOW application_name")) == "varve_test");
    }
    SECTION("a refused statement leaves the session usable") {
        const auto error = failure_of([&] { run(io, session->query("SELECT 1/0")); });
        CHECK(sqlstate_of(error) == "22012");
        CHECK(run(io, session->value("SELECT 7")) == "7");
    }
    SECTION("a database that is not there is an invalid setting, with the server's own code") {
        settings.conninfo = server.conninfo("nowhere");
        const auto error = failure_of([&] { connect(settings, SessionKind::sql); });
        CHECK(sqlstate_of(error) == "3D000");
        CHECK(error.fault() == Fault::invalid);
    }
    SECTION("a session ended by the administrator says so") {
        server.sql("SELECT pg_terminate_backend(" + std::to_string(session->backend_pid()) + ")");
        const auto error = failure_of([&] { run(io, session->query("SELECT 1")); });
        CHECK(error.fault() == Fault::unreachable);
        CHECK(sqlstate_of(error) == "57P01");
    }
    SECTION("the log's identity is told to a replication session") {
        auto replication = run(io, Session::open(settings, SessionKind::replication, pools.pools));
        const auto log = run(io, ask_server_log(*replication));
        CHECK(log.system_identifier == server.sql("SELECT system_identifier FROM pg_control_system()"));
        CHECK(log.segment_bytes == 16u << 20);
        CHECK(log.lineage.name.text() == log.system_identifier + ":1");
    }
}

TEST_CASE("a stopped task cancels its statement and gives the session back", "[engine]") {
    PrivatePostgres server;
    asio::io_context io;
    TestPools pools;
    auto session = run(io, Session::open({.conninfo = server.conninfo()}, SessionKind::sql, pools.pools));
    const auto running =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> "
        "pg_backend_pid()";

    auto body = [&](TaskGroup& group) -> Task<> {
        auto sleeper = [](Session& on) -> Task<> { co_await on.query("SELECT pg_sleep(600)"); };
        group.spawn(sleeper(*session));
        while (co_await on_pool(pools.pools.blocking, [&] { return server.sql(running); }) != "1") {
        }
        group.request_stop();
        co_await group.join();
    };
    run(io, in_group(body));

    CHECK(server.sql(running) == "0");
    CHECK(run(io, session->value("SELECT 7")) == "7");
}
