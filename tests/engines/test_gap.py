"""An unwritable store loses nothing; a lost slot is a gap that is recorded, shown and closed."""
import datetime
import re

from support import place
from support.cluster import lsn_number
from support.faults import Mount, Unwritable
from support.ledger import Ledger, expect_prefix, restored_rows, up_to_time

UTC = datetime.timezone.utc


def test_nothing_is_lost_while_the_store_is_unwritable_and_it_catches_up_by_itself(new_cluster, new_varve, open_restored, room):
    source = new_cluster()
    ledger = Ledger(source, pause=0.005).create()
    varve = new_varve(source).serve()
    varve.backup()
    with ledger.running():
        ledger.wait_for(50)
        varve.wait_durable(1)
        with Unwritable(varve.repository):
            ledger.wait_for(100)
            held = varve.durable()

            def shown():
                """status says that the store refuses, and how far behind it is"""
                state = varve.status()
                lag = ((state["log"].get("durable") or {}).get("local") or {}).get("lag_seconds") or 0
                return state["state"] in ("warning", "failed") and state["reason"] and lag >= 2 and state
            place.wait_until(shown, 60)
            assert lsn_number(varve.durable()) < lsn_number(source.lsn())
            # The server keeps it for us.
            slot = source.value("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name LIKE 'varve_%' AND NOT temporary")
            assert lsn_number(slot) <= lsn_number(held) + 1
            ledger.wait_for(100)
        end = lsn_number(source.lsn())
        varve.wait_durable(end, seconds=90)
        place.wait_until(lambda: varve.status()["state"] == "ok", 60)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.status()["gaps"] == []

    varve.restore(room / "copy", "--latest")
    expect_prefix(open_restored(room / "copy", source), ledger, ledger.history(), restored_rows(source))


def test_an_invalidated_slot_is_a_gap_within_a_minute_and_a_base_backup_closes_it(new_cluster, new_varve, open_restored, room):
    source = new_cluster(segment_mib=1, settings={"autovacuum": "off", "max_slot_wal_keep_size": "2MB", "wal_keep_size": "0", "max_wal_size": "4MB", "min_wal_size": "2MB"})
    ledger = Ledger(source, writers=2).create()
    varve = new_varve(source).serve()
    varve.backup()
    ledger.write(10)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    varve.stop()
    known = varve.do("backup", "list", "pg/main")["backups"]
    source.execute("CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 30000) n", "CHECKPOINT")
    place.wait_until(lambda: source.value("SELECT wal_status FROM pg_replication_slots") == "lost" or source.execute("SELECT pg_switch_wal()", "CHECKPOINT"))
    inside = datetime.datetime.now(UTC)

    varve.serve()
    place.wait_until(lambda: varve.status()["gaps"], 60)
    backups = place.wait_until(lambda: (found := varve.do("backup", "list", "pg/main")["backups"]) and len(found) > len(known) and found, 60)
    listed = varve.ask("log", "gaps", "pg/main")
    assert listed.exit_code == 20 and len(listed.document["result"]["gaps"]) == 1, listed.document
    ledger.write(10)
    varve.do("log", "follow", "pg/main", "--until-caught-up")

    error = varve.refused("restore", "run", "pg/main", "--to", room / "inside", "--at", inside.isoformat(), code="point_not_recoverable", exit_code=22)
    before, after = (datetime.datetime.fromisoformat(error["context"][name].replace("Z", "+00:00")) for name in ("nearest_before", "nearest_after"))
    assert before < inside < after and error["context"]["nearest_before"] in error["remedy"], error
    assert not (room / "inside").exists()
    # After the gap every instant can be had again, and before it too.
    varve.restore(room / "after", "--latest")
    assert len(restored_rows(open_restored(room / "after", source))) == 20
    varve.restore(room / "before", "--backup", backups[-1]["id"])
    assert open_restored(room / "before", source).value("SELECT to_regclass('filler') IS NULL")
    # One gap, two windows, as soon as the log has reached the newest base; and the gap counts as closed.
    place.wait_until(lambda: len(varve.status()["recovery_windows"]) == 2 and varve.status()["state"] == "ok", 60)


def test_a_gap_ends_a_caught_up_check_with_20(new_cluster, new_varve):
    """Scripts that ask learn of it."""
    source = new_cluster(segment_mib=1, settings={"autovacuum": "off", "max_slot_wal_keep_size": "2MB", "wal_keep_size": "0", "max_wal_size": "4MB", "min_wal_size": "2MB"})
    varve = new_varve(source)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    source.execute("CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 30000) n", "CHECKPOINT")
    place.wait_until(lambda: source.value("SELECT wal_status FROM pg_replication_slots") == "lost" or source.execute("SELECT pg_switch_wal()", "CHECKPOINT"))
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.ask("log", "gaps", "pg/main").exit_code == 20


def test_a_slot_that_was_dropped_makes_one_gap_and_following_goes_on(new_cluster, new_varve, open_restored, room):
    """Without a limit the server never calls a slot lost: it is there, made anew, and what it should hold is not."""
    source = new_cluster(segment_mib=1, settings={"autovacuum": "off", "wal_keep_size": "0", "max_wal_size": "4MB", "min_wal_size": "2MB"})
    ledger = Ledger(source).create()
    varve = new_varve(source)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    source.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    for _ in range(3):
        source.execute("CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 20000) n", "DROP TABLE filler", "CHECKPOINT")

    for _ in range(3):
        assert varve.ask("log", "follow", "pg/main", "--until-caught-up").exit_code in (0, 20)
        ledger.write(2)
        source.execute("SELECT pg_switch_wal()", "CHECKPOINT")
    listed = varve.ask("log", "gaps", "pg/main")
    assert listed.exit_code == 20 and len(listed.document["result"]["gaps"]) == 1, listed.document

    varve.backup()
    ledger.write(2)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    varve.restore(room / "copy", "--latest")
    assert len(restored_rows(open_restored(room / "copy", source))) == 8


def test_the_first_log_reaches_back_to_the_backup_before_it(new_cluster, new_varve, open_restored, room):
    """A backup closes its segment: log that is first followed later began with the next, and nothing led from one to the other."""
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source)
    varve.backup()
    source.execute("CHECKPOINT")
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.do("log", "gaps", "pg/main")["gaps"] == []

    varve.restore(room / "copy", "--latest")
    expect_prefix(open_restored(room / "copy", source), ledger, ledger.history(), restored_rows(source))


def test_a_full_repository_stops_nothing_and_is_said(new_cluster, new_varve, closing, room):
    mount = closing(Mount(room / "mount", mib=64))
    source = new_cluster()
    ledger = Ledger(source, pause=0.005).create()
    varve = new_varve(source, init=False)
    varve.repository = mount.directory / "repository"
    varve.repositories = [{"name": "local", "url": f"file://{varve.repository}"}]
    varve.write()
    varve.init()
    varve.backup()
    varve.serve()
    with ledger.running():
        ledger.wait_for(20)
        mount.fill()
        ledger.wait_for(100)
        place.wait_until(lambda: varve.status()["state"] in ("warning", "failed"), 60)
        # At first the log is only late; why is known as soon as storing it has failed.
        place.wait_until(lambda: re.search("no space|full", varve.status()["reason"], re.IGNORECASE), 60)
        assert varve.ask("backup", "run", "pg/main").exit_code not in (0, 3)
        assert len(varve.do("backup", "list", "pg/main")["backups"]) == 1
        mount.empty()
        varve.wait_durable(lsn_number(source.lsn()), seconds=90)
    assert varve.backup()
