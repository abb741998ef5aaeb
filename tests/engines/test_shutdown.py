"""Varve never stands in a server's way: not at its shutdown, not as a synchronous standby that nobody asked for."""
import os
import subprocess

import pytest

from support import place
from support.faults import Mount, Unwritable
from support.ledger import Ledger


@pytest.mark.parametrize("store", ["up", "unwritable", "hanging"])
@pytest.mark.parametrize("version", ["debian", 18])
def test_a_fast_shutdown_ends_within_ten_seconds(new_cluster, new_varve, closing, room, version, store):
    source = new_cluster(version=version)
    ledger = Ledger(source, pause=0.005).create()
    varve = new_varve(source, init=False)
    mount = None
    if store == "hanging":
        mount = closing(Mount(room / "mount"))
        varve.repository = mount.directory / "repository"
        varve.repositories = [{"name": "local", "url": f"file://{varve.repository}"}]
        varve.write()
    varve.init()
    varve.serve()
    with ledger.running():
        ledger.wait_for(100)
        varve.wait_durable(1)
        if store == "unwritable":
            closing(Unwritable(varve.repository))
        elif store == "hanging":
            mount.hang()
        ledger.wait_for(300)
        seconds = source.stop("fast")
    print(f"store {store}: pg_ctl stop -m fast took {seconds:.1f} s")
    assert seconds <= 10, f"{seconds:.1f} s"
    if mount:
        mount.answer()


@pytest.mark.parametrize("method", ["files", "stream"])
def test_a_fast_shutdown_does_not_wait_for_a_base_backup_whose_store_hangs(new_cluster, new_varve, closing, room, method):
    source = new_cluster()
    source.execute("CREATE TABLE big AS SELECT n, md5(n::text) AS t FROM generate_series(1, 1500000) n", "CHECKPOINT")
    mount = closing(Mount(room / "mount"))
    varve = new_varve(source, init=False, method=method)
    varve.repository = mount.directory / "repository"
    varve.repositories = [{"name": "local", "url": f"file://{varve.repository}"}]
    varve.sections["limits"] = {"memory": "64MiB"}  # less than the source has: the copying must stand still
    varve.write()
    varve.init()
    mount.hang()
    backup = subprocess.Popen([varve.binary, "backup", "run", "pg/main"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp",
                              env={**os.environ, **varve.environment}, **place.as_user())
    try:
        place.wait_until(lambda: source.value("SELECT count(*) FROM pg_replication_slots WHERE temporary AND active"))
        source.execute("CREATE TABLE more AS SELECT n FROM generate_series(1, 300000) n")
        seconds = source.stop("fast")
        print(f"pg_ctl stop -m fast took {seconds:.1f} s")
        assert seconds <= 10, f"{seconds:.1f} s"
    finally:
        mount.answer()
        backup.wait(60)
    assert backup.returncode not in (0, 3)


def test_a_shutdown_with_the_store_up_leaves_everything_in_the_archive(new_cluster, new_varve, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source, ship_interval="30s").serve()
    # The first base backup that following asks for is over, and the log is streamed.
    place.wait_until(lambda: varve.do("backup", "list", "pg/main")["backups"], 60)
    place.wait_until(lambda: source.value("SELECT count(*) FROM pg_replication_slots WHERE active AND NOT temporary"))
    ledger.write(20)
    from support.cluster import lsn_number
    end = lsn_number(source.lsn())
    source.stop("fast")
    # Sealed at the shutdown, long before the interval was over.
    varve.wait_durable(end, seconds=20)


def test_a_server_that_would_wait_for_us_is_refused_with_the_statement_that_mends_it(new_cluster, new_varve):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source)
    source.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    place.wait_until(lambda: source.value("SHOW synchronous_standby_names") == "*")

    answer = varve.ask("check", "pg/main")
    text = str(answer.document)
    assert answer.exit_code != 0 and "synchronous_standby_names" in text and "ALTER SYSTEM SET" in text, text

    # The service stays away from the stream, says why, and comes by itself when it may.
    varve.serve()
    place.wait_until(lambda: "synchronous_standby_names" in (varve.status().get("reason") or "") + str(varve.status().get("next_actions")), 60)
    assert source.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 0
    source.execute("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
    place.wait_until(lambda: source.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 60)
    ledger.write(3)
