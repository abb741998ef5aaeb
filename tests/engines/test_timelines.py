"""Promotion, branches, forks, and a restored production that is followed on."""
import datetime

from support import place
from support.cluster import PrivateCluster, lsn_number
from support.ledger import Ledger, expect_prefix, restored_rows, up_to_lsn

UTC = datetime.timezone.utc


def standby_of(source, room, closing, name="standby"):
    standby = PrivateCluster(room / name, source.version)
    place.run([source.tools / "pg_basebackup", "-D", standby.data, "-d", source.conninfo(), "-c", "fast", "-X", "stream", "-R", "--no-sync"])
    standby.configure({"primary_conninfo": source.conninfo() + " application_name=standby"}, "postgresql.auto.conf")
    return closing(standby).start()


def caught_up(standby, source):
    place.wait_until(lambda: lsn_number(standby.value("SELECT pg_last_wal_replay_lsn()")) >= lsn_number(source.lsn()))


def test_a_promotion_is_followed_and_both_branches_restore(new_cluster, new_varve, open_restored, closing, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    standby = standby_of(source, room, closing)
    varve = new_varve(source)
    # One source, whoever is the primary.
    varve.source("pg/main", source, method="stream", connection=f"host={source.sockets},{standby.sockets} port={source.port},{standby.port} user=postgres dbname=postgres"
                 " target_session_attrs=read-write")
    varve.serve()
    varve.backup()
    ledger.write(20)
    caught_up(standby, source)
    rows_common = restored_rows(source)
    # The old primary goes on alone for a moment: a branch of its own that is archived.
    standby.stop()
    ledger.write(7)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    rows_old = restored_rows(source)
    source.kill()
    (standby.data / "standby.signal").unlink()
    (standby.data / "recovery.signal").touch()  # comes up alone, at what it has, on a timeline of its own
    place.give(standby.data / "recovery.signal")
    standby.configure({"primary_conninfo": "", "restore_command": "false", "recovery_target_timeline": "current"}, "postgresql.auto.conf")
    standby.start().wait_promoted()
    assert standby.value("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)") == "00000002"
    ledger.cluster = standby
    ledger.write(9)
    place.wait_until(lambda: standby.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 60)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    rows_new = restored_rows(standby)
    assert len(rows_old) == 27 and len(rows_new) == 29 and rows_common < rows_old

    for timeline, rows in ((1, rows_old), (2, rows_new)):
        varve.restore(room / f"timeline{timeline}", "--latest", "--timeline", timeline)
        restored = open_restored(room / f"timeline{timeline}", source)
        assert restored_rows(restored) == rows, timeline
        # A timeline number that the archive knows is not used again.
        assert int(restored.value("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16) >= 3
    varve.restore(room / "newest", "--latest")
    assert restored_rows(open_restored(room / "newest", source)) == rows_new
    assert len({window["lineage"] for window in varve.status()["recovery_windows"]}) == 2


def test_a_switchover_in_place_is_followed(new_cluster, new_varve, open_restored, closing, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    standby = standby_of(source, room, closing)
    varve = new_varve(source)
    varve.source("pg/main", source, method="stream", connection=f"host={source.sockets},{standby.sockets} port={source.port},{standby.port} user=postgres dbname=postgres"
                 " target_session_attrs=read-write")
    varve.serve()
    varve.backup()
    ledger.write(20)
    caught_up(standby, source)
    source.stop()
    standby.execute("SELECT pg_promote()")
    standby.wait_promoted()
    ledger.cluster = standby
    ledger.write(10)
    place.wait_until(lambda: standby.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 60)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.status()["gaps"] == []

    varve.restore(room / "copy", "--latest")
    assert len(restored_rows(open_restored(room / "copy", source))) == 30


def test_a_restored_production_is_followed_on(new_cluster, new_varve, open_restored, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    ledger.write(10)
    xid = ledger.write(1).xid
    ledger.write(10)  # what a mistake did: to be left behind
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    source.stop()
    varve.stop()

    varve.restore(room / "production", "--xid", xid, "--as-production")
    production = open_restored(room / "production", source)
    assert len(restored_rows(production)) == 11
    known = len(varve.do("backup", "list", "pg/main")["backups"])
    varve.source("pg/main", production).serve()
    ledger.cluster = production
    ledger.write(5)
    place.wait_until(lambda: production.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 60)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.status()["gaps"] == []
    # The new timeline gets a base of its own soon.
    place.wait_until(lambda: len(varve.do("backup", "list", "pg/main")["backups"]) > known, 60)

    varve.restore(room / "again", "--latest")
    assert len(restored_rows(open_restored(room / "again", production))) == 16
    varve.restore(room / "branch", "--latest", "--timeline", 1)
    assert len(restored_rows(open_restored(room / "branch", production))) == 21


def test_a_server_that_was_set_back_is_refused_although_it_has_written_past_the_archive(new_cluster, new_varve, room):
    """A snapshot of the machine that was put back writes other log under the same timeline and the same positions."""
    source = new_cluster(settings={"autovacuum": "off"})
    ledger = Ledger(source).create()
    varve = new_varve(source)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    source.stop()
    place.run(["cp", "-a", source.data, room / "snapshot"])
    source.start()
    ledger.write(20)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    archived = varve.do("log", "list", "pg/main")["lineages"][0]["stretches"][-1]["to"]
    source.stop()
    place.run(["rm", "-rf", source.data])
    place.run(["cp", "-a", room / "snapshot", source.data])
    source.start()

    error = varve.refused("log", "follow", "pg/main", "--until-caught-up", code=None, exit_code=1)
    assert archived in error["message"] and error["remedy"], error
    source.execute("CREATE TABLE other AS SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n")
    assert lsn_number(source.lsn()) > lsn_number(archived)
    error = varve.refused("log", "follow", "pg/main", "--until-caught-up", code=None, exit_code=1)
    assert "other log than the archive" in error["message"] and error["remedy"], error
    assert varve.do("log", "list", "pg/main")["lineages"][0]["stretches"][-1]["to"] == archived


def test_a_segment_pushed_with_other_bytes_makes_a_lineage_and_an_alert(new_cluster, new_varve, room):
    source = new_cluster(segment_mib=1)
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    name = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())")
    ledger.write(20)
    source.execute("SELECT pg_switch_wal()")
    ledger.write(1)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    segment = room / name
    place.run(["cp", source.data / "pg_wal" / name, segment])

    assert varve.ask("wal-push", "--source", "pg/main", segment).exit_code == 0  # the same bytes: nothing to do
    objects = len(varve.objects("log"))
    data = bytearray(segment.read_bytes())
    data[5000] ^= 0xFF
    segment.write_bytes(data)
    answer = varve.ask("wal-push", "--source", "pg/main", segment)
    assert answer.exit_code in (0, 5), answer.document
    assert len(varve.objects("log")) > objects
    assert "with other bytes than the server streamed" in varve.log_text()

    # After a restart nobody remembers what was streamed: the archive itself tells.
    varve.stop()
    varve.serve()
    place.wait_until(lambda: source.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 60)
    data[5000] ^= 0xFF
    segment.write_bytes(data)
    assert varve.ask("wal-push", "--source", "pg/main", segment).result["outcome"] == "already_archived"
    data[6000] ^= 0xFF
    segment.write_bytes(data)
    assert varve.ask("wal-push", "--source", "pg/main", segment).result["outcome"] == "forked"
    assert "with other bytes than are archived" in varve.log_text()
    varve.restore(room / "copy", "--latest")  # the archive itself has not forked
