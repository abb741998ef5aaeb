"""A workload whose every commit is known: what was acknowledged and when (recorded outside), and the order of commits in the WAL.

A server restored to a target must hold exactly the transactions whose commit records lie before the place where recovery stopped.
The truth about that order is the source's own WAL, read with pg_walinspect: commit times alone do not order commits.
"""
import contextlib
import dataclasses
import datetime
import hashlib
import random
import re
import threading
import time

import psycopg2

from .cluster import lsn_number

UTC = datetime.timezone.utc


def checksum(seq, writer, payload):
    return hashlib.sha256(f"{seq}:{writer}:{payload}".encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Acknowledged:
    """A commit the client was told of."""
    seq: int
    xid: int
    time: datetime.datetime  # when the answer to COMMIT was here


@dataclasses.dataclass(frozen=True)
class WalEnd:
    """One commit or abort record of the source's WAL."""
    start: int
    end: int
    xid: int
    time: datetime.datetime
    commit: bool


class Ledger:
    """Writers on a cluster: `with ledger.running():` or start() and stop(). A cut connection is retried until stop()."""

    def __init__(self, cluster, writers=4, seed=None, tablespace=None, pause=0.0):
        self.cluster = cluster
        self.writers = writers
        self.pause = pause
        self.seed = seed if seed is not None else random.randrange(1 << 32)
        self.tablespace = tablespace
        self.acknowledged = []
        self.names = {}        # restore point -> LSN after it
        self.errors = []
        self._lock = threading.Lock()
        self._seq = 0
        self._stop = threading.Event()
        self._threads = []

    # ------------------------------------------------------------------------------------------------ writing

    def create(self):
        where = f"TABLESPACE {self.tablespace}" if self.tablespace else ""
        self.cluster.execute(
            "CREATE EXTENSION IF NOT EXISTS pg_walinspect",
            "CREATE TABLE ledger (seq bigint PRIMARY KEY, writer int NOT NULL, xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,"
            f" payload text NOT NULL, checksum text NOT NULL) {where}")
        self.begin = lsn_number(self.cluster.lsn())
        return self

    def _next(self):
        with self._lock:
            self._seq += 1
            return self._seq

    def insert(self, cursor, writer, payload):
        seq = self._next()
        cursor.execute("INSERT INTO ledger (seq, writer, payload, checksum) VALUES (%s, %s, %s, %s) RETURNING xid",
                       (seq, writer, payload, checksum(seq, writer, payload)))
        return seq, cursor.fetchone()[0]

    def _acknowledge(self, made):
        now = datetime.datetime.now(UTC)
        with self._lock:
            self.acknowledged.extend(Acknowledged(seq, xid, now) for seq, xid in made)

    def write(self, count=1, payload="by hand"):
        """Single commits from here; gives the last acknowledgement."""
        with contextlib.closing(self.cluster.connect()) as connection, connection.cursor() as cursor:
            for _ in range(count):
                self._acknowledge([self.insert(cursor, 0, payload)])
        return self.acknowledged[-1]

    def restore_point(self, name):
        self.names[name] = lsn_number(self.cluster.value("SELECT pg_create_restore_point(%s)", (name,)))

    def _one(self, connection, writer, dice):
        """One transaction of some kind; gives what is acknowledged by it."""
        kind = dice.random()
        payload = "x" * dice.randrange(10, 600)
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            made = [self.insert(cursor, writer, payload)]
            if kind < 0.04:                          # long: several rows over some time
                for _ in range(dice.randrange(2, 20)):
                    made.append(self.insert(cursor, writer, payload))
                    self._stop.wait(0.005)
            if kind > 0.99:                          # DDL in the same transaction as its row
                cursor.execute(f"CREATE TABLE made_{made[0][0]} AS SELECT {made[0][1]}::bigint AS xid")
            if 0.04 <= kind < 0.09:
                cursor.execute("ROLLBACK")
                return []
            if 0.09 <= kind < 0.12:                  # two-phase; now and then the second phase never comes
                name = f"w{writer}_{made[0][0]}"
                cursor.execute(f"PREPARE TRANSACTION '{name}'")
                self._stop.wait(dice.random() * 0.02)
                if dice.random() < 0.1:
                    cursor.execute(f"ROLLBACK PREPARED '{name}'")
                    return []
                cursor.execute(f"COMMIT PREPARED '{name}'")
                return made
            if 0.12 <= kind < 0.15:
                cursor.execute("SAVEPOINT s")
                self.insert(cursor, writer, payload)
                cursor.execute("ROLLBACK TO SAVEPOINT s")
            cursor.execute("COMMIT")
            return made

    def _work(self, writer):
        dice = random.Random(f"{self.seed}/{writer}")
        connection = None
        while not self._stop.is_set():
            try:
                if connection is None:
                    connection = self.cluster.connect()
                self._acknowledge(self._one(connection, writer, dice))
                if self.pause:
                    self._stop.wait(dice.random() * 2 * self.pause)
            except psycopg2.Error:  # also the plain DatabaseError of a connection that ends without a word
                with contextlib.suppress(psycopg2.Error):
                    connection.close() if connection else None
                connection = None
                self._stop.wait(0.05)
            except Exception as error:  # shown by stop(): a thread must not fail in silence
                self.errors.append(error)
                return
        if connection:
            with contextlib.suppress(psycopg2.Error):
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
            thread.join(60)
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
        """Until that many more commits were acknowledged."""
        goal = len(self.acknowledged) + commits
        end = time.monotonic() + seconds
        while len(self.acknowledged) < goal:
            assert time.monotonic() < end, f"the ledger moved only to {len(self.acknowledged)} of {goal}"
            self._stop.wait(0.01)

    # ----------------------------------------------------------------------------------------------- the truth

    def history(self, begin=None, cluster=None):
        """Every commit and abort in the WAL since `begin`, in its order."""
        cluster = cluster or self.cluster
        rows = cluster.rows(
            "SELECT start_lsn, end_lsn, xid::text, record_type, description FROM pg_get_wal_records_info(%s::pg_lsn, pg_current_wal_flush_lsn())"
            " WHERE resource_manager = 'Transaction' AND record_type ~ '^(COMMIT|ABORT)'",
            (f"{(begin or self.begin) >> 32:X}/{(begin or self.begin) & 0xFFFFFFFF:X}",))
        return [wal_end(*row) for row in rows]


STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)\+00")


def wal_end(start, end, xid, kind, description):
    stamp = STAMP.search(description).group(1)
    moment = datetime.datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f" if "." in stamp else "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    if kind.endswith("PREPARED"):
        xid = description.split(":", 1)[0]
    return WalEnd(lsn_number(start), lsn_number(end), int(xid), moment, kind.startswith("COMMIT"))


# ---------------------------------------------------------------------------------------------- expectation, comparison

def up_to_time(history, target):
    """What recovery_target_time gives: up to the first commit or abort that is later."""
    kept = []
    for record in history:
        if record.time > target:
            break
        kept.append(record)
    return kept


def up_to_lsn(history, target):
    """What ends at or before `target`."""
    return [record for record in history if record.end <= target]


def through_lsn(history, target):
    """What recovery_target_lsn (inclusive) gives: the first record that begins at or after it is the last one."""
    return [record for record in history if record.start <= target]


def through_xid(history, xid):
    kept = []
    for record in history:
        kept.append(record)
        if record.xid == xid:
            return kept
    raise AssertionError(f"transaction {xid} is not in the history")


def committed(history):
    return {record.xid for record in history if record.commit}


def restored_rows(cluster):
    rows = cluster.rows("SELECT seq, writer, xid, payload, checksum FROM ledger")
    for seq, writer, _, payload, given in rows:
        assert given == checksum(seq, writer, payload), f"row {seq} is damaged"
    return {(seq, xid) for seq, _, xid, _, _ in rows}


def expect_prefix(cluster, ledger, history, source_rows):
    """The restored `cluster` holds the transactions of `history` and nothing else. `source_rows`: restored_rows() of the source."""
    want = committed(history)
    expected = {(seq, xid) for seq, xid in source_rows if xid in want}
    found = restored_rows(cluster)
    missing, extra = expected - found, found - expected
    assert not missing and not extra, (
        f"seed {ledger.seed}: {len(missing)} rows are missing (first {sorted(missing)[:5]}), {len(extra)} too many (first {sorted(extra)[:5]})")
    made = {int(name) for (name,) in cluster.rows("SELECT substr(relname, 6) FROM pg_class WHERE relname ~ '^made_[0-9]+$'")}
    assert made <= {seq for seq, _ in expected}, "a table of a transaction that is not there"
    return len(found)


def expect_acknowledged(cluster, ledger, until):
    """Every commit acknowledged at or before `until` is there: the record kept outside, with no help from the source."""
    found = {seq for seq, _ in restored_rows(cluster)}
    lost = [row for row in ledger.acknowledged if row.time <= until and row.seq not in found]
    assert not lost, f"seed {ledger.seed}: {len(lost)} acknowledged commits are lost, first {lost[:3]}"
