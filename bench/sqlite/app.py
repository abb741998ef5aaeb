"""The application that is measured: one writer on a database in WAL mode, a process of its own that lives through all phases.

As a module it makes the database and tells what one holds. As a program it takes orders, one JSON document a line, and answers alike."""
import contextlib
import hashlib
import json
import random
import re
import sqlite3
import sys
import time

CUSTOMERS = 20_000
MARK = re.compile(rb"@(\d{10})@")  # each row carries the number of the transaction that wrote it last: see newest_mark()
_chance = random.Random(3)
WORDS = ["".join(_chance.choices("etaoinshrdlucmfw", k=_chance.randint(2, 9))) for _ in range(4000)]
SHARES = [1 / (rank + 8) for rank in range(len(WORDS))]  # some words are everywhere, most are rare
CUMULATIVE = [sum(SHARES[:rank + 1]) for rank in range(len(SHARES))]


def connect(path):
    database = sqlite3.connect(path, timeout=60, isolation_level=None)
    database.execute("PRAGMA synchronous=NORMAL")
    return database


def note(chance, n):
    """About 240 bytes."""
    return f"@{n:010}@ " + " ".join(chance.choices(WORDS, cum_weights=CUMULATIVE, k=40))


def row(chance, n):
    return chance.randrange(CUSTOMERS), f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02} {n % 24:02}:00", "open", chance.random() * 1000, note(chance, n)


def create(path, rows):
    """A database as an application leaves it, its WAL empty."""
    chance = random.Random(1)
    with contextlib.closing(connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, placed TEXT, state TEXT, price REAL, note TEXT)")
        database.execute("CREATE INDEX orders_customer ON orders (customer)")
        for first in range(0, rows, 20_000):
            database.execute("BEGIN")
            database.executemany("INSERT INTO orders (customer, placed, state, price, note) VALUES (?, ?, ?, ?, ?)",
                                 (row(chance, 0) for _ in range(min(20_000, rows - first))))
            database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def content(path, immutable=False):
    """How many rows, and a digest of all of them. `immutable`: nothing else has it open, and it was checked first."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?" + ("immutable=1" if immutable else "mode=ro"), uri=True, timeout=60)) as database:
        if immutable:
            verdict = database.execute("PRAGMA integrity_check").fetchall()
            if verdict != [("ok",)]:
                raise SystemExit(f"{path}: integrity_check: {verdict[:3]}")
        digest, count = hashlib.blake2b(), 0
        for count, values in enumerate(database.execute("SELECT * FROM orders ORDER BY id"), 1):
            digest.update(repr(values).encode())
        by_index = database.execute("SELECT count(*), sum(customer) FROM orders INDEXED BY orders_customer WHERE customer >= 0").fetchone()
        return count, digest.hexdigest(), by_index


def newest_mark(pages):
    """The number of the newest transaction whose rows these page images hold; 0 when there is none."""
    return max((int(found) for found in MARK.findall(pages)), default=0)


class Writer:
    def __init__(self, path):
        self.database, self.chance, self.n = connect(path), random.Random(2), 0
        self.rows = self.database.execute("SELECT max(id) FROM orders").fetchone()[0]

    def transaction(self):
        """1 to 5 rows, three of ten are updates. Gives how long it took and when it was committed."""
        self.n += 1
        began, more = time.perf_counter(), 0
        self.database.execute("BEGIN IMMEDIATE")
        for _ in range(self.chance.randint(1, 5)):
            if self.chance.random() < 0.3:
                self.database.execute("UPDATE orders SET state = 'paid', note = ? WHERE id = ?",
                                      (note(self.chance, self.n), self.chance.randint(1, self.rows)))
            else:
                self.database.execute("INSERT INTO orders (customer, placed, state, price, note) VALUES (?, ?, ?, ?, ?)", row(self.chance, self.n))
                more += 1
        self.database.execute("COMMIT")
        self.rows += more
        return time.perf_counter() - began, time.time()

    def work(self, transactions, rate=None):
        """`rate`: so many a second at most."""
        first, took, committed, began = self.n + 1, [], [], time.perf_counter()
        for number in range(transactions):
            if rate and (ahead := began + number / rate - time.perf_counter()) > 0:
                time.sleep(ahead)
            seconds, at = self.transaction()
            took.append(seconds)
            committed.append(at)
        seconds = time.perf_counter() - began
        took.sort()
        return {"first": first, "seconds": seconds, "committed": committed, "typical": took[len(took) // 2],
                "slow": took[len(took) * 99 // 100], "slowest": took[-1]}


def main():
    writer = Writer(sys.argv[1])
    for line in sys.stdin:  # ends with whoever gives the orders
        print(json.dumps(writer.work(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
