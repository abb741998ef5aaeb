"""What replay does beyond the data that is restored: limits that the source was given later, and places that it was given."""
from support import place
from support.ledger import Ledger, expect_prefix, restored_rows


def follow(varve):
    """Ships everything written so far, and ends."""
    return varve.do("log", "follow", "pg/main", "--until-caught-up")


def files_below(directory):
    return sorted((str(path), path.stat().st_mtime_ns) for path in directory.rglob("*"))


def test_limits_that_were_raised_after_the_backup_do_not_stop_recovery(new_cluster, new_varve, open_restored, room):
    source = new_cluster(settings={"max_connections": 40})
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    source.configure({"max_connections": 170, "max_worker_processes": 21})
    source.restart()
    ledger.write(20)
    follow(varve)
    history, rows = ledger.history(), restored_rows(source)

    varve.restore(room / "copy", "--latest")
    restored = open_restored(room / "copy", source)

    expect_prefix(restored, ledger, history, rows)
    assert restored.value("SHOW max_connections") == "170"
    assert restored.value("SHOW max_worker_processes") == "21"


def test_a_copy_never_takes_a_tablespace_that_the_source_made_after_the_backup(new_cluster, new_varve, open_restored, room):
    source = new_cluster(settings={"autovacuum": "off"})  # only a restore could touch the tablespace
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    ledger.write(10)
    before = source.lsn()
    history, rows = ledger.history(), restored_rows(source)
    space = place.make_dir(room / "space")
    source.execute(f"CREATE TABLESPACE late LOCATION '{space}'", "CREATE TABLE there (n int) TABLESPACE late",
                   "INSERT INTO there SELECT generate_series(1, 10000)", "CHECKPOINT")
    follow(varve)
    untouched = files_below(space)

    for more in ([], ["--on-demand-wal"]):
        error = varve.refused("restore", "run", "pg/main", "--to", room / "copy", "--latest", *more, code=None, exit_code=5)
        assert str(space) in error["message"] and "--as-production" in error["remedy"]
        assert not (room / "copy" / "global" / "pg_control").exists()
        assert not (room / "copy.varve-wal").exists()

    varve.restore(room / "copy", "--lsn", before)
    expect_prefix(open_restored(room / "copy", source), ledger, history, rows)
    assert files_below(space) == untouched
    assert source.value("SELECT count(*) FROM there") == 10000


def test_the_plan_says_where_recovery_will_stop_and_a_dry_run_refuses_what_the_run_refuses(new_cluster, new_varve, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    ledger.write(5)
    follow(varve)
    (room / "taken").mkdir()
    (room / "taken" / "mine").write_text("")

    assert varve.restore(room / "copy", "--latest")["target_reached"].count("/") == 1
    varve.refused("restore", "run", "pg/main", "--to", room / "taken", "--latest", "--dry-run", code=None, exit_code=1)
    varve.do("restore", "run", "pg/main", "--to", room / "free", "--latest", "--dry-run")
    assert not (room / "free").exists()
