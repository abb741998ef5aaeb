"""A workload whose every commit is known: what was acknowledged and when (recorded outside), and the order of commits in the binlog.

The truth about that order is the source's own log, as SHOW BINLOG EVENTS tells it: the statements of a transaction stand there as
comments (annotated rows), so the numbers of the rows that it wrote can be read."""
import contextlib
import dataclasses
import datetime
import hashlib
import random
import re
import threading
import time

import pymysql

from . import place

UTC = datetime.timezone.utc
DATABASE = "shop"


def checksum(seq, writer, payload):
    return hashlib.sha256(f"{seq}:{writer}:{payload}".encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Acknowledged:
    """A row whose commit the client was told of."""
    seq: int
    begun: datetime.datetime  # before COMMIT was sent
    time: datetime.datetime   # when its answer was here


@dataclasses.dataclass(frozen=True)
class Transaction:
    """One transaction of the source's log that wrote rows of the ledger."""
    file: str
    end: int
    gtid: str
    seqs: tuple


class MysqlLedger:
    """Writers on a server: `with ledger.running():` or start() and stop(). A cut connection is retried until stop()."""

    def __init__(self, server, writers=4, seed=None, pause=0.0):
        self.server = server
        self.writers = writers
        self.pause = pause
        self.seed = seed if seed is not None else random.randrange(1 << 32)
        self.acknowledged = []
        self.errors = []
        self._lock = threading.Lock()
        self._seq = 0
        self._stop = threading.Event()
        self._threads = []

    # ------------------------------------------------------------------------------------------------ writing

    def create(self):
        self.server.execute(
            f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4",
            f"CREATE TABLE {DATABASE}.ledger (seq BIGINT PRIMARY KEY, writer INT NOT NULL, payload LONGTEXT NOT NULL, checksum CHAR(64) NOT NULL,"
            " written TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)) ENGINE=InnoDB",
            f"CREATE TABLE {DATABASE}.made (seq BIGINT PRIMARY KEY) ENGINE=InnoDB")
        return self

    def _next(self):
        with self._lock:
            self._seq += 1
            return self._seq

    def insert(self, cursor, writer, payload):
        seq = self._next()
        cursor.execute("INSERT INTO ledger (seq, writer, payload, checksum) VALUES (%s, %s, %s, %s)", (seq, writer, payload, checksum(seq, writer, payload)))
        return seq

    def _acknowledge(self, made, begun):
        now = datetime.datetime.now(UTC)
        with self._lock:
            self.acknowledged.extend(Acknowledged(seq, begun, now) for seq in made)

    def connect(self):
        connection = self.server.connect(database=DATABASE, read_timeout=60, write_timeout=60)
        connection.autocommit(True)
        return connection

    def write(self, count=1, payload="by hand"):
        """Single commits from here; gives the last acknowledgement."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            for _ in range(count):
                begun = datetime.datetime.now(UTC)
                self._acknowledge([self.insert(cursor, 0, payload)], begun)
        return self.acknowledged[-1]

    def _one(self, connection, writer, dice):
        """One transaction of some kind, with its acknowledgement."""
        kind = dice.random()
        payload = "x" * dice.randrange(10, 600)
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            made = [self.insert(cursor, writer, payload)]
            if kind < 0.04:                          # long: several rows over some time
                for _ in range(dice.randrange(2, 20)):
                    made.append(self.insert(cursor, writer, payload))
                    self._stop.wait(0.005)
            if 0.04 <= kind < 0.09:
                cursor.execute("ROLLBACK")
                return
            if 0.09 <= kind < 0.20:                  # several statements
                cursor.execute("UPDATE ledger SET writer = %s WHERE seq = %s", (writer, made[0]))
                cursor.execute("INSERT INTO made VALUES (%s)", (made[0],))
            if 0.20 <= kind < 0.23:
                cursor.execute("SAVEPOINT s")
                self.insert(cursor, writer, payload)
                cursor.execute("ROLLBACK TO SAVEPOINT s")
            begun = datetime.datetime.now(UTC)
            cursor.execute("COMMIT")
            self._acknowledge(made, begun)
            if kind > 0.985:                         # DDL, which is a transaction of its own
                cursor.execute(f"CREATE TABLE made_{made[0]} (id INT PRIMARY KEY, seq BIGINT DEFAULT {made[0]}) ENGINE=InnoDB")

    def _work(self, writer):
        dice = random.Random(f"{self.seed}/{writer}")
        connection = None
        while not self._stop.is_set():
            try:
                if connection is None:
                    connection = self.connect()
                self._one(connection, writer, dice)
                if self.pause:
                    self._stop.wait(dice.random() * 2 * self.pause)
            except (pymysql.Error, OSError):
                with contextlib.suppress(Exception):
                    connection.close() if connection else None
                connection = None
                self._stop.wait(0.05)
            except Exception as error:  # shown by stop(): a thread must not fail in silence
                self.errors.append(error)
                return
        if connection:
            with contextlib.suppress(Exception):
                connection.close()

    def start(self):
        self._stop.clear()
        self._threads = [threading.Thread(target=self._work, args=(n + 1,), daemon=True) for n in range(self.writers)]
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "a ledger writer hangs"
        self._threads = []
        assert not self.errors, f"ledger (seed {self.seed}): {self.errors}"

    @contextlib.contextmanager
    def running(self, seconds=None):
        """Writers run inside; with `seconds`, the block ends no earlier."""
        began = time.monotonic()
        self.start()
        try:
            yield self
            if seconds:
                self._stop.wait(max(0.0, began + seconds - time.monotonic()))
        finally:
            self.stop()

    def wait_for(self, commits, seconds=60):
        """Until that many more rows were acknowledged."""
        goal = len(self.acknowledged) + commits
        end = time.monotonic() + seconds
        while len(self.acknowledged) < goal:
            assert time.monotonic() < end, f"the ledger moved only to {len(self.acknowledged)} of {goal} (seed {self.seed})"
            self._stop.wait(0.01)

    # ----------------------------------------------------------------------------------------------- the truth

    def history(self, files=None):
        """Every transaction of the log that wrote rows here, in its order: annotated rows and query events tell which."""
        found = []
        for file in files or self.server.binlogs():
            gtid, seqs = None, []
            for _, start, kind, _, end, info in self.server.rows(f"SHOW BINLOG EVENTS IN '{file}'"):
                if kind in ("Gtid", "Anonymous_Gtid", "Gtid_tagged"):
                    gtid, seqs = info, []
                elif kind in ("Annotate_rows", "Rows_query"):
                    seqs += [int(seq) for seq in re.findall(r"INSERT INTO ledger \(seq[^)]*\) VALUES \((\d+),", info)]
                elif kind == "Xid" and seqs:
                    found.append(Transaction(file, end, gtid_of(gtid), tuple(seqs)))
                    seqs = []
        return found


def commit_times(server):
    """[(GTID, when it was committed by MySQL's own stamp)], in the order of the log, whatever the transactions did."""
    found = []
    for file in server.binlogs():
        text = place.run([server.program("binlog"), "--no-defaults", server.data / file], timeout=120).stdout
        stamp = None
        for line in text.splitlines():
            if told := re.match(r"# immediate_commit_timestamp=(\d+)", line):
                stamp = int(told.group(1))
            elif (told := re.match(r"SET @@SESSION.GTID_NEXT= '([^']+:\d+)'", line)) and stamp:
                found.append((told.group(1), datetime.datetime.fromtimestamp(0, UTC) + datetime.timedelta(microseconds=stamp)))
                stamp = None
    return found


def gtid_of(info):
    """`BEGIN GTID 0-1-7` or `SET @@SESSION.GTID_NEXT= 'uuid:7'` as the GTID alone."""
    quoted = re.search(r"'([^']+)'", info or "")
    if quoted:
        return quoted.group(1)
    words = re.search(r"GTID (\d+-\d+-\d+)", info or "")
    return words.group(1) if words else ""


# ---------------------------------------------------------------------------------------------- expectation, comparison

def restored_rows(server):
    rows = server.rows("SELECT seq, writer, payload, checksum FROM ledger", database=DATABASE)
    for seq, writer, payload, given in rows:
        assert given == checksum(seq, writer, payload), f"row {seq} is damaged"
    return {row[0] for row in rows}


def expect_prefix(server, ledger, transactions):
    """The restored `server` holds the rows of `transactions` (a prefix of history()) and no others."""
    existing = restored_rows(ledger.server)  # a row of a savepoint that was rolled back stands in no log
    expected = {seq for transaction in transactions for seq in transaction.seqs if seq in existing}
    found = restored_rows(server)
    missing, extra = expected - found, found - expected
    assert not missing and not extra, (
        f"seed {ledger.seed}: {len(missing)} rows are missing (first {sorted(missing)[:5]}), {len(extra)} too many (first {sorted(extra)[:5]})")
    return len(found)


def expect_acknowledged(server, ledger, until):
    """Every commit acknowledged at or before `until` is there: the record kept outside, with no help from the source."""
    found = restored_rows(server)
    lost = [row for row in ledger.acknowledged if row.time <= until and row.seq not in found]
    assert not lost, f"seed {ledger.seed}: {len(lost)} acknowledged commits are lost, first {lost[:3]}"
