"""MySQL and MariaDB: any instant, transaction and position between two backups comes back exactly."""
import datetime
import random
import re

import pytest

from support import mysqlzoo, place
from support.mysqlledger import MysqlLedger, commit_times, expect_acknowledged, expect_prefix, restored_rows
from test_mysql_base import SOURCE, into, new_host, new_mysql, open_restored  # noqa: F401

UTC = datetime.timezone.utc


def at_or_past(position, wanted):
    return position and (lambda file, offset: (file, int(offset)) >= wanted)(*position.rsplit(":", 1))


def follow(varve):
    """The service follows and has a base."""
    varve.serve()
    place.wait_until(lambda: varve.do("backup", "list", SOURCE)["backups"], 60)


def settle(varve, server):
    """All that was committed is durable."""
    end = tuple(server.position())
    place.wait_until(lambda: at_or_past(varve.durable(SOURCE), end), 60)


class Restorer:
    """Restores to a target, one after the other, and opens what came out."""

    def __init__(self, varve, source, room, new_mysql, open_restored, physical, **settings):
        self.varve, self.source, self.room, self.physical, self.settings = varve, source, room, physical, settings
        self.new_mysql, self.open_restored, self.number = new_mysql, open_restored, 0

    def __call__(self, *target):
        self.number += 1
        if self.physical:
            out = self.room / f"out{self.number}"
            self.done = self.varve.restore(out, *target, source=SOURCE)
            return self.open_restored(out, self.source)
        server = self.new_mysql(f"target{self.number}", self.source.flavour, user=False, **self.settings)
        self.done = self.varve.do("restore", "run", SOURCE, "--into", into(server), *target)
        return server


@pytest.fixture
def past(new_mysql, new_host, open_restored, room):  # noqa: F811
    """A ledger with some history, two bases in it, everything archived; and what restores from it."""
    def make(flavour, method, commits=400):
        source = new_mysql(flavour=flavour)
        ledger = MysqlLedger(source, writers=3, pause=0.01).create()
        varve = new_host(source, method=method)
        follow(varve)
        with ledger.running():
            ledger.wait_for(commits)
            source.flush_logs()
            ledger.wait_for(commits // 2)
            varve.backup(SOURCE)
            ledger.wait_for(commits)
            source.flush_logs()
            ledger.wait_for(commits // 2)
        settle(varve, source)
        assert varve.stop() == 0
        return source, ledger, varve, Restorer(varve, source, room, new_mysql, open_restored, method == "physical")
    return make


WAYS = [("mariadb", "physical"), ("mariadb", "logical"), ("mysql", "logical")]


def base_of(varve, history):
    """How many transactions of `history` the oldest backup has already."""
    oldest = varve.do("backup", "list", SOURCE)["backups"][-1]["id"]
    plan = varve.do("restore", "plan", SOURCE, "--backup", oldest)
    file, offset = plan["target_position"].rsplit(":", 1)
    return sum((one.file, one.end) <= (file, int(offset)) for one in history)


@pytest.mark.parametrize("flavour, method", WAYS)
def test_transactions_and_positions_are_exact(past, flavour, method):
    source, ledger, varve, restore = past(flavour, method)
    history = ledger.history()
    first = base_of(varve, history)
    dice = random.Random(7)
    chosen = sorted(dice.sample(range(first + 1, len(history)), place.scaled(4 if (flavour, method) == WAYS[1] else 20)))
    for number, index in enumerate(chosen):
        one = history[index]
        if number % 2:
            server, count = restore("--gtid", one.gtid), index + 1
        elif number % 4:
            server, count = restore("--before-gtid", one.gtid), index
        else:
            server, count = restore("--position", f"{one.file}:{one.end}"), index + 1
        expect_prefix(server, ledger, history[:count])
        server.stop()
    server = restore("--latest")
    expect_prefix(server, ledger, history)
    assert mysqlzoo.dump(server, ["shop"]) == mysqlzoo.dump(source, ["shop"])


def expect_nothing_in_half(server, history, rows):
    """`rows`: those of the source (a row of a savepoint that was rolled back stands in its log, and nowhere else)."""
    found = restored_rows(server)
    for one in history:
        inside = {seq for seq in one.seqs if seq in rows}
        assert not inside or inside <= found or not inside & found, f"half of {one}"


def test_random_instants_of_mariadb(past):
    """What was acknowledged by then is there, nothing is half there, and nothing whose COMMIT came a second later."""
    source, ledger, varve, restore = past("mariadb", "physical")
    history, rows = ledger.history(), restored_rows(source)
    oldest = varve.do("backup", "list", SOURCE)["backups"][-1]
    begin = datetime.datetime.fromisoformat(oldest["stop_time"].replace("Z", "+00:00"))
    slack = datetime.timedelta(seconds=1)
    times = [one.time for one in ledger.acknowledged if one.time > begin + slack]
    for instant in sorted(random.Random(11).sample(times, place.scaled(20))):
        server = restore("--at", instant.isoformat())
        expect_acknowledged(server, ledger, instant - slack)
        expect_nothing_in_half(server, history, rows)
        found = restored_rows(server)
        late = [row for row in ledger.acknowledged if row.seq in found and row.begun > instant + slack]
        assert not late, f"{instant}: {late[:3]}"
        server.stop()


def test_random_instants_of_mysql(past):
    """It stamps each commit with its microsecond: so exact is what comes back."""
    source, ledger, varve, restore = past("mysql", "logical")
    history, rows = ledger.history(), restored_rows(source)
    first = base_of(varve, history)
    stamps = commit_times(source)
    number_of = {gtid: number for number, (gtid, _) in enumerate(stamps)}
    dice = random.Random(11)
    for one in sorted(dice.sample(history[first + 20:], place.scaled(20)), key=lambda one: number_of[one.gtid]):
        instant = stamps[number_of[one.gtid]][1] - datetime.timedelta(microseconds=dice.choice([0, 1]))
        beyond = next((number for number, (_, stamp) in enumerate(stamps) if stamp > instant), len(stamps))
        server = restore("--at", instant.isoformat())
        expect_prefix(server, ledger, [each for each in history if number_of[each.gtid] < beyond])
        expect_nothing_in_half(server, history, rows)
        server.stop()


def test_a_long_transaction_across_the_target_is_never_half_applied(new_mysql, new_host, open_restored, room):  # noqa: F811
    source = new_mysql()
    ledger = MysqlLedger(source).create()
    varve = new_host(source, method="physical")
    follow(varve)
    with source.connect(database="shop") as long, long.cursor() as cursor:
        long.autocommit(False)
        for _ in range(3):
            ledger.insert(cursor, 9, "long")
        middle = ledger.write(1).time
        for _ in range(3):
            ledger.insert(cursor, 9, "long")
        last = ledger.write(1)
        place.wait_until(lambda: datetime.datetime.now(UTC) > last.time + datetime.timedelta(seconds=2.1), 5)
        long.commit()
    settle(varve, source)
    varve.stop()
    restore = Restorer(varve, source, room, new_mysql, open_restored, True)
    for instant in (middle, last.time + datetime.timedelta(seconds=1)):
        server = restore("--at", instant.isoformat())
        assert server.value("SELECT COUNT(*) FROM ledger WHERE writer = 9", database="shop") == 0
        expect_acknowledged(server, ledger, instant - datetime.timedelta(seconds=1))
        server.stop()
    server = restore("--latest")
    assert server.value("SELECT COUNT(*) FROM ledger WHERE writer = 9", database="shop") == 6


@pytest.mark.parametrize("flavour, method", WAYS)
def test_everything_that_is_made_after_the_base_comes_back(new_mysql, new_host, open_restored, room, flavour, method):  # noqa: F811
    """DDL, routines, triggers, events and accounts come through the log as well as through a base."""
    source = new_mysql(flavour=flavour)
    varve = new_host(source, method=method)
    follow(varve)
    mysqlzoo.make(source)
    settle(varve, source)
    varve.stop()
    server = Restorer(varve, source, room, new_mysql, open_restored, method == "physical")("--latest")
    assert mysqlzoo.dump(server) == mysqlzoo.dump(source)
    assert mysqlzoo.accounts(server) == mysqlzoo.accounts(source)
    mysqlzoo.log_in(server)


def test_a_base_of_a_log_that_began_anew_rolls_forward(new_mysql, new_host, open_restored, room):  # noqa: F811
    """What InnoDB remembers of the log is then a place of another one: after RESET MASTER, and in a server that Varve has restored."""
    source = new_mysql()
    ledger = MysqlLedger(source).create()
    ledger.write(100, payload="x" * 5000)
    source.flush_logs()
    ledger.write(100)
    source.reset()
    for turn in ("reset", "restored"):
        varve = new_host(source, name=turn, method="physical")
        follow(varve)
        ledger.write(20)
        settle(varve, source)
        assert varve.stop() == 0
        restore = Restorer(varve, source, room / turn, new_mysql, open_restored, True)
        restore.room.mkdir(exist_ok=True)
        server = restore("--latest")
        assert restored_rows(server) == {row.seq for row in ledger.acknowledged}
        source.stop()
        source = ledger.server = server
        source.create_user()


# Logs that the server's own reader must understand once they are files again.
KINDS = [pytest.param("mariadb", "physical", {"log-bin-compress": "ON", "log-bin-compress-min-len": 10}, id="mariadb-compressed"),
         pytest.param("mysql", "logical", {"binlog-transaction-compression": "ON"}, id="mysql-compressed"),
         pytest.param("mariadb", "physical", {"plugin-load-add": "file_key_management", "encrypt-binlog": "ON"}, id="mariadb-encrypted"),
         pytest.param("mariadb", "physical", {"binlog-checksum": "NONE"}, id="mariadb-without-checksums"),
         pytest.param("mysql", "logical", {"binlog-checksum": "NONE"}, id="mysql-without-checksums"),
         pytest.param("mysql", "logical", {"gtid-mode": "OFF", "enforce-gtid-consistency": "OFF"}, id="mysql-without-gtids")]


@pytest.mark.parametrize("flavour, method, settings", KINDS)
def test_logs_of_every_kind_are_applied(new_mysql, new_host, open_restored, room, flavour, method, settings):  # noqa: F811
    if "encrypt-binlog" in settings:
        keys = room / "keys.txt"
        keys.write_text("1;" + "a1" * 32 + "\n")
        place.give(keys)
        settings = {**settings, "file-key-management-filename": keys}
    source = new_mysql(flavour=flavour, **settings)
    ledger = MysqlLedger(source, writers=2, pause=0.005).create()
    varve = new_host(source, method=method)
    follow(varve)
    with ledger.running():
        ledger.wait_for(100)
        source.flush_logs()
        ledger.wait_for(100)
    settle(varve, source)
    varve.stop()
    restore = Restorer(varve, source, room, new_mysql, open_restored, method == "physical", **settings)
    server = restore("--latest")
    assert restored_rows(server) == restored_rows(source)
    assert mysqlzoo.dump(server, ["shop"]) == mysqlzoo.dump(source, ["shop"])


def test_transactions_of_several_domains_come_back(new_mysql, new_host, open_restored, room):  # noqa: F811
    """As from several primaries, or of a long statement that replicas need not wait for."""
    source = new_mysql()
    ledger = MysqlLedger(source).create()
    insert = "INSERT INTO made VALUES ({})"
    source.execute("SET SESSION gtid_domain_id = 7", insert.format(-1), database="shop")
    varve = new_host(source, method="physical")
    follow(varve)
    ledger.write(3)
    source.execute("SET SESSION gtid_domain_id = 7", insert.format(-2), "SET SESSION gtid_domain_id = 9, server_id = 77", insert.format(-3), database="shop")
    ledger.write(3)
    settle(varve, source)
    varve.stop()
    restore = Restorer(varve, source, room, new_mysql, open_restored, True)
    server = restore("--latest")
    assert {row[0] for row in server.rows("SELECT seq FROM made", database="shop")} == {-1, -2, -3}
    assert sorted(server.value("SELECT @@gtid_slave_pos").split(",")) == sorted(source.value("SELECT @@gtid_binlog_pos").split(","))
    server.stop()
    server = restore("--before-gtid", next(word for word in source.value("SELECT @@gtid_binlog_pos").split(",") if word.startswith("9-77-")))
    assert {row[0] for row in server.rows("SELECT seq FROM made", database="shop")} == {-1, -2}
    assert len(restored_rows(server)) == 3


@pytest.mark.parametrize("flavour, method", WAYS[:1] + WAYS[2:])
def test_a_transaction_in_two_phases_is_there_once_it_was_committed(new_mysql, new_host, open_restored, room, flavour, method):  # noqa: F811
    """Others commit between its PREPARE and its COMMIT."""
    source = new_mysql(flavour=flavour)
    ledger = MysqlLedger(source).create()
    varve = new_host(source, method=method)
    follow(varve)
    with source.connect(database="shop") as one, one.cursor() as cursor:
        for statement in ("XA START 'a'", "INSERT INTO made VALUES (-1)", "XA END 'a'", "XA PREPARE 'a'"):
            cursor.execute(statement)
        ledger.write(3)
        between = ":".join(map(str, source.position()))
        ledger.write(3)
        cursor.execute("XA COMMIT 'a'")
    ledger.write(3)
    settle(varve, source)
    varve.stop()
    restore = Restorer(varve, source, room, new_mysql, open_restored, method == "physical")
    server = restore("--latest")
    assert server.rows("SELECT seq FROM made", database="shop") == [(-1,)]
    assert restored_rows(server) == restored_rows(source) and len(restored_rows(server)) == 9
    server.stop()
    server = restore("--position", between)
    assert server.rows("SELECT seq FROM made", database="shop") == []
    assert len(restored_rows(server)) == 3


def test_what_cannot_be_reached_names_what_can(past):
    source, ledger, varve, restore = past("mariadb", "physical", commits=60)
    history = ledger.history()
    one = history[-1]
    error = varve.refused("restore", "run", SOURCE, "--to", restore.room / "no", "--position", f"{one.file}:{one.end - 1}", code="point_not_recoverable", exit_code=22)
    assert f"{one.file}:{one.end}" in error["remedy"], error
    error = varve.refused("restore", "run", SOURCE, "--to", restore.room / "no", "--gtid", "7-7-7", code="point_not_recoverable", exit_code=22)
    assert "--gtid" in error["remedy"], error
    varve.refused("restore", "run", SOURCE, "--to", restore.room / "no", "--at", "2001-01-01T00:00:00Z", code="point_not_recoverable", exit_code=22)
    varve.refused("restore", "run", SOURCE, "--to", restore.room / "no", "--at", "2099-01-01T00:00:00Z", code="point_not_recoverable", exit_code=22)
    assert not (restore.room / "no").exists()


@pytest.mark.parametrize("flavour, method", WAYS[:1] + WAYS[2:])
def test_one_transaction_is_left_out(new_mysql, new_host, open_restored, room, flavour, method):  # noqa: F811
    source = new_mysql(flavour=flavour)
    ledger = MysqlLedger(source).create()
    varve = new_host(source, method=method)
    follow(varve)
    ledger.write(5)
    source.execute("DELETE FROM ledger", database="shop")
    ledger.write(5)
    settle(varve, source)
    varve.stop()
    file = source.binlogs()[-1]
    events = source.rows(f"SHOW BINLOG EVENTS IN '{file}'")
    deleted = next(n for n, row in enumerate(events) if re.match(r"Delete_rows", row[2]))
    head = next(events[n] for n in range(deleted, -1, -1) if events[n][2] in ("Gtid",))
    gtid = re.search(r"GTID (\d+-\d+-\d+)", head[5]).group(1) if flavour == "mariadb" else re.search(r"'([^']+)'", head[5]).group(1)

    plan = varve.do("restore", "plan", SOURCE, "--gtid", gtid, "--skip-gtid")
    assert "shop.ledger (5 rows deleted)" in plan["explanation"], plan
    server = Restorer(varve, source, room, new_mysql, open_restored, method == "physical")("--gtid", gtid, "--skip-gtid")
    assert server.value("SELECT COUNT(*) FROM ledger", database="shop") == 10
