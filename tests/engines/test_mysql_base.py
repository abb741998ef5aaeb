"""MySQL and MariaDB: a base backup gives everything back, whichever way it was made; and what cannot be done is refused before."""
import contextlib
import pathlib
import re
import tempfile
import threading
import time

import pymysql
import pytest

from support import mysqlzoo, place
from support.mysqlledger import MysqlLedger, restored_rows
from support.mysqlserver import FLAVOURS, PrivateMysql, wait_for
from support.varve import Varve

SOURCE = "mysql/main"


@pytest.fixture
def new_mysql(room, closing):
    def make(name="source", flavour="mariadb", user=True, **settings):
        server = closing(PrivateMysql(room / name, flavour)).create({key.replace("_", "-"): value for key, value in settings.items()}).start()
        if user:
            server.create_user()
        return server
    return make


@pytest.fixture
def new_host(room, closing, binary):
    def make(server, name="varve", **options):
        varve = closing(Varve(room / name, binary=binary))
        varve.sources = [{"name": SOURCE, "ship_interval": "1s", **server.source(**options)}]
        varve.write().init()
        return varve
    return make


@pytest.fixture
def open_restored(room, closing):
    def make(data, like):
        server = closing(PrivateMysql(room / f"{data.name}.server", like.flavour, data=data))
        server.settings = dict(like.settings)
        return server.start()
    return make


def into(server, user="root"):
    return f"mysql://{user}@localhost?socket={server.socket}"


def load(varve, server, *target):
    return varve.do("restore", "run", SOURCE, "--into", into(server), *target)


def test_a_physical_backup_becomes_a_server(new_mysql, new_host, open_restored, room):
    source = mysqlzoo.make(new_mysql())
    before, accounts = mysqlzoo.dump(source), mysqlzoo.accounts(source)
    varve = new_host(source, method="physical")
    backup = varve.backup(SOURCE)
    source.execute("DROP DATABASE zoo")

    done = varve.restore(room / "out", "--backup", backup["id"], source=SOURCE)

    restored = open_restored(room / "out", source)
    assert mysqlzoo.dump(restored) == before
    assert mysqlzoo.accounts(restored) == accounts
    mysqlzoo.log_in(restored)
    assert "binlog.00000" in done["target_reached"]


def test_a_restored_server_is_started(new_mysql, new_host, room, closing):
    source = new_mysql()
    ledger = MysqlLedger(source).create()
    ledger.write(3)
    source.execute("CREATE EVENT soon ON SCHEDULE EVERY 1 SECOND DO INSERT INTO made SELECT COALESCE(MAX(seq), 0) + 1 FROM made", database="shop")
    varve = new_host(source, method="physical")
    varve.backup(SOURCE)
    to = pathlib.Path(closing(tempfile.TemporaryDirectory(prefix="varve-s", dir="/tmp")))
    place.make_dir(to, mode=0o755)
    done = varve.restore(to / "data", "--immediate", "--start", source=SOURCE)
    assert f"--socket={to}/data/mysqld.sock" in done["next_step"], done
    with contextlib.closing(pymysql.connect(unix_socket=f"{to}/data/mysqld.sock", user="root", database="shop")) as connection, connection.cursor() as cursor:
        try:
            cursor.execute("SELECT COUNT(*) FROM ledger")
            assert cursor.fetchone() == (3,)
            cursor.execute("SELECT @@skip_networking, @@event_scheduler")
            assert cursor.fetchone() == (1, "OFF")
        finally:
            cursor.execute("SHUTDOWN")
    place.wait_until(lambda: not (to / "data/server.pid").exists())
    varve.sources.append({"name": "pg/main", "driver": "postgresql", "connection": "host=/nowhere"})
    varve.write().refused("restore", "run", "pg/main", "--to", to / "other", "--start", code=None, exit_code=2)


def test_a_second_physical_backup_stores_what_changed(new_mysql, new_host):
    source = mysqlzoo.make(new_mysql(), rows=60_000)
    varve = new_host(source, method="physical")
    first = varve.backup(SOURCE)
    source.execute("UPDATE many SET pad = 'changed' WHERE id = 5", database="zoo")
    second = varve.backup(SOURCE)
    assert second["chunks_reused"] > 5 * second["chunks_new"], second
    assert second["bytes_stored"] < first["bytes_stored"] / 2


def test_a_backup_tool_that_fails_leaves_no_backup(new_mysql, new_host, room):
    source = new_mysql()
    fake = place.make_dir(room / "fake", mode=0o755)
    for program in ("mariadb-backup",):
        script = fake / program
        script.write_text("#!/bin/sh\ncase \"$*\" in *--version*) exec /usr/bin/mariadb-backup --version;; esac\n"
                          "/usr/bin/mariadb-backup \"$@\" | head -c 3000000\necho 'completed OK!' >&2\n")
        script.chmod(0o755)
    varve = new_host(source, method="physical")
    varve.sources[0]["bin_dir"] = str(fake)
    varve.write()
    answer = varve.ask("backup", "run", SOURCE)
    assert answer.exit_code != 0 and "stream" in answer.error["message"], answer.document
    assert varve.do("backup", "list", SOURCE)["backups"] == []


@contextlib.contextmanager
def burdened(*servers):
    """Settings that a server gives each session: answers are cut short, and what nobody commits is undone."""
    def give(limit, autocommit):
        for server in servers:
            server.execute(f"SET GLOBAL sql_select_limit = {limit}", f"SET GLOBAL autocommit = {autocommit}")
    give(2, 0)
    try:
        yield
    finally:
        give(2 ** 64 - 1, 1)


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_a_logical_backup_fills_an_empty_server(new_mysql, new_host, flavour):
    source = mysqlzoo.make(new_mysql(flavour=flavour), rows=3000)
    before, accounts = mysqlzoo.dump(source), mysqlzoo.accounts(source)
    varve = new_host(source, method="logical")
    target = new_mysql("target", flavour, user=False)
    target.execute("SET GLOBAL sql_mode = ''")

    with burdened(source, target):
        backup = varve.backup(SOURCE)
        load(varve, target, "--backup", backup["id"])

    assert mysqlzoo.dump(target) == before
    assert mysqlzoo.accounts(target) == accounts
    mysqlzoo.log_in(target)


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_a_backup_that_may_not_see_everything_is_partial_and_says_so(new_mysql, new_host, flavour):
    """The server shows less, and no error."""
    source = mysqlzoo.make(new_mysql(flavour=flavour))
    varve = new_host(source, method="logical")
    source.execute(*(f"REVOKE TRIGGER, EVENT ON *.* FROM varve@'{host}'" for host in ("localhost", "127.0.0.1")))
    answer = varve.ask("backup", "run", SOURCE)
    told = str(answer.document["result"]["backups"][0]["findings"])
    assert answer.exit_code == 3 and "see triggers" in told and "see events" in told, answer.document


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_what_is_prepared_and_not_committed_makes_a_logical_backup_partial(new_mysql, new_host, flavour):
    source = new_mysql(flavour=flavour)
    MysqlLedger(source).create().write(3)
    varve = new_host(source, method="logical")
    with source.connect(database="shop") as one, one.cursor() as cursor:
        for statement in ("XA START 'a'", "INSERT INTO made VALUES (-1)", "XA END 'a'", "XA PREPARE 'a'"):
            cursor.execute(statement)
        answer = varve.ask("backup", "run", SOURCE)
        assert answer.exit_code == 3 and "1 transactions in two phases" in str(answer.document["result"]["backups"][0]["findings"]), answer.document
        cursor.execute("XA COMMIT 'a'")
    varve.backup(SOURCE)


def test_a_server_without_local_infile_is_filled_too(new_mysql, new_host):
    source = mysqlzoo.make(new_mysql(), rows=3000)
    before = mysqlzoo.dump(source)
    varve = new_host(source, method="logical")
    backup = varve.backup(SOURCE)
    target = new_mysql("target", user=False, local_infile="OFF", log_bin_trust_function_creators="ON")
    # Everything but the right to change settings.
    target.execute("CREATE USER loader@localhost", "GRANT ALL ON *.* TO loader@localhost WITH GRANT OPTION", "REVOKE SUPER, CONNECTION ADMIN ON *.* FROM loader@localhost")
    varve.do("restore", "run", SOURCE, "--into", into(target, "loader"), "--backup", backup["id"])
    assert mysqlzoo.dump(target) == before


def test_a_restore_that_fails_gives_the_server_its_settings_back(new_mysql, new_host):
    """Also where what goes before one of them is not permitted."""
    source = new_mysql()
    MysqlLedger(source).create().write(3)
    varve = new_host(source, method="logical")
    varve.backup(SOURCE)
    target = new_mysql("target", user=False)
    target.execute("SET GLOBAL event_scheduler = ON", "CREATE USER loader@localhost", "GRANT ALL ON *.* TO loader@localhost WITH GRANT OPTION", "REVOKE RELOAD ON *.* FROM loader@localhost")

    answer = varve.ask("restore", "run", SOURCE, "--into", into(target, "loader"), "--immediate")

    assert answer.exit_code != 0, answer.document  # it may not give the accounts what it lacks
    assert "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS;" in answer.stderr
    assert target.rows("SELECT @@event_scheduler, @@sync_binlog, @@innodb_flush_log_at_trx_commit") == [("ON", 1, 1)]


def test_a_server_that_is_not_empty_is_refused(new_mysql, new_host, room):
    source = new_mysql()
    MysqlLedger(source).create().write(3)
    varve = new_host(source, method="logical")
    varve.backup(SOURCE)
    busy = new_mysql("busy", user=False)
    busy.execute("CREATE DATABASE mine")
    varve.refused("restore", "run", SOURCE, "--into", into(busy), "--immediate", code="server_not_empty", exit_code=5)
    assert busy.rows("SHOW DATABASES LIKE 'shop'") == []
    # A physical restore is no load, and a logical one no directory.
    varve.refused("restore", "run", SOURCE, "--to", room / "out", "--immediate", code=None, exit_code=2)
    assert not (room / "out").exists()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_server_that_executed_some_of_the_transactions_is_refused(new_mysql, new_host, flavour):
    """It would pass over them without an error."""
    source = new_mysql(flavour=flavour)
    MysqlLedger(source).create().write(3)
    varve = new_host(source, method="logical")
    varve.backup(SOURCE)
    replica = new_mysql("replica", flavour, user=False, log_slave_updates="ON")
    replica.follow(source)
    replica.wait_replicated(source)
    replica.stop_following()
    replica.execute("SET sql_log_bin = 0", "DROP DATABASE shop")
    varve.refused("restore", "run", SOURCE, "--into", into(replica), "--immediate", code="gtids_executed", exit_code=5)
    assert replica.rows("SHOW DATABASES LIKE 'shop'") == []


def test_a_server_that_executed_some_of_the_log_is_refused(new_mysql, new_host):
    """After a failover the log has transactions of a server of which the base has none."""
    source, target = new_mysql(flavour="mysql"), new_mysql("target", "mysql", user=False)
    ledger = MysqlLedger(source).create()
    varve = new_host(source, method="logical")
    varve.serve()
    place.wait_until(lambda: varve.do("backup", "list", SOURCE)["backups"], 60)
    ledger.write(2)
    uuid = target.value("SELECT @@server_uuid")
    source.execute(f"SET gtid_next = '{uuid}:1'", "INSERT INTO made VALUES (1)", "SET gtid_next = 'AUTOMATIC'", "INSERT INTO made VALUES (2)", database="shop")
    archived = tuple(source.position())
    place.wait_until(lambda: reached(varve.durable(SOURCE), archived), 60)
    assert varve.stop() == 0
    target.execute("CREATE USER somebody")
    assert target.value("SELECT @@gtid_executed") == f"{uuid}:1"

    varve.refused("restore", "run", SOURCE, "--into", into(target), "--latest", code="gtids_executed", exit_code=5)

    assert target.rows("SHOW DATABASES LIKE 'shop'") == []
    target.reset()
    load(varve, target, "--latest")
    assert target.rows("SELECT seq FROM made ORDER BY seq", database="shop") == [(1,), (2,)]


def reached(position, wanted):
    return position and (lambda file, offset: (file, int(offset)) >= wanted)(*position.rsplit(":", 1))


def storm(server, stop, errors):
    """TRUNCATE, ALTER and RENAME without end."""
    try:
        with contextlib.closing(server.connect(database="shop")) as connection, connection.cursor() as cursor:
            number = 0
            while not stop.is_set():
                number += 1
                for statement in (f"CREATE TABLE s{number} (id INT PRIMARY KEY, a INT)", f"INSERT INTO s{number} VALUES (1, 1), (2, 2)", f"ALTER TABLE s{number} ADD COLUMN b INT DEFAULT 5",
                                  f"TRUNCATE TABLE s{number}", f"INSERT INTO s{number} (id) VALUES (3)", f"ALTER TABLE s{number} ENGINE = InnoDB", f"RENAME TABLE s{number} TO r{number}",
                                  f"DROP TABLE r{number}" if number % 4 else "DO 1"):
                    cursor.execute(statement)
    except pymysql.Error as error:
        if not stop.is_set():
            errors.append(error)


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_a_storm_of_ddl_beside_a_logical_backup(new_mysql, new_host, flavour):
    """What comes out is consistent, or the backup has failed and says why; locks are short either way."""
    source = new_mysql(flavour=flavour)
    ledger = MysqlLedger(source, writers=2).create()
    source.execute("CREATE TABLE many (id BIGINT PRIMARY KEY AUTO_INCREMENT, pad VARCHAR(400))", "INSERT INTO many (pad) VALUES (REPEAT('x', 400))",
                   *["INSERT INTO many (pad) SELECT pad FROM many"] * 15, database="shop")
    varve = new_host(source, method="logical")
    stop, errors, kept, failed, held = threading.Event(), [], [], 0, {"commits": 0, "tables": 0}
    thread = threading.Thread(target=storm, args=(source, stop, errors))
    with ledger.running():
        thread.start()
        try:
            for _ in range(4):
                answer = varve.ask("backup", "run", SOURCE)
                for what in held:
                    held[what] = max([held[what], *map(int, re.findall(what + r" (?:waited )?(\d+) ms", answer.stderr))])
                if answer.exit_code == 0:
                    kept.append(answer.result["backups"][0])
                else:
                    failed += 1
                    assert answer.error["code"] == "table_altered", answer.document
        finally:
            stop.set()
            thread.join(60)
        kept.append(varve.backup(SOURCE))  # whatever the storm left of the others
    assert not errors, errors
    assert len(varve.do("backup", "list", SOURCE)["backups"]) == len(kept)
    print(f"{flavour}: {len(kept)} backups, {failed} honest failures; locks held: commits {held['commits']} ms, statements that alter tables {held['tables']} ms")
    assert 0 < held["commits"] < 5000 and 0 < held["tables"] < 5000
    history = ledger.history()
    for number, backup in enumerate({kept[0]["id"]: kept[0], kept[-1]["id"]: kept[-1]}.values()):
        target = new_mysql(f"target{number}", flavour, user=False)
        done = load(varve, target, "--backup", backup["id"])
        file, position = done["target_reached"].rsplit(":", 1)
        expected = {seq for one in history if (one.file, one.end) <= (file, int(position)) for seq in one.seqs} & restored_rows(source)
        assert restored_rows(target) == expected
        tables = [row[0] for row in target.rows("SHOW TABLES LIKE 'r%'", database="shop")]
        assert all(target.rows(f"SELECT id, b FROM {name}", database="shop") == [(3, 5)] for name in tables)


def test_a_sequence_gives_no_number_twice(new_mysql, new_host):
    """Its rows are in the backup, and so it stands behind them: it is read when commits wait, and not with the definitions."""
    source = new_mysql()
    source.execute("CREATE DATABASE shop", "CREATE SEQUENCE shop.numbers CACHE 2", "CREATE TABLE shop.used (n BIGINT PRIMARY KEY)",
                   *[f"CREATE TABLE shop.t{number} (id INT PRIMARY KEY)" for number in range(600)])  # listing them takes its time
    varve = new_host(source, method="logical")
    stop = threading.Event()

    def use():
        with contextlib.closing(source.connect(database="shop")) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("INSERT INTO used VALUES (NEXTVAL(numbers))")
    thread = threading.Thread(target=use)
    thread.start()
    try:
        backup = varve.backup(SOURCE)
    finally:
        stop.set()
        thread.join(60)

    target = new_mysql("target", user=False)
    load(varve, target, "--backup", backup["id"])

    assert target.value("SELECT NEXTVAL(numbers)", database="shop") > target.value("SELECT MAX(n) FROM used", database="shop") > 0


class Pulse:
    """One commit after the other, from a connection of its own: how long the slowest took."""

    def __init__(self, ledger):
        self.ledger, self.longest, self._stop = ledger, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._beat)

    def _beat(self):
        with contextlib.closing(self.ledger.connect()) as connection, connection.cursor() as cursor:
            while not self._stop.is_set():
                began = time.monotonic()
                self.ledger.insert(cursor, 0, "pulse")
                self.longest = max(self.longest, time.monotonic() - began)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


# What somebody else does meanwhile, for longer than we wait; and whether the backup can be had all the same.
HOLDS = [pytest.param("a table is locked", "LOCK TABLES made WRITE", "UNLOCK TABLES", id="locked"),
         pytest.param("a statement reads for long", "SELECT SLEEP(20) FROM made", None, id="read")]


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("what, statement, release", HOLDS)
def test_locks_that_cannot_be_had_are_given_up(new_mysql, new_host, flavour, what, statement, release):
    """A long statement that a lock would wait for makes nobody else wait for longer than we do."""
    source = new_mysql(flavour=flavour)
    ledger = MysqlLedger(source).create()
    source.execute("INSERT INTO made VALUES (1)", database="shop")
    varve = new_host(source, method="logical")
    with contextlib.closing(source.connect(database="shop")) as holder, holder.cursor() as cursor:
        thread = threading.Thread(target=cursor.execute, args=(statement,))
        thread.start()
        if release:
            thread.join()
        else:
            wait_for(source, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'", 1)
        with Pulse(ledger) as pulse:
            answer = varve.ask("backup", "run", SOURCE, timeout=120)
        if release:
            cursor.execute(release)
        thread.join()
    print(f"{flavour}, {what}: exit {answer.exit_code}, the longest commit took {pulse.longest:.2f} s")
    assert answer.exit_code in ((75,) if release else (0, 75)), answer.document
    assert pulse.longest < 12
    assert varve.do("backup", "run", SOURCE)["backups"]


def test_auto_says_which_way_it_takes(new_mysql, new_host, room):
    source = new_mysql()
    MysqlLedger(source).create().write(3)
    varve = new_host(source)
    answer = varve.ask("backup", "run", SOURCE)
    assert answer.exit_code == 0 and "physical backup: mariadb-backup can copy" in answer.stderr, answer.stderr
    empty = place.make_dir(room / "nothing", mode=0o755)
    varve.sources[0]["bin_dir"] = str(empty)
    varve.write()
    answer = varve.ask("backup", "run", SOURCE)
    assert answer.exit_code == 0 and "logical backup: there is no mariadb-backup here" in answer.stderr, answer.stderr
