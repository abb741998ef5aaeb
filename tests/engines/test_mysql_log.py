"""Every binlog of MariaDB and MySQL is archived byte for byte, through everything that happens to a server and to us."""
import contextlib
import datetime
import os
import re
import signal
import socket
import struct
import threading

import pytest

from support import place
from support.mysqlledger import MysqlLedger
from support.mysqlserver import FLAVOURS, PrivateMysql
from support.varve import Varve

IN_USE = 0x01  # of the format event's flags, at offset 21 of a file: cleared on the wire
SOURCE = "mysql/main"


@pytest.fixture(params=FLAVOURS)
def flavour(request):
    return request.param


@pytest.fixture
def new_server(room, closing):
    """new_server("mariadb", settings={}): a running private server with the users root and varve."""
    def make(flavour, name="source", settings=None, users=True):
        server = closing(PrivateMysql(room / name, flavour))
        server.create(settings).start()
        if users:
            server.create_user()
        return server
    return make


@pytest.fixture
def new_host(room, closing, binary):
    """new_host(server): a host with an initialised repository and the source mysql/main."""
    def make(server, name="varve", **options):
        varve = closing(Varve(room / name, binary=binary))
        varve.sources = [{"name": SOURCE, "ship_interval": "1s", **server.source(), **options}]
        varve.write()
        varve.init()
        return varve
    return make


def is_settled(server):
    """MariaDB notes in a file, some time after that was begun, that the ones before it are needed for no recovery."""
    newest = server.binlogs()[-1]
    noted = [row[5] for row in server.rows(f"SHOW BINLOG EVENTS IN '{newest}'") if row[2] == "Binlog_checkpoint"]
    return not noted or noted[-1] == newest


def caught_up(varve, server=None):
    """Follows in the foreground, until all that the server has written is durable."""
    if server is not None:
        place.wait_until(lambda: is_settled(server), 30)
    return varve.do("log", "follow", SOURCE, "--until-caught-up", timeout=120)


def following(varve):
    """The service, from when on it follows: its log has begun."""
    varve.serve()
    caught_up(varve)
    return varve


def exported(varve, to, lineage=None):
    """{name: content} of the archived files."""
    varve.do("log", "export", SOURCE, "--to", to, *(["--lineage", lineage] if lineage else []))
    return {path.name: path.read_bytes() for path in sorted(to.iterdir())}


def without_in_use(content):
    return content[:21] + bytes([content[21] & ~IN_USE]) + content[22:] if len(content) > 21 else content


def expect_equal(archived, server, names=None):
    """The archived files are those of the server, but for the bit that says that a file is in use."""
    names = names or sorted(archived)
    for name in names:
        theirs, ours = without_in_use(server.binlog_bytes(name)), without_in_use(archived[name])
        assert len(ours) == len(theirs), f"{name}: {len(ours)} bytes are archived of {len(theirs)}"
        at = next((n for n, (a, b) in enumerate(zip(ours, theirs)) if a != b), None)
        assert at is None, f"{name} differs at {at}"
    return sum(len(archived[name]) for name in names)


def lineages(varve):
    return varve.do("log", "list", SOURCE)["lineages"]


def expect_one_lineage(varve):
    gaps = varve.ask("log", "gaps", SOURCE).document["result"]["gaps"]
    assert len(lineages(varve)) == 1 and gaps == [], f"{gaps}\n{varve.log_text()}"


def test_archived_binlogs_are_the_servers_through_rotations(new_server, new_host, room, flavour):
    server = new_server(flavour, settings={"max-binlog-size": "64K"})
    first = server.position()[0]
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    with ledger.running():
        ledger.wait_for(100)
        varve.serve()
        place.wait_until(lambda: varve.durable(SOURCE), 60)
        ledger.wait_for(150)
        server.flush_logs()
        ledger.wait_for(150)
        server.flush_logs()
        ledger.wait_for(50)
    caught_up(varve, server)
    archived = exported(varve, room / "out")
    wanted = [name for name in server.binlogs() if name >= min(archived)]
    assert sorted(archived) == wanted and len(wanted) > 3, (first, wanted)
    assert expect_equal(archived, server) > 100_000
    expect_one_lineage(varve)


class CuttingProxy:
    """Between us and a server: cuts a connection that carries much (the log) after a random number of its bytes, again and again."""

    def __init__(self, port, after):
        self.target, self.after = port, after
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cuts = 0
        self.cutting = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self.listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self.target))
                threading.Thread(target=self._copy, args=(ours, theirs, None), daemon=True).start()
                threading.Thread(target=self._copy, args=(theirs, ours, next(self.after)), daemon=True).start()

    def _copy(self, source, sink, limit):
        passed = 0
        with contextlib.suppress(OSError):
            while block := source.recv(4096):
                if limit and self.cutting and passed + len(block) > limit:
                    sink.sendall(block[:limit - passed])
                    self.cuts += 1
                    break
                sink.sendall(block)
                passed += len(block)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def test_a_connection_that_is_cut_inside_events_costs_nothing(new_server, new_host, closing, room, flavour):
    server = new_server(flavour, settings={"max-binlog-size": "256K"})
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    # SHOW VARIABLES fits below that; the log does not.
    proxy = closing(CuttingProxy(server.port, (150_000 + 13_337 * n % 40_000 for n in range(1, 10_000))))
    varve.sources[0]["connection"] = f"mysql://varve@127.0.0.1:{proxy.port}"
    varve.write().serve()
    with ledger.running():
        place.wait_until(lambda: proxy.cuts >= 4, 60)
        proxy.cutting = False
        ledger.wait_for(50)
    caught_up(varve, server)
    archived = exported(varve, room / "out")
    assert sorted(archived) == server.binlogs()[-len(archived):]
    expect_equal(archived, server)
    expect_one_lineage(varve)


def test_a_server_that_is_killed_leaves_no_gap(new_server, new_host, room, flavour):
    server = new_server(flavour)
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    following(varve)
    for _ in range(2):
        with ledger.running():
            ledger.wait_for(80)
            server.kill()
        server.start()
    server.restart()
    with ledger.running():
        ledger.wait_for(50)
    caught_up(varve, server)
    archived = exported(varve, room / "out")
    assert sorted(archived) == server.binlogs()[-len(archived):] and len(archived) >= 4
    expect_equal(archived, server)
    expect_one_lineage(varve)


def test_varve_that_is_killed_goes_on_where_it_was(new_server, new_host, room, flavour):
    server = new_server(flavour, settings={"max-binlog-size": "64K"})
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    with ledger.running():
        for round in range(4):
            varve.serve()
            before = varve.durable(SOURCE)
            place.wait_until(lambda: varve.durable(SOURCE) not in (None, before), 60)
            varve.kill()
            ledger.wait_for(40)
            if round == 2:  # its own memory of the source may be lost
                place.run(["rm", "-rf", varve.directory / "state"], user="root")
    caught_up(varve, server)
    archived = exported(varve, room / "out")
    assert sorted(archived) == server.binlogs()[-len(archived):]
    expect_equal(archived, server)
    expect_one_lineage(varve)


def test_checksums_may_be_switched_while_the_log_is_followed(new_server, new_host, room, flavour):
    server = new_server(flavour)
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    following(varve)
    with ledger.running():
        for algorithm in ("NONE", "CRC32", "NONE"):
            ledger.wait_for(60)
            server.execute(f"SET GLOBAL binlog_checksum = {algorithm}")
        ledger.wait_for(60)
    caught_up(varve, server)
    archived = exported(varve, room / "out")
    assert sorted(archived) == server.binlogs()[-len(archived):] and len(archived) >= 4
    expect_equal(archived, server)
    expect_one_lineage(varve)


def test_compressed_events_pass_as_they_are(new_server, new_host, room, flavour):
    settings = {"binlog-transaction-compression": "ON"} if flavour == "mysql" else {"log-bin-compress": "ON", "log-bin-compress-min-len": 10}
    server = new_server(flavour, settings=settings)
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    following(varve)
    with ledger.running():
        ledger.wait_for(200)
    caught_up(varve, server)
    archived = exported(varve, room / "out")
    expect_equal(archived, server)
    # The commit is inside the payload: its end is known by the head.
    stretch = lineages(varve)[0]["stretches"][-1]
    assert stretch["last_commit"]


def test_an_encrypted_log_is_archived_as_the_server_sends_it(new_server, new_host, room):
    keys = place.make_dir(room / "keys")
    (keys / "keys.txt").write_text("1;" + "a1" * 32 + "\n")
    place.give(keys / "keys.txt")
    server = new_server("mariadb", settings={"plugin-load-add": "file_key_management", "file-key-management-filename": keys / "keys.txt", "encrypt-binlog": "ON"})
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    following(varve)
    with ledger.running():
        ledger.wait_for(60)
        varve.kill()
        ledger.wait_for(60)
        varve.serve()
        server.flush_logs()
        ledger.wait_for(60)
    caught_up(varve)
    archived = exported(varve, room / "out")
    raw = place.make_dir(room / "raw")
    place.run(["mariadb-binlog", "--no-defaults", "--read-from-remote-server", "--raw", f"--socket={server.socket}", "--user=root", f"--result-file={raw}/",
               *sorted(archived)], cwd=raw)
    assert len(archived) >= 2
    for name, content in archived.items():
        assert content == (raw / name).read_bytes()[:len(content)] and len(content) == (raw / name).stat().st_size, name
        assert content != server.binlog_bytes(name)
    expect_one_lineage(varve)


def follow_until_new_lineage(varve, known, inside):
    """Until the log goes on in a lineage that was not there. The gap is shown, a base backup was taken at once, and what cannot be had is refused by name:
    `inside` is an instant of the gap."""
    def another():
        """the log goes on in another lineage"""
        return [one for one in lineages(varve) if one["name"] not in known and one["stretches"]]
    found = place.wait_until(another, 60)
    gaps = varve.ask("log", "gaps", SOURCE)
    assert gaps.exit_code == 20
    gaps = gaps.document["result"]["gaps"]
    assert len(gaps) == 1 and gaps[0]["lineage"] in known and gaps[0]["reason"], gaps

    def another_base():
        """a base backup was taken after the gap"""
        return any(moment(one["stop_time"]) > inside for one in varve.do("backup", "list", SOURCE)["backups"])
    place.wait_until(another_base, 90)
    error = varve.refused("restore", "plan", SOURCE, "--at", inside.isoformat(), code="point_not_recoverable", exit_code=22)
    before, after = (moment(error["context"][name]) for name in ("nearest_before", "nearest_after"))
    assert before < inside < after and error["context"]["nearest_before"] in error["remedy"], error
    varve.do("restore", "plan", SOURCE, "--at", error["context"]["nearest_before"])
    varve.do("restore", "plan", SOURCE, "--latest")
    return found[0]["name"]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def begin_with_base(varve, server, ledger):
    """The service follows, has its first base, and something of the log behind it is archived; the lineages that it is in."""
    varve.serve()
    place.wait_until(lambda: varve.do("backup", "list", SOURCE)["backups"], 60)
    return begun(varve, server, ledger)


def begun(varve, server, ledger):
    """Something of the log is archived; the lineages it is in."""
    with ledger.running():
        ledger.wait_for(60)
    caught_up(varve)
    return [one["name"] for one in lineages(varve)]


def identity_of(varve):
    return varve.ask("check", SOURCE).document["result"]["sources"][0]["identity"]


def test_a_reset_log_is_a_new_lineage_and_a_gap(new_server, new_host, room, flavour):
    server = new_server(flavour)
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    known = begin_with_base(varve, server, ledger)
    server.reset()
    inside = now()
    with ledger.running():
        ledger.wait_for(60)
    new = follow_until_new_lineage(varve, known, inside)
    caught_up(varve, server)
    archived = exported(varve, room / "out", new)
    assert sorted(archived) == server.binlogs()
    expect_equal(archived, server)


def test_a_log_of_the_same_name_and_length_is_another_one(new_server, new_host, room, flavour):
    """The file's name and our place in it are there again after a reset: its fingerprint is not."""
    server = new_server(flavour)
    server.reset()
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    known = begin_with_base(varve, server, ledger)
    file, end = server.position()
    varve.stop()
    server.reset()
    inside = now()
    server.execute("DROP DATABASE shop")
    again = MysqlLedger(server).create()
    while server.position()[0] == file and server.position()[1] <= end:
        again.write(20)
    assert server.position()[0] == file
    varve.serve()
    new = follow_until_new_lineage(varve, known, inside)
    caught_up(varve)
    expect_equal(exported(varve, room / "out", new), server)


def test_a_purge_behind_us_is_a_gap(new_server, new_host, room, flavour):
    server = new_server(flavour)
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    known = begin_with_base(varve, server, ledger)
    varve.stop()
    inside = now()
    for _ in range(3):
        ledger.write(20)
        newest = server.flush_logs()
    server.purge_to(newest)
    ledger.write(20)
    varve.serve()
    new = follow_until_new_lineage(varve, known, inside)
    caught_up(varve, server)
    archived = exported(varve, room / "out", new)
    assert sorted(archived) == [newest]
    expect_equal(archived, server)


def test_a_replica_that_takes_over_is_followed_in_a_lineage_of_its_own(new_server, new_host, room, flavour):
    replicates = {"log-slave-updates": "ON"} if flavour == "mariadb" else {}
    server = new_server(flavour)
    ledger = MysqlLedger(server).create()
    replica = new_server(flavour, name="replica", settings=replicates, users=False).follow(server)
    varve = new_host(server)
    known = begin_with_base(varve, server, ledger)
    identity = identity_of(varve)
    replica.wait_replicated(server)
    varve.stop()
    inside = now()
    replica.stop_following()
    server.stop()
    # As a floating address does: the same user and place, another server behind it.
    varve.sources[0]["connection"] = f"mysql://varve@127.0.0.1:{replica.port}"
    varve.write().serve()
    ledger.server = replica
    with ledger.running():
        ledger.wait_for(60)
    new = follow_until_new_lineage(varve, known, inside)
    caught_up(varve)
    archived = exported(varve, room / "out", new)
    expect_equal(archived, replica)
    assert new.split(":")[0] != known[0].split(":")[0]
    assert identity_of(varve) == identity


def test_a_stranger_under_the_same_address_has_another_identity(new_server, new_host, room, flavour):
    """With the same server_id, as servers have that nobody numbered."""
    server, stranger = new_server(flavour), new_server(flavour, name="stranger")
    stranger.configure(server_id=server.settings["server-id"]).restart()
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    varve.serve()
    begun(varve, server, ledger)
    identity = identity_of(varve)
    varve.stop()
    varve.sources[0]["connection"] = f"mysql://varve@127.0.0.1:{stranger.port}"
    varve.write()
    MysqlLedger(stranger).create().write(20)
    assert identity and identity_of(varve) != identity


def test_a_server_that_calls_itself_otherwise_goes_on_in_its_lineage(new_server, new_host, room):
    """MariaDB makes its name of its port and network card: in a new container it has another one, and the same files."""
    server = new_server("mariadb")
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    known, identity = begin_with_base(varve, server, ledger), identity_of(varve)
    name = server.value("SELECT @@server_uid")
    varve.stop()
    server.stop()
    server.port = place.free_port()
    server.start()
    assert server.value("SELECT @@server_uid") != name
    varve.sources[0]["connection"] = f"mysql://varve@127.0.0.1:{server.port}"
    varve.write().serve()
    with ledger.running():
        ledger.wait_for(60)
    caught_up(varve, server)
    archived = exported(varve, room / "out")
    assert sorted(archived) == server.binlogs()[-len(archived):]
    expect_equal(archived, server)
    expect_one_lineage(varve)
    assert identity_of(varve) == identity and [one["name"] for one in lineages(varve)] == known
    varve.backup(SOURCE)


def test_a_stop_is_prompt_while_the_server_is_silent_and_while_it_sends(new_server, new_host, flavour):
    server = new_server(flavour)
    varve = new_host(server)
    ledger = MysqlLedger(server).create()
    varve.serve()
    begun(varve, server, ledger)
    assert varve.stop(timeout=5) == 0
    varve.serve()
    with ledger.running():
        ledger.wait_for(100)
        assert varve.stop(timeout=8) == 0
    os.kill(server.pid(), signal.SIGSTOP)
    try:
        before = varve.log.stat().st_size
        varve.serve(ready=False)
        place.wait_until(lambda: varve.log.stat().st_size > before, 20)  # it takes signals now
        assert varve.stop(timeout=25) == 0
    finally:
        os.kill(server.pid(), signal.SIGCONT)


def test_check_says_what_is_wrong_with_a_server_and_how_to_mend_it(new_server, new_host, flavour):
    server = new_server(flavour, settings={"sync-binlog": 0, "binlog-row-image": "MINIMAL", "binlog-checksum": "NONE"})
    varve = new_host(server)
    server.execute("CREATE DATABASE bad", "CREATE TABLE bad.plain (id INT PRIMARY KEY) ENGINE=MyISAM", "CREATE TABLE bad.keyless (id INT) ENGINE=InnoDB")
    findings = varve.ask("check", SOURCE).document["result"]["sources"][0]["findings"]
    told = "\n".join(one["what"] for one in findings)
    for word in ("sync_binlog", "binlog_row_image", "binlog_checksum", "bad.plain", "bad.keyless"):
        assert word in told, findings
    assert all(one["remedy"] for one in findings), findings
    # A remedy is a statement that runs.
    for one in findings:
        if one["remedy"].startswith("SET GLOBAL"):
            server.execute(one["remedy"].split(";")[0])
    told = "\n".join(one["what"] for one in varve.ask("check", SOURCE).document["result"]["sources"][0]["findings"])
    assert "sync_binlog" not in told and "binlog_checksum" not in told

    for host in ("localhost", "127.0.0.1"):
        server.execute(f"REVOKE REPLICATION SLAVE ON *.* FROM 'varve'@'{host}'")
    findings = varve.ask("check", SOURCE).document["result"]["sources"][0]["findings"]
    grant = next(one["remedy"] for one in findings if "REPLICATION SLAVE" in one["remedy"])
    server.execute(grant.rstrip(";"))


def findings(varve):
    """All but that nobody follows the log, which is so."""
    told = varve.ask("check", SOURCE).document["result"]["sources"][0]["findings"]
    return [one for one in told if "round trip" not in one["what"]]


def found(varve, word):
    """The finding that has this word in it."""
    told = findings(varve)
    return next((one for one in told if word in one["what"]), None) or pytest.fail(f"nobody says {word}: {told}")


def mend(server, finding):
    """What the remedy says, done: a statement at once, a line of the configuration at the next start."""
    line = re.search(r"Write (\w+) = (\w+) into the server's configuration", finding["remedy"])
    if line:
        server.configure(**{line.group(1): line.group(2)}).restart()
    elif finding["remedy"].startswith("Take "):
        server.configure(**dict.fromkeys(re.findall(r"(binlog[-_]\w+(?:-db)?)", finding["remedy"]))).restart()
    else:
        server.execute(finding["remedy"].split(";")[0])


# What is wrong, how it is made so (a statement, or settings for a restart), and the word that names it.
WRONG = [
    ("binlog_format", "SET GLOBAL binlog_format = 'STATEMENT'"),
    ("MIXED", "SET GLOBAL binlog_format = 'MIXED'"),
    ("binlog_row_image", "SET GLOBAL binlog_row_image = 'MINIMAL'"),
    ("binlog_checksum", "SET GLOBAL binlog_checksum = NONE"),
    ("sync_binlog", "SET GLOBAL sync_binlog = 0"),
    ("innodb_flush_log_at_trx_commit", "SET GLOBAL innodb_flush_log_at_trx_commit = 2"),
    ("keeps its log for", "SET GLOBAL binlog_expire_logs_seconds = 3600"),
    ("server_id is 0", {"mysql": "SET GLOBAL server_id = 0"}),
    ("writes no binlog", {"log-bin": None, "skip-log-bin": ""}),
    ("Binlog_Do_DB", {"binlog-do-db": "some"}),
    ("Binlog_Ignore_DB", {"binlog-ignore-db": "some"}),
    ("read the binlog", "REVOKE REPLICATION SLAVE ON *.* FROM {user}"),
    ("ask where the binlog is", {"mariadb": "REVOKE BINLOG MONITOR ON *.* FROM {user}", "mysql": "REVOKE REPLICATION CLIENT ON *.* FROM {user}"}),
    ("take consistent backups", "REVOKE RELOAD ON *.* FROM {user}"),
    ("read every table", "REVOKE SELECT ON *.* FROM {user}"),
    ("see what views are made of", "REVOKE SHOW VIEW ON *.* FROM {user}"),
    ("see triggers", "REVOKE TRIGGER ON *.* FROM {user}"),
    ("see events", "REVOKE EVENT ON *.* FROM {user}"),
    ("lock the instance", {"mysql": "REVOKE BACKUP_ADMIN ON *.* FROM {user}"}),
    ("transactions in two phases", {"mysql": "REVOKE XA_RECOVER_ADMIN ON *.* FROM {user}"}),
    ("no redo log", {"mysql": "ALTER INSTANCE DISABLE INNODB REDO_LOG"}),
    ("without transactions", "CREATE TABLE checked.plain (id INT PRIMARY KEY) ENGINE=MyISAM"),
    ("without a primary key", "CREATE TABLE checked.keyless (id INT) ENGINE=InnoDB"),
]


def test_check_names_everything_that_is_wrong_and_its_remedy_mends_it(new_server, new_host, flavour):
    server = new_server(flavour)
    varve = new_host(server)
    server.execute("CREATE DATABASE checked")
    assert findings(varve) == []
    for word, wrong in WRONG:
        if isinstance(wrong, dict) and not set(wrong) & set(FLAVOURS):
            server.configure(**wrong).restart()
        elif statement := wrong if isinstance(wrong, str) else wrong.get(flavour):
            server.execute(*{statement.format(user=f"'varve'@'{host}'") for host in ("localhost", "127.0.0.1")})
        else:
            continue
        finding = found(varve, word)
        assert finding["remedy"], finding
        if "skip-log-bin" in wrong:
            server.configure(skip_log_bin=None)
        mend(server, finding)
        assert findings(varve) == [], f"the remedy for {word!r} ({finding['remedy']}) did not help"


def test_check_says_what_a_replica_lacks(new_server, new_host, flavour):
    server = new_server(flavour)
    MysqlLedger(server).create().write(3)
    replica = new_server(flavour, name="replica", settings={"log-slave-updates" if flavour == "mariadb" else "log-replica-updates": "OFF"}, users=False).follow(server)
    replica.wait_replicated(server)
    varve = new_host(replica, password=server.source()["password"])  # the user came with the rest
    finding = found(varve, "this server is a replica")
    assert "updates" in finding["what"]
    mend(replica, finding)
    assert not [one for one in findings(varve) if "replica" in one["what"]]


def test_check_tells_what_the_server_purges_before_it_is_archived(new_server, new_host, flavour):
    server = new_server(flavour)
    varve = new_host(server)
    MysqlLedger(server).create().write(5)
    caught_up(varve)
    server.flush_logs()
    newest = server.flush_logs()

    def told():
        return "\n".join(one["what"] for one in varve.ask("check", SOURCE).document["result"]["sources"][0]["findings"])
    assert "keeps its log" not in told() and "purge" not in told()
    server.execute("SET GLOBAL binlog_expire_logs_seconds = 3600" if flavour == "mysql" else "SET GLOBAL expire_logs_days = 1")
    assert "keeps its log" in told()
    server.purge_to(newest)
    assert "has purged" in told()
