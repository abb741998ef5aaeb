"""SQLite: what an application commits can be had back as of any transaction, whatever happens beside it."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from support import place, shop
from support.faults import Mount
from support.varve import Varve

SOURCE = "shop/db"
SCRIPT = pathlib.Path(shop.__file__)


class Shop:
    """The application: its database, its processes."""

    def __init__(self, directory):
        self.directory = place.make_dir(directory, mode=0o755)
        self.path = self.directory / "shop.db"
        self.script = shutil.copy(SCRIPT, self.directory.with_suffix(".py"))  # the checkout may be shut to its user
        self.children = []

    def create(self, **options):
        self.run("create", **options)
        return self

    def run(self, what, **options):
        place.run(self.command(what, **options), timeout=600)

    def command(self, what, **options):
        words = [sys.executable, self.script, what, self.path]
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
    varve.do("log", "follow", SOURCE, "--until-caught-up")
    last = shipped(varve)  # more than `until`: VACUUM and what makes the table are transactions too
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


def has_base(varve):
    """A base backup is there."""
    return varve.do("backup", "list", SOURCE)["backups"]


def wait_shipped(varve, app, seconds=60):
    """Until the newest commit is durable: then restore --latest must give it."""
    varve.do("log", "follow", SOURCE, "--until-caught-up", timeout=seconds)


def expect_now(varve, app, room, *target, name="now.db"):
    """The restored database is what the application has."""
    varve.do("restore", "run", SOURCE, "--to", room / name, *(target or ["--latest"]))
    with contextlib.closing(sqlite3.connect(app.path, timeout=30)) as database:
        live = shop.content(database)
    assert read_restored(room / name) == live
    return live


def lineages(varve):
    return [one["name"] for one in varve.do("log", "list", SOURCE)["lineages"]]


CYCLE = [name for file in ("cycle", "follow")
         for name in re.findall(r'failpoint\("(sqlite\.[a-z_]+)"\)', (place.ROOT / f"drivers/sqlite/{file}.cpp").read_text())]


@pytest.mark.parametrize("step", CYCLE)
def test_killed_in_a_checkpoint_cycle(new_shop, new_host, room, step):
    """Every state that any lineage gives back is one that the application had, and in the end it is the newest."""
    app = new_shop()
    varve = new_host(app)
    varve.serve(env={"VARVE_FAILPOINT": f"{step}:2"})
    place.wait_until(lambda: has_base(varve), 30)
    app.start("write", pause=0.001)
    assert varve.child.wait(60) == -signal.SIGKILL
    varve.child = None
    varve.serve()
    place.wait_until(lambda: shipped(varve) > 0, 30)
    time.sleep(1)
    app.stop()
    wait_shipped(varve, app)
    expect_now(varve, app, room)
    assert varve.stop() == 0
    states = []
    for number, lineage in enumerate(lineages(varve)):
        out = room / f"lineage-{number}.db"
        varve.do("restore", "run", SOURCE, "--to", out, "--timeline", lineage, "--latest")
        states.append(read_restored(out))
    expected = shop.Expected()
    for n, digest in sorted(states):
        assert (n, digest) == expected.at(n)


def test_a_service_that_was_down_goes_on_where_nothing_was_missed(new_shop, new_host, room):
    """Stopped, killed, and while the application closed the database, which removes its WAL."""
    app = new_shop()
    varve = new_host(app)
    for end in ("stop", "kill", "closed"):
        varve.serve()
        place.wait_until(lambda: has_base(varve), 30)
        with contextlib.closing(sqlite3.connect(app.path)) as stays_open:
            app.run("write", until=app.commits() + 50)
            assert shop.commits(stays_open) > 0
            wait_shipped(varve, app)
            if end == "kill":
                varve.kill()
            else:
                assert varve.stop() == 0
            if end != "closed":
                varve.serve()
                wait_shipped(varve, app)
                varve.stop()
        assert not pathlib.Path(f"{app.path}-wal").exists(), "the last one to close the database removes its WAL"
    varve.serve()
    app.run("write", until=app.commits() + 50)
    wait_shipped(varve, app)
    expect_now(varve, app, room)
    assert varve.do("log", "gaps", SOURCE)["gaps"] == []
    assert len(lineages(varve)) == 1


def test_marks_lie_where_they_lay_when_the_wal_is_read_again(new_shop, new_host, room):
    """A mark is not in the WAL: after kill -9 the log must go on as if it were."""
    app = new_shop()
    varve = new_host(app)
    varve.serve()
    place.wait_until(lambda: has_base(varve), 30)
    with contextlib.closing(sqlite3.connect(app.path)) as stays_open:
        for number in range(1, 4):
            app.run("write", until=number * 20)
            assert shop.commits(stays_open) == number * 20
            varve.do("mark", SOURCE, f"mark {number}")
            varve.do("check", SOURCE)
            app.run("write", until=number * 20 + 5)
            wait_shipped(varve, app)
            varve.kill()
            varve.serve()
            wait_shipped(varve, app)
    app.run("write", until=100)
    wait_shipped(varve, app)
    expect_now(varve, app, room)
    assert len(lineages(varve)) == 1 and varve.do("log", "gaps", SOURCE)["gaps"] == []
    expected = shop.Expected()
    for number in range(1, 4):
        out = room / f"mark-{number}.db"
        varve.do("restore", "run", SOURCE, "--to", out, "--mark", f"mark {number}")
        assert read_restored(out) == expected.at(number * 20)


def test_a_command_that_hangs_up_disturbs_nobody(new_shop, new_host, room):
    app = new_shop()
    varve = new_host(app)
    varve.serve()
    place.wait_until(lambda: has_base(varve), 30)
    app.start("write", pause=0.001)
    chance = random.Random(1)
    for _ in range(30):
        words = chance.choice((["check"], ["mark", SOURCE, "x"], ["backup", "run", SOURCE], ["log", "follow", SOURCE, "--until-caught-up"]))
        child = subprocess.Popen([str(varve.binary), *words], env={**os.environ, **varve.environment}, cwd="/tmp",
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **place.as_user())
        time.sleep(chance.random() * 0.15)
        child.kill()
        child.wait()
    app.stop()
    wait_shipped(varve, app)
    expect_now(varve, app, room)
    assert len(lineages(varve)) == 1 and varve.do("log", "gaps", SOURCE)["gaps"] == []


def test_commits_while_nobody_followed_are_a_gap_that_a_base_closes(new_shop, new_host, room):
    app = new_shop()
    varve = new_host(app)
    varve.serve()
    place.wait_until(lambda: has_base(varve), 30)
    app.run("write", until=100)
    wait_shipped(varve, app)
    expect_now(varve, app, room, name="before.db")
    assert varve.stop() == 0
    app.run("write", until=3000)  # its own checkpoints begin the WAL anew
    varve.serve()
    place.wait_until(lambda: len(has_base(varve)) == 2, 30)
    app.run("write", until=3100)
    wait_shipped(varve, app)
    assert expect_now(varve, app, room)[0] == 3100
    gaps = varve.ask("log", "gaps", SOURCE).document["result"]["gaps"]
    assert len(gaps) == 1 and gaps[0]["from"], gaps
    bases = sorted(has_base(varve), key=lambda one: one["stop_time"])
    middle = bases[1]["start_time"]
    error = varve.refused("restore", "run", SOURCE, "--to", room / "gap.db", "--at", middle, code="point_not_recoverable", exit_code=22)
    assert error["context"]["nearest_before"] and error["context"]["nearest_after"], error
    assert not (room / "gap.db").exists()


def test_another_file_in_its_place_begins_a_new_lineage(new_shop, new_host, room):
    """An older copy, a database made anew, and none at all: what is archived stays, and nothing empty takes its place."""
    app = new_shop()
    varve = new_host(app)
    varve.serve()
    place.wait_until(lambda: has_base(varve), 30)
    app.run("write", until=200)
    wait_shipped(varve, app)
    with contextlib.closing(sqlite3.connect(app.path)) as database, contextlib.closing(sqlite3.connect(room / "copy.db")) as copy:
        database.backup(copy)
    app.run("write", until=400)
    wait_shipped(varve, app)
    first = lineages(varve)
    newest = expect_now(varve, app, room, name="newest.db")

    def replace(make):
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(f"{app.path}{suffix}").unlink(missing_ok=True)
        make()

    replace(lambda: None)
    place.wait_until(lambda: varve.status(SOURCE)["state"] != "ok", 30)
    assert lineages(varve) == first

    replace(lambda: place.run(["cp", room / "copy.db", app.path], user="root"))
    place.give(app.path)
    place.run(["sqlite3", app.path, "PRAGMA journal_mode=WAL"])
    place.wait_until(lambda: len(lineages(varve)) == 2, 60)
    app.run("write", until=250)
    wait_shipped(varve, app)
    place.wait_until(lambda: len(has_base(varve)) == 2, 60)
    assert expect_now(varve, app, room, name="older.db")[0] == 250

    replace(app.create)
    place.wait_until(lambda: len(lineages(varve)) == 3, 60)
    app.run("write", until=10)
    wait_shipped(varve, app)
    place.wait_until(lambda: len(has_base(varve)) == 3, 60)
    assert expect_now(varve, app, room, name="anew.db")[0] == 10
    varve.do("restore", "run", SOURCE, "--to", room / "still.db", "--timeline", first[0], "--latest")
    assert read_restored(room / "still.db") == newest


def test_a_restore_beside_a_stale_companion_is_refused(new_shop, new_host, room):
    app = new_shop()
    varve = new_host(app)
    varve.do("backup", "run", SOURCE)
    for suffix in ("", "-wal", "-shm", "-journal"):
        stale = room / f"out.db{suffix}"
        stale.touch()
        varve.refused("restore", "run", SOURCE, "--to", room / "out.db", code=None, exit_code=1)
        assert stale.stat().st_size == 0 and len(list(room.glob("*out.db*"))) == 1
        stale.unlink()
    varve.do("restore", "run", SOURCE, "--to", room / "out.db")
    assert read_restored(room / "out.db")[0] == 0


@pytest.mark.skipif(os.getuid() != 0, reason="needs two users")
def test_the_wrong_user_is_refused_and_makes_nothing(new_shop, room, closing, binary):
    app = new_shop()
    place.run(["chmod", "666", app.path])
    app.directory.chmod(0o777)
    varve = closing(Varve(room / "varve", user="nobody", binary=binary))
    place.give(varve.directory, "nobody")
    varve.sources = [{"name": SOURCE, "driver": "sqlite", "path": app.path}]
    varve.write().init()
    error = varve.refused("backup", "run", SOURCE, code=None, exit_code=77)
    assert "belongs to" in error["message"] and error["remedy"]
    assert [path.name for path in app.directory.iterdir()] == ["shop.db"]
    app.run("write", until=10)


def test_a_store_that_hangs_never_holds_the_write_lock_for_long(new_shop, new_host, room, closing, binary):
    app = new_shop()
    mount = closing(Mount(room / "mount"))
    varve = closing(Varve(room / "varve", binary=binary))
    varve.repository = mount.directory / "repository"
    varve.repositories = [{"name": "local", "url": f"file://{varve.repository}"}]
    varve.sources = [{"name": SOURCE, "driver": "sqlite", "path": app.path, "ship_interval": "1s"}]
    varve.write().init()
    varve.serve()
    place.wait_until(lambda: has_base(varve), 30)
    longest = 0
    with contextlib.closing(sqlite3.connect(app.path, timeout=30, isolation_level=None)) as database:
        until = time.monotonic() + 12
        n = 0
        while time.monotonic() < until:
            if not mount.frozen and time.monotonic() > until - 10:
                mount.hang()
            began = time.monotonic()
            database.execute("BEGIN IMMEDIATE")
            longest = max(longest, time.monotonic() - began)
            n += 1
            shop.apply(database, n)
            database.execute("COMMIT")
            time.sleep(0.001)
    print(f"the application waited {longest * 1000:.0f} ms at most for its lock")
    assert longest < 2, "a store that hangs held the application up; the lock itself is for 200 ms, the rest is this machine's load"
    mount.answer()
    wait_shipped(varve, app)
    expect_now(varve, app, room)


def test_the_users_database_holds_nothing_of_ours_and_idling_costs_nothing(new_shop, new_host, room):
    app = new_shop()
    app.run("write", until=100)
    before = app.path.read_bytes()
    varve = new_host(app)
    varve.serve()
    place.wait_until(lambda: has_base(varve) and shipped(varve) == 0, 30)
    time.sleep(2)
    objects, seconds = varve.objects(), cpu_seconds(varve.child.pid)
    time.sleep(10)
    assert varve.objects() == objects
    used = cpu_seconds(varve.child.pid) - seconds
    print(f"{used * 1000:.0f} ms of CPU in ten idle seconds")
    assert used < 0.5
    assert varve.stop() == 0
    assert app.path.read_bytes() == before


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_mark_is_a_place_to_go_back_to(new_shop, new_host, room):
    app = new_shop()
    varve = new_host(app)
    assert varve.ask("mark", SOURCE, "x").exit_code == 75
    varve.serve()
    place.wait_until(lambda: has_base(varve), 30)
    app.run("write", until=50)
    assert varve.do("mark", SOURCE, "before the release")["position"]
    app.run("write", until=90)
    wait_shipped(varve, app)
    varve.do("restore", "run", SOURCE, "--to", room / "mark.db", "--mark", "before the release")
    assert read_restored(room / "mark.db") == shop.Expected().at(50)
    varve.refused("restore", "run", SOURCE, "--to", room / "none.db", "--mark", "never", code="point_not_recoverable", exit_code=22)
    assert varve.do("check")["sources"][0]["round_trip_position"]


def test_a_database_over_one_gib(new_shop, new_host, room):
    """Past the page that SQLite locks bytes in, and too large for memory."""
    app = new_shop(fill_mib=1088)
    varve = new_host(app)
    varve.serve()
    place.wait_until(lambda: has_base(varve), 120)
    app.run("write", until=500)
    wait_shipped(varve, app)
    at_500 = expect_now(varve, app, room, name="at-500.db")
    (room / "at-500.db").unlink()
    place.run(["sqlite3", app.path, "DELETE FROM ballast WHERE id % 3 = 0; VACUUM"])
    app.run("write", until=600)
    wait_shipped(varve, app, 120)
    expect_now(varve, app, room)
    (room / "now.db").unlink()
    varve.do("restore", "run", SOURCE, "--to", room / "again.db", "--txn", 500)
    assert read_restored(room / "again.db") == at_500
    peak = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{varve.child.pid}/status").read_text()).group(1))
    print(f"the service took {peak / 1024:.0f} MiB at most")
    assert peak < 300 << 10
    assert varve.do("log", "gaps", SOURCE)["gaps"] == []


def test_five_hundred_databases_in_one_service(room, closing, binary):
    count = 500
    directory = place.make_dir(room / "many", mode=0o755)
    script = ("import sqlite3\n"
              f"for i in range({count}):\n"
              f"    with sqlite3.connect(f'{directory}/{{i}}.db') as database:\n"
              "        database.execute('PRAGMA journal_mode=WAL')\n"
              "        database.execute('CREATE TABLE t (a)')\n"
              "        database.execute('INSERT INTO t VALUES (?)', (i,))\n"
              "    database.close()\n")
    place.run([sys.executable, "-c", script])
    varve = closing(Varve(room / "varve", binary=binary))
    varve.sources = [{"name": f"many/{i}", "driver": "sqlite", "path": directory / f"{i}.db"} for i in range(count)]
    varve.write().init()
    varve.serve()
    place.wait_until(lambda: len(varve.do("backup", "list")["backups"]) == count, 120, 1)
    status = pathlib.Path(f"/proc/{varve.child.pid}/status").read_text()
    peak, now = (int(re.search(rf"{key}:\s+(\d+)", status).group(1)) for key in ("VmHWM", "VmRSS"))
    seconds = cpu_seconds(varve.child.pid)
    time.sleep(10)
    used = (cpu_seconds(varve.child.pid) - seconds) / 10
    print(f"{count} databases: {peak / 1024:.0f} MiB at most, {now / 1024:.0f} MiB now, {used * 100:.1f} % of a core idle")
    assert peak <= 300 << 10
    assert used < 0.2


def test_a_database_in_a_tree_is_captured_as_of_one_commit(new_shop, room, closing, binary):
    """By the files driver, while it is written to, and followed by a source of its own in the same process."""
    app = new_shop()
    (app.directory / "picture").write_bytes(os.urandom(5000))
    place.give(app.directory / "picture")
    with contextlib.closing(sqlite3.connect(app.directory / "old.db")) as old:  # not in WAL mode
        old.execute("CREATE TABLE t (a)")
        old.execute("INSERT INTO t VALUES (1)")
        old.commit()
    place.give(app.directory / "old.db")
    varve = closing(Varve(room / "varve", binary=binary))
    varve.sources = [{"name": SOURCE, "driver": "sqlite", "path": app.path, "ship_interval": "1s"},
                     {"name": "shop/files", "driver": "files", "paths": [app.directory]}]
    varve.write().init()
    varve.serve()
    place.wait_until(lambda: has_base(varve), 30)
    app.start("write", pause=0.002)
    app.start("harass")
    place.wait_until(lambda: app.commits() > 20)
    expected = shop.Expected()
    for number in range(3):
        made = varve.do("backup", "run", "shop/files")["backups"][0]
        assert not made["partial"], made
        out = room / f"tree-{number}"
        varve.do("restore", "run", "shop/files", "--to", out, "--backup", made["id"])
        assert sorted(path.name for path in out.iterdir()) == ["old.db", "picture", "shop.db"]
        n, digest = read_restored(out / "shop.db")
        assert (n, digest) == expected.at(n) and n > 0
        assert (out / "picture").read_bytes() == (app.directory / "picture").read_bytes()
        assert (out / "old.db").read_bytes() == (app.directory / "old.db").read_bytes()
    app.stop()
    wait_shipped(varve, app)
    expect_now(varve, app, room)
    assert varve.do("log", "gaps", SOURCE)["gaps"] == [] and len(lineages(varve)) == 1


def test_a_plan_of_retention_tells_and_removes_nothing(new_shop, new_host):
    """A base that is to be kept for ten days goes when it is that old and newer ones are there; the plan says so, and no object goes."""
    varve = new_host(new_shop(), retention={"daily": "10d", "monthly": "none", "pitr": "5d"})
    varve.do("backup", "run", SOURCE)
    objects = sorted(path for path in varve.repository.rglob("*") if path.is_file())

    source, = varve.do("retention", "plan", SOURCE, "--days", 12)["sources"]
    short, = varve.do("retention", "plan", "--days", 9)["sources"]

    assert source["paused"] == [] and short["deletions"] == []
    assert source["backups"][0]["reasons"] and source["backups"][0]["kept_until"]
    gone = [row for row in source["deletions"] if row["kind"] == "backup"]
    assert [row["backup"] for row in gone] == [source["backups"][0]["id"]]
    assert gone[0]["after_newer_backups"]
    assert len(source["recovery_windows_before"]) == 1
    assert sorted(path for path in varve.repository.rglob("*") if path.is_file()) == objects
