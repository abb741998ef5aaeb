"""kill -9 of the server and of Varve, at random moments, under load: what was reported durable is back, the segment in progress included."""
import os
import random
import subprocess

import pytest

from support import place
from support.cluster import lsn_number
from support.ledger import Ledger, committed, expect_prefix, restored_rows, up_to_lsn


@pytest.mark.parametrize("version", [pytest.param(version, marks=pytest.mark.xdist_group(f"kill {version}")) for version in ("debian", 18)])
def test_what_was_reported_durable_is_back_after_kill_9(new_cluster, new_varve, open_restored, room, version):
    source = new_cluster(version=version, settings={"wal_keep_size": "2GB"})
    ledger = Ledger(source, pause=0.002).create()
    dice = random.Random(ledger.seed)
    varve = new_varve(source).serve()
    ledger.write(1)
    varve.backup()

    for number in range(place.scaled(5)):
        ledger.start()
        begun = lsn_number(source.lsn())
        varve.wait_durable(begun)  # something of this round at least
        rounds = dice.randrange(1, 12)
        for _ in range(rounds):
            durable = lsn_number(varve.durable())
        killed_first, killed_second = dice.sample([source, varve], 2)
        killed_first.kill()
        killed_second.kill()
        ledger.stop()

        # The archive alone decides; nothing of the killed ones runs.
        to = room / f"round{number}"
        result = varve.restore(to, "--latest")
        restored = open_restored(to, source)
        rows_restored = restored_rows(restored)
        restored.remove()

        source.start()
        history, rows = ledger.history(), restored_rows(source)
        needed = committed(up_to_lsn(history, durable))
        found = {xid for _, xid in rows_restored}
        lost = {row for row in rows if row[1] in needed} - rows_restored
        assert not lost, f"seed {ledger.seed}, round {number}: durable {durable:X} was reported, {len(lost)} rows before it are lost: {sorted(lost)[:3]}"
        last = max(index for index, record in enumerate(history) if record.commit and record.xid in found)
        prefix = committed(history[:last + 1])
        assert rows_restored == {row for row in rows if row[1] in prefix}, f"seed {ledger.seed}, round {number}: not a prefix"
        answered = max(row.time for row in ledger.acknowledged)
        print(f"round {number}: {len(rows_restored)} rows back, {len(rows) - len(rows_restored)} after them; "
              f"{(answered - history[last].time).total_seconds():.2f} s lost (ship_interval {varve.ship_interval}); {result['target_reached']}", flush=True)
        varve.serve()


def test_varve_killed_alone_goes_on_where_it_was(new_cluster, new_varve, open_restored, room):
    source = new_cluster()
    ledger = Ledger(source, pause=0.005).create()
    varve = new_varve(source).serve()
    varve.backup()
    dice = random.Random(ledger.seed)
    with ledger.running():
        for _ in range(4):
            place.wait_until(lambda: source.value("SELECT count(*) FROM pg_replication_slots WHERE active"))
            ledger.wait_for(dice.randrange(20, 120))
            varve.kill()
            varve.serve()
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.status()["gaps"] == []

    varve.restore(room / "copy", "--latest")
    expect_prefix(open_restored(room / "copy", source), ledger, ledger.history(), restored_rows(source))


def test_a_backup_that_was_killed_is_not_listed_and_the_next_one_is_whole(new_cluster, new_varve, open_restored, room):
    source = new_cluster()
    source.execute("CREATE TABLE big AS SELECT n, md5(n::text) AS t FROM generate_series(1, 600000) n", "CHECKPOINT")
    ledger = Ledger(source).create()
    ledger.write(5)
    varve = new_varve(source)
    child = subprocess.Popen([varve.binary, "backup", "run", "pg/main"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp",
                             env={**os.environ, **varve.environment}, **place.as_user())
    place.wait_until(lambda: len(varve.objects("pack")) > 0 or child.poll() is not None, every=0.001)
    child.kill()
    child.wait()

    assert varve.do("backup", "list", "pg/main")["backups"] == []
    place.wait_until(lambda: not source.value("SELECT count(*) FROM pg_replication_slots WHERE active"))
    backup = varve.backup()
    assert [one["id"] for one in varve.do("backup", "list", "pg/main")["backups"]] == [backup["id"]]
    varve.restore(room / "copy", "--backup", backup["id"])
    assert len(restored_rows(open_restored(room / "copy", source))) == 5
    assert varve.do("verify", "--level", "2")
