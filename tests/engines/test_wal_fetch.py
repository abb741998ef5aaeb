"""wal-push and wal-fetch as PostgreSQL calls them: 0, 1 only for what is positively absent, 128 and more for "I cannot say"."""
import datetime

from support import place
from support.cluster import lsn_number
from support.ledger import Ledger, expect_prefix, restored_rows


def on_demand(varve, room, *target):
    result = varve.restore(room / "copy", *target, "--on-demand-wal")
    return result


def test_a_recovery_that_fetches_its_log_reaches_its_target(new_cluster, new_varve, open_restored, room):
    source = new_cluster(segment_mib=1)
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    with ledger.running():
        ledger.wait_for(20)
        varve.backup()
        ledger.wait_for(1500)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    on_demand(varve, room, "--latest")
    settings = (room / "copy" / "postgresql.auto.conf").read_text()
    assert "wal-fetch" in settings and "recovery_target_timeline = '1'" in settings
    restored = open_restored(room / "copy", source)
    expect_prefix(restored, ledger, ledger.history(), restored_rows(source))


def test_wal_fetch_says_absent_only_when_it_knows(new_cluster, new_varve, room):
    source = new_cluster(segment_mib=1)
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    first = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())")
    varve.backup()
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    current = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())")
    out = place.make_dir(room / "out")

    def fetch(name, **options):
        return varve.ask("wal-fetch", "--source", "pg/main", name, out / name, json_output=False, **options).exit_code
    assert fetch(current) == 0
    got = (out / current).read_bytes()
    assert len(got) == 1 << 20
    tip = lsn_number(varve.durable()) % (1 << 20)
    assert got[:tip] == (source.data / "pg_wal" / current).read_bytes()[:tip] and not any(got[tip:])
    assert fetch("0000000100000FFF000000FE") == 1
    assert fetch("00000009.history") == 1
    assert fetch("000000070000000000000001") == 1

    varve.stop()
    varve.repository.rename(room / "away")
    for name in (current, "0000000100000FFF000000FE", "00000009.history", first):
        assert fetch(name) >= 128, name
    (room / "away").rename(varve.repository)
    assert fetch(current) == 0


def test_wal_fetch_says_nothing_is_absent_while_a_repository_is_away(new_cluster, new_varve, room):
    source = new_cluster(segment_mib=1)
    ledger = Ledger(source).create()
    varve = new_varve(source, init=False)
    second = varve.directory / "second"
    varve.repositories.append({"name": "second", "url": f"file://{second}"})
    varve.write().init()
    varve.serve()
    varve.backup()
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    current = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())")
    out = place.make_dir(room / "out")
    names = ("0000000100000FFF000000FE", "00000009.history", "000000070000000000000001")

    def fetch(name):
        return varve.ask("wal-fetch", "--source", "pg/main", name, out / name, json_output=False).exit_code
    assert fetch(current) == 0 and [fetch(name) for name in names] == [1, 1, 1]
    varve.stop()
    second.rename(room / "away")
    assert fetch(current) == 0
    assert all(fetch(name) >= 128 for name in names)


def test_a_recovery_that_cannot_fetch_stops_and_does_not_promote(new_cluster, new_varve, room, closing):
    from support.cluster import PrivateCluster
    source = new_cluster(segment_mib=1)
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    for _ in range(3):
        ledger.write(50)
        source.execute("SELECT pg_switch_wal()")
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    varve.stop()
    on_demand(varve, room, "--latest")
    varve.repository.rename(room / "away")

    restored = closing(PrivateCluster(room / "restored.server", source.version, data=room / "copy"))
    restored.start(wait=False, timeout=10)
    place.wait_until(lambda: "starting" in restored.log_text())
    restored.wait_stopped(120)
    assert "selected new timeline" not in restored.log_text(400)
    assert "archive recovery complete" not in restored.log_text(400)
    (room / "away").rename(varve.repository)
    restored.start().wait_promoted()
    assert len(restored_rows(restored)) == 150


def test_archive_command_through_varve(new_cluster, new_varve, open_restored, room, binary):
    """wal-push stands beside the stream: equal bytes are nothing new; without the service it asks for another try."""
    source = new_cluster(segment_mib=1, settings={"archive_mode": "on"})
    ledger = Ledger(source).create()
    varve = new_varve(source, log="push")
    source.execute(f"ALTER SYSTEM SET archive_command = 'VARVE_CONFIG={varve.config} {binary} wal-push --source pg/main %p'", "SELECT pg_reload_conf()")
    current = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())")
    path = source.data / "pg_wal" / current
    assert varve.ask("wal-push", "--source", "pg/main", path).exit_code == 75
    varve.serve()
    varve.backup()
    ledger.write(30)
    segment = source.value("SELECT pg_walfile_name(pg_switch_wal())")
    ledger.write(1)
    place.wait_until(lambda: source.value("SELECT coalesce(last_archived_wal, '') >= %s FROM pg_stat_archiver", (segment,)), 90)

    varve.restore(room / "copy", "--latest")
    assert len(restored_rows(open_restored(room / "copy", source))) == 30

    # A history that is handed over before any segment of its timeline is known to whoever asks for it.
    history = room / "00000002.history"
    history.write_text("1\t0/5000000\tno recovery target specified\n")
    place.give(history)
    out = place.make_dir(room / "out")
    for _ in range(2):
        assert varve.ask("wal-push", "--source", "pg/main", history).exit_code == 0
    assert varve.ask("wal-fetch", "--source", "pg/main", history.name, out / history.name, json_output=False).exit_code == 0
    assert (out / history.name).read_text() == history.read_text()
    varve.restore(room / "again", "--latest")
