"""Any instant: the ledger of a busy server, restored to many targets, equals the recorded prefix each time."""
import datetime
import random

import pytest

from support import place
from support.cluster import lsn_number, lsn_text
from support.ledger import (Ledger, committed, expect_acknowledged, expect_prefix, restored_rows, through_lsn, through_xid, up_to_lsn,
                            up_to_time)

WAYS = {"debian": "files", 18: "stream"}


@pytest.mark.parametrize("version", [pytest.param(version, marks=pytest.mark.xdist_group(f"pitr {version}")) for version in WAYS])
def test_the_restored_ledger_equals_the_recorded_prefix(new_cluster, new_varve, open_restored, room, version):
    source = new_cluster(version=version)
    ledger = Ledger(source).create()
    varve = new_varve(source, method=WAYS[version]).serve()
    with ledger.running():
        ledger.wait_for(50)
        backup = varve.backup()
        consistent = lsn_number(source.lsn())
        ledger.wait_for(200)
        ledger.restore_point("before the change")
        ledger.wait_for(300)
        second = varve.backup()
        ledger.wait_for(400)
    # A quiet server: the last commit stays the last for a while.
    quiet = ledger.acknowledged[-1].time + datetime.timedelta(milliseconds=1)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    history, rows = ledger.history(), restored_rows(source)
    reachable = [record for record in history if record.start > consistent]
    dice = random.Random(ledger.seed)
    print(f"seed {ledger.seed}: {len(history)} commits and aborts, {len(ledger.acknowledged)} acknowledged")

    targets = []
    for number in range(place.scaled(20)):
        # At a commit, a little before or after it, and anywhere in between.
        chosen = dice.choice(reachable).time + datetime.timedelta(microseconds=dice.choice([-1, 0, 0, 1, dice.randrange(5000)]))
        if chosen < reachable[0].time:
            chosen = reachable[0].time
        targets.append((f"at{number}", ["--at", chosen.isoformat()], up_to_time(history, chosen), chosen))
    chosen = dice.choice(reachable)
    targets.append(("lsn", ["--lsn", lsn_text(chosen.start)], through_lsn(history, chosen.start), None))
    chosen = dice.choice([record for record in reachable if record.commit])
    targets.append(("xid", ["--xid", chosen.xid], through_xid(history, chosen.xid), None))
    targets.append(("name", ["--name", "before the change"], up_to_lsn(history, ledger.names["before the change"]), None))
    targets.append(("latest", ["--latest"], history, quiet))
    targets.append(("quiet", ["--at", quiet.isoformat()], history, quiet))

    for name, target, expected, instant in targets:
        print(f"{name}: {target}", flush=True)
        varve.restore(room / name, *target)
        restored = open_restored(room / name, source)
        expect_prefix(restored, ledger, expected, rows)
        if instant:
            expect_acknowledged(restored, ledger, instant)
        if name in ("at0", "latest"):
            restored.amcheck()
        restored.remove()
        place.run(["rm", "-rf", room / name])

    # As soon as consistent: each backup ends at its own stop, and --immediate is the newest one's.
    for name, target, stop in (("first", ["--backup", backup["id"]], backup["stop_time"]),
                               ("second", ["--backup", second["id"]], second["stop_time"]), ("immediate", ["--immediate"], second["stop_time"])):
        varve.restore(room / name, *target)
        restored = open_restored(room / name, source)
        found = {xid for _, xid in restored_rows(restored)}
        expected = history[:1 + max(n for n, record in enumerate(history) if record.commit and record.xid in found)]
        assert expected[-1].time <= datetime.datetime.fromisoformat(stop.replace("Z", "+00:00")), (name, stop)
        expect_prefix(restored, ledger, expected, rows)
        restored.amcheck()
        restored.remove()


def test_a_target_outside_the_window_is_refused_with_the_nearest_instants(new_cluster, new_varve, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    long_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    varve.backup()
    ledger.write(3)
    varve.do("log", "follow", "pg/main", "--until-caught-up")

    ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    for target in (["--at", long_ago.isoformat()], ["--at", ahead.isoformat()], ["--lsn", "FF/0"], ["--lsn", "0/28"], ["--xid", 99999999],
                   ["--name", "never made"]):
        error = varve.refused("restore", "run", "pg/main", "--to", room / "copy", *target, code="point_not_recoverable", exit_code=22)
        assert not (room / "copy").exists(), target
        if target[0] == "--at":
            assert error["context"] or error.get("remedy"), error


def test_a_target_is_reached_although_old_recovery_settings_were_left_in_the_configuration(new_cluster, new_varve, open_restored, room):
    """A stale recovery_target in an included file would stop the next recovery at the wrong place, or not let it start."""
    source = new_cluster()
    source.execute("ALTER SYSTEM SET recovery_target_time = '2020-01-01 00:00:00+00'", "ALTER SYSTEM SET restore_command = 'false'")
    (source.data / "extra.conf").write_text("recovery_target_action = 'shutdown'\n")
    place.give(source.data / "extra.conf")
    (source.data / "postgresql.conf").open("a").write("include 'extra.conf'\n")
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")

    varve.restore(room / "copy", "--latest")
    restored = open_restored(room / "copy", source)
    assert len(restored_rows(restored)) == 5


@pytest.mark.parametrize("action", ["pause", "shutdown"])
def test_the_action_at_the_target_is_what_was_asked_for(new_cluster, new_varve, open_restored, room, action):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    ledger.write(5)
    xid = ledger.write(1).xid
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")

    varve.restore(room / "copy", "--xid", xid, "--action", action)
    restored = open_restored(room / "copy", source, promoted=False, wait=action == "pause")
    if action == "shutdown":
        restored.wait_stopped()
        return
    place.wait_until(lambda: restored.value("SELECT pg_get_wal_replay_pause_state()") == "paused")
    assert len(restored_rows(restored)) == 6
