"""Base backups and their restore, in every kind of cluster; each restored server holds what the ledger says, from what the archive holds."""
import datetime
import hashlib
import os
import pwd
import random
import time

import pytest

from support import place
from support.cluster import PrivateCluster, lsn_number
from support.debian import DebianCluster
from support.ledger import Ledger, expect_prefix, restored_rows, up_to_lsn, up_to_time
from test_timelines import caught_up, standby_of


def follow(varve):
    """Ships everything written so far, and ends."""
    return varve.do("log", "follow", "pg/main", "--until-caught-up")


@pytest.mark.parametrize("version", ["debian", 18])
@pytest.mark.parametrize("method", ["files", "stream"])
def test_a_backup_restores_by_itself(new_cluster, new_varve, open_restored, room, version, method):
    source = new_cluster(version=version)
    ledger = Ledger(source).create()
    varve = new_varve(source, method=method)
    with ledger.running():
        ledger.wait_for(100)
        backup = varve.backup()
        ledger.wait_for(50)
    history = ledger.history()
    rows = restored_rows(source)

    assert backup["source"] == "pg/main" and backup["bytes_stored"] > 0 and backup["files"] > 100
    listed = varve.do("backup", "list", "pg/main")["backups"]
    assert [one["id"] for one in listed] == [backup["id"]]
    result = varve.restore(room / "copy", "--backup", backup["id"])
    assert result["base"] == backup["id"]
    restored = open_restored(room / "copy", source)
    # It ends where the backup became consistent: a prefix of the history, no less than what was there when it began.
    found = {xid for _, xid in restored_rows(restored)}
    last = max((record for record in history if record.commit and record.xid in found), key=lambda record: record.end)
    expect_prefix(restored, ledger, up_to_lsn(history, last.end), rows)
    restored.amcheck()
    assert restored.value("SHOW archive_mode") == "off"
    assert not restored.value("SELECT count(*) FROM pg_replication_slots")


CLUSTERS = [  # version, method, segment MiB, tablespace
    ("debian", "files", 1, True), ("debian", "stream", 64, True), (18, "files", 64, True), (18, "stream", 1, True)]


@pytest.mark.parametrize("version,method,segment_mib,with_tablespace", CLUSTERS)
def test_every_kind_of_cluster_comes_back_at_an_instant(new_cluster, new_varve, open_restored, room, version, method, segment_mib, with_tablespace):
    source = new_cluster(version=version, segment_mib=segment_mib)
    space = place.make_dir(room / "space")
    source.execute(f"CREATE TABLESPACE elsewhere LOCATION '{space}'")
    ledger = Ledger(source, tablespace="elsewhere").create()
    varve = new_varve(source, method=method).serve()
    with ledger.running():
        ledger.wait_for(100)
        varve.backup()
        consistent = lsn_number(source.lsn())
        ledger.wait_for(300)
    follow(varve)
    history, rows = ledger.history(), restored_rows(source)
    varve.stop()

    dice = random.Random(ledger.seed)
    at = dice.choice([record for record in history if record.start > consistent][:-1]).time
    for name, target, expected in (("at", ["--at", at.isoformat()], up_to_time(history, at)), ("latest", ["--latest"], history)):
        moved = place.make_dir(room / f"space_{name}")
        moved.rmdir()
        varve.restore(room / name, *target, "--tablespace", f"elsewhere={moved}")
        restored = open_restored(room / name, source)
        expect_prefix(restored, ledger, expected, rows)
        restored.amcheck()
        assert restored.value("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'elsewhere'") == str(moved)
        assert restored.value("SHOW wal_segment_size") == source.value("SHOW wal_segment_size")
        restored.stop()


@pytest.mark.parametrize("method", ["files", "stream"])
def test_a_debian_cluster_with_its_configuration_in_etc(room, closing, new_varve, open_restored, method):
    if os.getuid() != 0:
        pytest.skip("pg_createcluster needs root")
    source = closing(DebianCluster(room / "debian"))
    source.create().start()
    source.execute("ALTER SYSTEM SET work_mem = '5MB'")
    ledger = Ledger(source).create()
    varve = new_varve(source, method=method).serve()
    with ledger.running():
        ledger.wait_for(50)
        varve.backup()
        ledger.wait_for(100)
    follow(varve)
    history, rows = ledger.history(), restored_rows(source)

    assert not (source.data / "postgresql.conf").exists()
    varve.restore(room / "copy", "--latest")
    # Who may log in stands in /etc too: a stream backup cannot have it, and the copy lets in its owner only.
    hba = (room / "copy" / "pg_hba.conf").read_text()
    assert "trust" in hba if method == "files" else "trust" not in hba and "peer" in hba
    (room / "copy" / "pg_hba.conf").write_text("local all all trust\n")
    restored = open_restored(room / "copy", source)
    expect_prefix(restored, ledger, history, rows)
    # Settings that recovery needs came along, although they do not stand in the data directory.
    assert restored.value("SHOW max_connections") == source.value("SHOW max_connections")
    assert restored.value("SHOW max_prepared_transactions") == source.value("SHOW max_prepared_transactions")
    assert restored.value("SHOW data_directory") == str(room / "copy")


def test_a_second_backup_of_an_unchanged_cluster_stores_next_to_nothing(new_cluster, new_varve):
    source = new_cluster(settings={"autovacuum": "off"})
    source.execute("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 300000) n", "VACUUM FREEZE", "CHECKPOINT")
    varve = new_varve(source)
    first = varve.backup()
    second = varve.backup()

    assert second["bytes_stored"] < first["bytes_stored"] / 20
    assert second["chunks_reused"] > second["chunks_new"]
    assert [one["id"] for one in varve.do("backup", "list", "pg/main")["backups"]] == [second["id"], first["id"]]


def test_a_delta_restore_writes_only_what_differs(new_cluster, new_varve, open_restored, room):
    source = new_cluster(settings={"autovacuum": "off"})  # source and copy would be vacuumed apart
    source.execute("CREATE TABLE big AS SELECT n, md5(n::text) FROM generate_series(1, 400000) n", "VACUUM (FREEZE) big", "CHECKPOINT")
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    whole = varve.restore(room / "copy", "--latest")
    open_restored(room / "copy", source).stop()
    ledger.write(20)
    varve.backup()
    follow(varve)
    history, rows = ledger.history(), restored_rows(source)
    (room / "copy" / "base" / "stray").write_text("left behind by someone")

    varve.refused("restore", "run", "pg/main", "--to", room / "copy", "--latest", code=None, exit_code=1)
    delta = varve.restore(room / "copy", "--latest", "--delta")
    assert delta["bytes_written"] < whole["bytes_written"] / 2
    assert not (room / "copy" / "base" / "stray").exists()
    expect_prefix(open_restored(room / "copy", source, name="again"), ledger, history, rows)


def test_a_restore_by_root_gives_the_files_to_the_recorded_user(new_cluster, new_varve, open_restored, room):
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    source = new_cluster()
    ledger = Ledger(source).create()
    ledger.write(10)
    varve = new_varve(source, user="root")
    varve.backup()
    varve.restore(room / "copy", "--immediate")

    owner = pwd.getpwnam(place.engine_user()).pw_uid
    assert all(path.lstat().st_uid == owner for path in [room / "copy", *(room / "copy").rglob("*")])
    assert (room / "copy").stat().st_mode & 0o777 == 0o700
    assert len(restored_rows(open_restored(room / "copy", source))) == 10


def test_a_bad_page_is_named_and_the_backup_marked_partial(new_cluster, new_varve):
    source = new_cluster()
    source.execute("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n", "CHECKPOINT")
    path = source.value("SELECT pg_relation_filepath('t')")
    source.stop()
    with open(source.data / path, "r+b") as file:
        file.seek(3 * 8192 + 4000)
        file.write(b"\xde\xad\xbe\xef")
    source.start()
    varve = new_varve(source)

    answer = varve.ask("backup", "run", "pg/main")
    assert answer.exit_code == 3, answer.document
    assert path in str(answer.document) and "3" in str(answer.document)
    assert len(varve.do("backup", "list", "pg/main")["backups"]) == 1


def test_a_bad_page_stays_bad_while_nobody_writes_to_its_file(new_cluster, new_varve):
    """It was carried over unread once, and the next backup passed for whole."""
    source = new_cluster()
    source.execute("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n", "CHECKPOINT")
    path = source.value("SELECT pg_relation_filepath('t')")
    source.stop()
    with open(source.data / path, "r+b") as file:
        file.seek(3 * 8192 + 4000)
        file.write(b"\xde\xad\xbe\xef")
    source.start()
    varve = new_varve(source, method="files")
    # Only what is older than a file system's coarsest step of time is carried over.
    place.wait_until(lambda: time.time() - (source.data / path).stat().st_ctime > 3)

    read = []
    for _ in range(3):
        answer = varve.ask("backup", "run", "pg/main")
        assert answer.exit_code == 3 and path in str(answer.document), answer.document
        made = varve.do("backup", "list", "pg/main")["backups"][0]
        assert made["state"] == "partial"
        read.append(varve.do("backup", "show", made["id"])["bytes_read"])
    assert read[1] < read[0] / 2, "nothing was carried over: the test shows nothing"


@pytest.mark.parametrize("method", ["files", "stream"])
def test_a_backup_from_a_standby_says_what_it_had_replayed(new_cluster, new_varve, open_restored, closing, room, method):
    source = new_cluster()
    ledger = Ledger(source).create()
    standby = standby_of(source, room, closing)
    ledger.write(10)
    varve = new_varve(source, method=method, backup_from=standby.conninfo())
    caught_up(standby, source)
    standby.execute("SELECT pg_wal_replay_pause()")
    place.wait_until(lambda: standby.value("SELECT pg_get_wal_replay_pause_state()") == "paused")
    replayed = standby.value("SELECT pg_last_xact_replay_timestamp()")
    ledger.write(10)

    assert "backup_from" not in str(varve.ask("check").document)
    backup = varve.backup()

    shown = varve.do("backup", "show", backup["id"])
    assert shown["facts"]["from_standby"] == "on" and shown["facts"]["method"] == method
    # Later commits are not in it: a target between must not be taken for reached.
    assert datetime.datetime.fromisoformat(backup["stop_time"].replace("Z", "+00:00")) == replayed
    varve.restore(room / "copy", "--backup", backup["id"])
    restored = open_restored(room / "copy", source)
    assert len(restored_rows(restored)) == 10
    restored.amcheck()


def test_a_backup_from_another_cluster_is_refused(new_cluster, new_varve):
    source, other = new_cluster(), new_cluster("other")
    varve = new_varve(source, backup_from=other.conninfo())

    error = varve.refused("backup", "run", "pg/main", code="wrong_identity", exit_code=5)
    assert other.system_identifier() in error["message"]
    assert not varve.objects("backup")
    answer = varve.ask("check")
    assert answer.exit_code == 1 and "backup_from" in str(answer.document), answer.document


def test_every_object_is_named_by_its_sha256(new_cluster, new_varve):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source)
    varve.backup()
    ledger.write(5)
    follow(varve)

    assert {path.relative_to(varve.repository).parts[0] for path in varve.objects()} >= {"config", "pack", "backup", "log"}
    for path in varve.objects():
        assert path.name.endswith(hashlib.sha256(path.read_bytes()).hexdigest()), path
