"""SQLite: what an application commits can be had back as of any transaction, whatever happens beside it."""
import contextlib
import pathlib
import random
import sqlite3
import subprocess
import sys

import pytest

from support import place, shop
from support.varve import Varve

SOURCE = "shop/db"
SCRIPT = pathlib.Path(shop.__file__)


class Shop:
    """The application: its database, its processes."""

    def __init__(self, directory):
        self.directory = place.make_dir(directory, mode=0o755)
        self.path = self.directory / "shop.db"
        self.children = []

    def create(self, **options):
        self.run("create", **options)
        return self

    def run(self, what, **options):
        place.run(self.command(what, **options), timeout=600)

    def command(self, what, **options):
        words = [sys.executable, SCRIPT, what, self.path]
        for key, value in options.items():
            words += [f"--{key.replace('_', '-')}"] + ([] if value is True else [str(value)])
        return [str(word) for word in words]

    def start(self, what, **options):
        child = subprocess.Popen(self.command(what, **options), cwd="/tmp", **place.as_user())
        self.children.append(child)
        return child

    def stop(self):
        for child in self.children:
            child.kill()
            child.wait()
        self.children.clear()

    def commits(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as database:
            return shop.commits(database)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@pytest.fixture
def new_shop(room, closing):
    def make(name="shop", **options):
        return closing(Shop(room / name)).create(**options)
    return make


@pytest.fixture
def new_host(room, closing, binary):
    def make(one_shop, name="varve", ship_interval="1s", **options):
        varve = closing(Varve(room / name, binary=binary, ship_interval=ship_interval))
        varve.sources = [{"name": SOURCE, "driver": "sqlite", "path": one_shop.path, "ship_interval": ship_interval, **options}]
        varve.write().init()
        return varve
    return make


def shipped(varve):
    """The number of the newest durable transaction."""
    position = varve.durable(SOURCE)
    return int(position.removeprefix("transaction ")) if position else -1


def read_restored(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return shop.content(database)


@pytest.mark.parametrize("page_size, until, targets", [(4096, 20_000, 10), (512, 4_000, 4), (65536, 4_000, 4)])
def test_any_transaction_comes_back(new_shop, new_host, room, page_size, until, targets):
    """Two writers that roll back now and then, VACUUM, and a process that checkpoints as it likes."""
    until, targets = place.scaled(until), place.scaled(targets)
    app = new_shop(page_size=page_size)
    varve = new_host(app)
    varve.serve()
    place.wait_until(lambda: varve.do("backup", "list", SOURCE)["backups"], 30)
    writers = [app.start("write", until=until, vacuum=True, pause=0.0002) for _ in range(2)]
    app.start("harass")
    for quarter in range(1, 4):
        place.wait_until(lambda: app.commits() >= until * quarter // 4 or all(w.poll() is not None for w in writers), 600)
        varve.do("backup", "run", SOURCE)
    for writer in writers:
        assert writer.wait(600) == 0
    app.stop()
    last = place.wait_until(lambda: (lambda n: n >= until and n)(shipped(varve)), 60)
    wal = pathlib.Path(f"{app.path}-wal").stat().st_size
    assert wal < 256 << 20, f"the WAL was never begun anew: {wal} bytes"
    assert varve.do("log", "gaps", SOURCE)["gaps"] == []
    assert len(varve.do("log", "list", SOURCE)["lineages"]) == 1
    assert varve.stop() == 0

    chance = random.Random(page_size)
    numbers = sorted({last, *(chance.randint(1, last) for _ in range(targets - 1))})
    expected = shop.Expected()
    before = -1
    for number in numbers:
        out = room / f"out-{number}.db"
        varve.do("restore", "run", SOURCE, "--to", out, "--txn", number)
        n, digest = read_restored(out)
        assert before < n <= number
        assert (n, digest) == expected.at(n), f"transaction {number} is not what the application had after commit {n}"
        before = n
        out.unlink()
    assert before == until
