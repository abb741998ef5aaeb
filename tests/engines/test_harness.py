"""The harness proves itself on PostgreSQL's own tools: a comparison that cannot fail proves nothing."""
import datetime
import random

import pytest

from conftest import VERSIONS
from support import place
from support.cluster import PrivateCluster, lsn_number, lsn_text
from support.ledger import (Ledger, expect_acknowledged, expect_prefix, restored_rows, through_lsn, through_xid, up_to_time)


def recover(room, closing, source, base, name, settings):
    """A copy of a pg_basebackup, rolled forward from the source's archive directory."""
    copy = PrivateCluster(room / name, source.version)
    place.run(["cp", "-a", base, copy.data])
    copy.configure({**settings, "archive_mode": "off", "restore_command": f"cp {room}/archive/%f %p", "recovery_target_action": "promote"})
    (copy.data / "recovery.signal").touch()
    place.give(copy.data / "recovery.signal")
    return closing(copy).start().wait_promoted()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recovered_cluster_equals_the_recorded_prefix(room, closing, new_cluster, version):
    archive = place.make_dir(room / "archive")
    source = new_cluster(version=version, settings={"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"})
    ledger = Ledger(source).create()
    base = room / "base"
    with ledger.running():
        ledger.wait_for(50)
        place.run([source.tools / "pg_basebackup", "-D", base, "-d", source.conninfo(), "-c", "fast", "-X", "none", "--no-sync"]
                  if version != 18 else ["true"])
        if version == 18:
            low_level_copy(source, base)
        consistent = lsn_number(source.lsn())
        ledger.wait_for(500)
    history = ledger.history()
    rows = restored_rows(source)
    source.execute("SELECT pg_switch_wal()")
    place.wait_until(lambda: source.value("SELECT pg_walfile_name(pg_switch_wal()) IS NOT NULL AND last_archived_wal >= pg_walfile_name(%s::pg_lsn)"
                                          " FROM pg_stat_archiver", (lsn_text(history[-1].end),)))
    assert len(history) > 300 and any(not record.commit for record in history)

    dice = random.Random(ledger.seed)
    later = [record for record in history if record.start > consistent]
    at = dice.choice(later[:-1]).time + datetime.timedelta(microseconds=dice.randrange(3))
    recovered = recover(room, closing, source, base, "at", {"recovery_target_time": at.isoformat()})
    expect_prefix(recovered, ledger, up_to_time(history, at), rows)
    expect_acknowledged(recovered, ledger, at)
    recovered.amcheck()
    # The comparison fails when it should.
    with pytest.raises(AssertionError, match="too many"):
        expect_prefix(recovered, ledger, up_to_time(history, at)[:-3], rows)
    lost = next(row for row in reversed(ledger.acknowledged) if row.time <= at)
    recovered.execute(f"DELETE FROM ledger WHERE seq = {lost.seq}")
    with pytest.raises(AssertionError, match="missing"):
        expect_prefix(recovered, ledger, up_to_time(history, at), rows)
    with pytest.raises(AssertionError, match="lost"):
        expect_acknowledged(recovered, ledger, at)

    target = dice.choice([record for record in later if record.commit])
    recovered = recover(room, closing, source, base, "lsn", {"recovery_target_lsn": lsn_text(target.start)})
    expect_prefix(recovered, ledger, through_lsn(history, target.start), rows)
    target = dice.choice([record for record in later if record.commit])
    recovered = recover(room, closing, source, base, "xid", {"recovery_target_xid": target.xid})
    expect_prefix(recovered, ledger, through_xid(history, target.xid), rows)


def low_level_copy(source, base):
    """What pg_basebackup does, for a server whose tools we lack."""
    connection = source.connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backup_start('harness', true)")
        place.run(["cp", "-a", source.data, base], check=False)
        cursor.execute("SELECT labelfile FROM pg_backup_stop(false)")
        (base / "backup_label").write_text(cursor.fetchone()[0])
    connection.close()
    place.give(base / "backup_label")
    place.run(["sh", "-c", f"rm -rf {base}/pg_wal/* {base}/postmaster.*; mkdir -p {base}/pg_wal/archive_status; chown -R --reference={base} {base}/pg_wal"])
