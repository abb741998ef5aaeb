"""A small application on SQLite whose content after its n-th commit follows from n alone.

Run as a program it is one writer (or the hostile process that checkpoints); as a module it tells what the database must hold.
Writers take turns by SQLite's own lock, and each commit counts itself, so that any number of writers makes one known history."""
import argparse
import hashlib
import os
import random
import sqlite3
import sys
import time

ROWS = 4000


def connect(path, timeout=30):
    database = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    database.execute("PRAGMA synchronous=NORMAL")
    return database


def create(path, page_size=4096, fill_mib=0):
    database = connect(path)
    database.execute(f"PRAGMA page_size={page_size}")
    database.execute("PRAGMA journal_mode=WAL")
    make_schema(database)
    for first in range(0, fill_mib, 32):
        database.execute("BEGIN")
        database.executemany("INSERT INTO ballast VALUES (?, ?)", [(first + i, random.Random(first + i).randbytes(1 << 20)) for i in range(32)])
        database.execute("COMMIT")
    database.close()


def make_schema(database):
    database.execute("CREATE TABLE commits (only INTEGER PRIMARY KEY CHECK (only = 1), n INTEGER)")
    database.execute("INSERT INTO commits VALUES (1, 0)")
    database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, n INTEGER, note BLOB)")
    database.execute("CREATE INDEX orders_n ON orders (n)")
    database.execute("CREATE TABLE ballast (id INTEGER PRIMARY KEY, bytes BLOB)")


def note(n, size):
    return hashlib.blake2b(str(n).encode(), digest_size=32).digest() * (size // 32 + 1)


def apply(database, n):
    """What the n-th commit does."""
    chance = random.Random(n)
    for _ in range(chance.randint(1, 3)):
        database.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", (chance.randrange(ROWS), n, note(n, chance.choice((20, 60, 200, 900)))))
    if n % 7 == 0:
        database.execute("DELETE FROM orders WHERE id % 101 = ?", (n % 101,))
    if n % 997 == 0:
        database.execute("DELETE FROM orders WHERE n < ?", (n - 3000,))
    database.execute("UPDATE commits SET n = ?", (n,))


def commits(database):
    return database.execute("SELECT n FROM commits").fetchone()[0]


def content(database):
    """A digest of everything the application wrote."""
    digest = hashlib.sha256()
    for row in database.execute("SELECT id, n, note FROM orders ORDER BY id"):
        digest.update(repr(row).encode())
    return commits(database), digest.hexdigest()


class Expected:
    """The same history made again, in memory: asked in rising order."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        make_schema(self.database)
        self.n = 0

    def at(self, n):
        assert n >= self.n
        self.database.execute("BEGIN")
        while self.n < n:
            self.n += 1
            apply(self.database, self.n)
        self.database.execute("COMMIT")
        return content(self.database)


def write(path, until, vacuum, pause):
    chance = random.Random(os.getpid())
    database = connect(path)
    while True:
        if vacuum and chance.random() < 0.0005:
            database.execute("VACUUM")
        database.execute("BEGIN IMMEDIATE")
        n = commits(database) + 1
        if n > until:
            database.execute("ROLLBACK")
            return
        apply(database, n)
        database.execute("ROLLBACK" if chance.random() < 0.05 else "COMMIT")
        if pause:
            time.sleep(pause)


def harass(path):
    """Checkpoints of every kind at random, as an application might."""
    chance = random.Random(os.getpid())
    database = connect(path, timeout=0)
    while os.path.exists(path):
        try:
            database.execute(f"PRAGMA wal_checkpoint({chance.choice(('PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'))})").fetchall()
        except sqlite3.OperationalError:
            pass
        time.sleep(chance.random() * 0.02)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["create", "write", "harass"])
    parser.add_argument("path")
    parser.add_argument("--until", type=int, default=sys.maxsize)
    parser.add_argument("--vacuum", action="store_true")
    parser.add_argument("--pause", type=float, default=0)
    parser.add_argument("--page-size", type=int, default=4096)
    parser.add_argument("--fill-mib", type=int, default=0)
    options = parser.parse_args()
    if options.what == "create":
        create(options.path, options.page_size, options.fill_mib)
    elif options.what == "write":
        write(options.path, options.until, options.vacuum, options.pause)
    else:
        harass(options.path)
