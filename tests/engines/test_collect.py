"""Collection with the real program on a real directory, over weeks of a faked clock: what goes, what stays, and the power cut at every step."""
import datetime
import math
import os
import pathlib
import shutil
import signal

import pytest

from support import place
from support.varve import Varve
from test_failpoints import COLLECTION
from test_files import Tree, describe

SOURCE = "shop/uploads"
BEGIN = datetime.datetime(2026, 11, 23, 3, tzinfo=datetime.timezone.utc)
HELD = 3  # of the backups of November


def library():
    libraries = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        pytest.skip("libfaketime is not installed")
    return str(libraries[0])


class World:
    """A tree that is backed up every two days, and the clock that says so. Files get the times at which they seem to be made."""

    def __init__(self, room, varve):
        self.varve, self.now, self.states = varve, BEGIN, {}
        self.tree = Tree(room / "tree")
        self.tree.write("same", os.urandom(300_000))
        varve.sources = [{"name": SOURCE, "driver": "files", "kind": "data", "paths": [str(self.tree.root)]}]
        varve.sections = {"retention": {"data": {"daily": "10d", "weekly": "none"}}}
        varve.write()
        self.ask("init").result

    def ask(self, *arguments, **env):
        shift = math.ceil((self.now - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
        faked = {"LD_PRELOAD": library(), "FAKETIME": f"{shift:+d}s", "NO_FAKE_STAT": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        known = {path for path in self.varve.objects()}
        answer = self.varve.ask(*arguments, env={**faked, **env})
        for path in set(self.varve.objects()) - known:
            os.utime(path, (self.now.timestamp(), self.now.timestamp()))
        self.now += datetime.timedelta(seconds=5)  # the shift is in whole seconds, and no later command may seem to be an earlier one
        return answer

    def back_up(self):
        self.tree.write("changing", os.urandom(200_000))
        made = self.ask("backup", "run", SOURCE).result["backups"][0]
        self.states[made["id"]] = describe(self.tree.root)

    def pass_days(self, days, every=2):
        for _ in range(0, days, every):
            self.back_up()
            self.now += datetime.timedelta(days=every)

    def collect(self, **env):
        return self.ask("gc", "run", **env)

    def backups(self):
        return [one["id"] for one in reversed(self.ask("backup", "list").result["backups"])]

    def expect_whole(self, room):
        """Every backup that is listed comes back as it was, and nothing counts as damage."""
        self.ask("verify", "--level", "2").result
        for number, backup in enumerate(self.backups()):
            target = room / f"restored-{number}"
            self.ask("restore", "run", SOURCE, "--to", target, "--backup", backup).result
            assert content(describe(target)) == content(self.states[backup])
            shutil.rmtree(target)


def content(state):
    return {path: (seen[0], seen[1], seen[7]) for path, seen in state.items()}


@pytest.fixture
def world(room, closing, binary):
    world = World(room, closing(Varve(room / "varve", binary=binary)))
    world.pass_days(24)  # until 17 December: November is closed
    return world


def counts(answer):
    (source,) = answer.result["copies"][0]["sources"]
    return {kind: (source[kind]["backups"], source[kind]["packs"]) for kind in ("condemned", "waiting", "swept")}


def test_months_of_backups_go_when_their_time_is_over_and_the_power_may_be_cut_at_every_step(world, room):
    november = world.backups()[:4]
    world.ask("backup", "hold", november[HELD]).result
    assert world.ask("gc", "plan").result["copies"][0]["sources"][0]["condemned"]["backups"] == 3
    cut = sorted(COLLECTION - {"gc.before_condemned", "gc.after_condemned"})
    for point in ("gc.before_condemned", "gc.after_condemned"):
        assert world.collect(VARVE_FAILPOINT=point).exit_code == -signal.SIGKILL
    assert counts(world.collect())["condemned"] == (0, 0), "the record of the run that was cut counts"
    world.pass_days(3, every=1)

    saved = room / "saved"
    place.run(["cp", "-a", world.varve.repository, saved], user="root")
    for point in cut:
        shutil.rmtree(world.varve.repository)
        place.run(["cp", "-a", saved, world.varve.repository], user="root")
        assert world.collect(VARVE_FAILPOINT=point).exit_code == -signal.SIGKILL, f"{point} was never reached"
        world.ask("verify", "--level", "1").result
        world.collect().result
        world.now += datetime.timedelta(hours=1)
        assert counts(world.collect()) == {"condemned": (0, 0), "waiting": (0, 0), "swept": (0, 0)}, point
        left = world.backups()
        assert [one for one in november if one in left] == [november[HELD]] and len(left) == 12 - 3 + 3
        world.ask("verify", "--level", "2").result
    world.expect_whole(room)

    told = world.ask("gc", "explain", november[0]).result["copies"][0]
    kinds = [event["kind"] for event in told["history"]]
    assert not told["present"] and kinds == ["condemned", "sweep", "sweep", "swept"], "the sweep that was cut is told, too"
    told = world.ask("gc", "explain", november[HELD]).result["copies"][0]
    assert told["present"] and "it is held" in told["kept_by"]


def test_brakes_exit_5_with_the_reason_and_remove_nothing(world, room):
    ids = world.backups()
    error = world.ask("backup", "delete", ids[-1])
    assert error.exit_code == 5 and error.error["code"] == "kept" and "two newest" in error.error["message"]
    world.collect().result
    world.pass_days(3, every=1)

    newest = world.varve.objects("backup")[-1 - 3]
    shutil.move(newest, room / "away")
    before = [path for path in world.varve.objects() if "/gc/" not in str(path)]
    stopped = world.collect()
    assert stopped.exit_code == 5 and stopped.error["code"] == "collection_refused"
    assert ids[-1] in stopped.error["message"] and f"varve backup acknowledge {ids[-1]}" in stopped.error["remedy"]
    assert [path for path in world.varve.objects() if "/gc/" not in str(path)] == before
    shutil.move(room / "away", newest)

    world.now += datetime.timedelta(days=4)
    paused = world.collect()
    assert paused.exit_code == 5 and paused.error["code"] == "collection_paused"
    world.back_up()
    assert world.collect().exit_code == 5, "a silence stands in the way until it is acknowledged"
    world.now += datetime.timedelta(minutes=1)
    world.ask("backup", "acknowledge", SOURCE).result
    assert counts(world.collect())["swept"][0] == 4
    world.expect_whole(room)
