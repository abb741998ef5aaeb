"""Bad input and faults: each has its message, hint and exit code; nothing acknowledged is lost, nothing half-made is listed."""
import datetime
import os
import socket
import threading

import pytest

from support import place
from support.cluster import PrivateCluster, lsn_number
from support.ledger import Ledger, expect_prefix, restored_rows

UTC = datetime.timezone.utc


def test_another_cluster_under_the_same_name_is_refused(new_cluster, new_varve):
    source, other = new_cluster("one"), new_cluster("two")
    varve = new_varve(source)
    varve.backup()
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    varve.source("pg/main", other)

    for command in (["backup", "run", "pg/main"], ["log", "follow", "pg/main", "--until-caught-up"]):
        error = varve.refused(*command, code=None, exit_code=5)
        assert other.system_identifier() in str(error) and source.system_identifier() in str(error), error
        assert error["remedy"], error
    assert len(varve.do("backup", "list", "pg/main")["backups"]) == 1
    assert not other.value("SELECT count(*) FROM pg_replication_slots")


def test_a_key_of_another_repository_is_refused(new_cluster, new_varve):
    source = new_cluster()
    varve, stranger = new_varve(source, "ours"), new_varve(source, "theirs")
    varve.backup()
    keys = (stranger.directory / "varve.keys").read_bytes()
    (varve.directory / "varve.keys").write_bytes(keys)
    for command in (["backup", "run", "pg/main"], ["backup", "list", "pg/main"], ["restore", "run", "pg/main", "--to", "/tmp/never", "--latest"]):
        error = varve.refused(*command, code=None, exit_code=12)
        assert error["remedy"], error


def test_a_missing_grant_is_named_with_its_statement(new_cluster, new_varve):
    source = new_cluster()
    source.execute("CREATE ROLE varve LOGIN REPLICATION")
    varve = new_varve(source, connection=source.conninfo(user="varve"), method="files")
    answer = varve.ask("check", "pg/main")
    assert answer.exit_code != 0
    assert "GRANT EXECUTE ON FUNCTION" in str(answer.document) and "pg_read_all_settings" in str(answer.document), answer.document
    error = varve.refused("backup", "run", "pg/main", code=None, exit_code=77)
    assert "GRANT" in error["remedy"], error
    assert varve.do("backup", "list", "pg/main")["backups"] == []

    # What check prints is enough.
    start = "pg_backup_start(text, boolean)"
    source.execute("GRANT pg_read_all_settings TO varve", f"GRANT EXECUTE ON FUNCTION {start}, pg_backup_stop(boolean), pg_switch_wal(),"
                   " pg_create_restore_point(text) TO varve")
    assert varve.backup()
    assert varve.do("check", "pg/main")


def test_a_role_without_replication_is_told_so(new_cluster, new_varve):
    source = new_cluster()
    source.execute("CREATE ROLE varve LOGIN", "GRANT pg_read_all_settings TO varve", "GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean),"
                   " pg_backup_stop(boolean), pg_switch_wal(), pg_create_restore_point(text) TO varve")
    varve = new_varve(source, connection=source.conninfo(user="varve"))
    error = varve.refused("backup", "run", "pg/main", code=None, exit_code=77)
    assert "varve check" in error["remedy"] or "REPLICATION" in error["remedy"], error
    assert "REPLICATION" in str(varve.ask("check", "pg/main").document)


def test_a_slot_that_someone_else_uses_is_said(new_cluster, new_varve):
    source = new_cluster()
    varve = new_varve(source, slot="taken")
    source.execute("SELECT pg_create_physical_replication_slot('taken', true)")
    import subprocess
    other = subprocess.Popen([source.tools / "pg_receivewal", "-D", place.make_dir(varve.directory / "other"), "-S", "taken", "-d", source.conninfo()],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **place.as_user())
    try:
        place.wait_until(lambda: source.value("SELECT active FROM pg_replication_slots WHERE slot_name = 'taken'"))
        error = varve.refused("log", "follow", "pg/main", "--until-caught-up", code=None, exit_code=11)
        assert "taken" in error["message"] and error["remedy"], error
    finally:
        other.terminate()
        other.wait()


def test_a_missing_repository_is_not_made_anew(new_cluster, new_varve, room):
    source = new_cluster()
    varve = new_varve(source)
    varve.backup()
    varve.repository.rename(room / "away")
    for command in (["backup", "run", "pg/main"], ["backup", "list", "pg/main"], ["log", "follow", "pg/main", "--until-caught-up"]):
        error = varve.refused(*command, code=None, exit_code=10)
        assert str(varve.repository) in error["message"] and error["remedy"], error
    assert not varve.repository.exists()


def test_init_does_not_touch_a_repository_that_is_there(new_cluster, new_varve):
    source = new_cluster()
    varve = new_varve(source)
    before = {path: path.read_bytes() for path in varve.objects()}
    keys = (varve.directory / "varve.keys").read_bytes()
    assert varve.ask("init").exit_code != 0
    assert {path: path.read_bytes() for path in varve.objects()} == before
    assert (varve.directory / "varve.keys").read_bytes() == keys


def test_a_second_owner_of_a_source_is_busy(new_cluster, new_varve, binary):
    source = new_cluster()
    varve = new_varve(source).serve()
    import subprocess
    done = subprocess.run([binary, "serve"], capture_output=True, env={**os.environ, **varve.environment}, timeout=30, cwd="/tmp", **place.as_user())
    assert done.returncode == 11, done.stderr
    assert varve.child.poll() is None and varve.status()["name"] == "pg/main"


class Relay:
    """A TCP door to a server's socket that can be slammed."""

    def __init__(self, cluster):
        self.cluster, self.listener, self.pairs, self.open = cluster, socket.create_server(("127.0.0.1", 0)), [], True
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(f"{self.cluster.sockets}/.s.PGSQL.{self.cluster.port}")
            except OSError:
                client.close()
                continue
            self.pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        return len(pairs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open = False
        self.listener.close()
        self.cut()


def test_a_cut_connection_is_mended_and_loses_nothing(new_cluster, new_varve, open_restored, closing, room):
    source = new_cluster()
    ledger = Ledger(source, pause=0.005).create()
    relay = closing(Relay(source))
    varve = new_varve(source, connection=f"host=127.0.0.1 port={relay.port} user=postgres dbname=postgres", method="stream").serve()
    # pg_hba of a private cluster trusts local connections, which is what the relay makes.
    varve.backup()
    with ledger.running():
        for _ in range(3):
            ledger.wait_for(60)
            assert relay.cut() >= 1
            place.wait_until(lambda: source.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 60)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.status()["gaps"] == []
    varve.restore(room / "copy", "--latest")
    expect_prefix(open_restored(room / "copy", source), ledger, ledger.history(), restored_rows(source))


def test_a_backup_whose_connection_is_cut_fails_and_leaves_nothing_visible(new_cluster, new_varve, closing):
    source = new_cluster()
    source.execute("CREATE TABLE big AS SELECT n, md5(n::text) AS t FROM generate_series(1, 500000) n", "CHECKPOINT")
    relay = closing(Relay(source))
    varve = new_varve(source, connection=f"host=127.0.0.1 port={relay.port} user=postgres dbname=postgres", method="stream")
    answers = []
    runner = threading.Thread(target=lambda: answers.append(varve.ask("backup", "run", "pg/main")))
    runner.start()
    place.wait_until(lambda: source.value("SELECT count(*) FROM pg_replication_slots WHERE temporary") or not runner.is_alive(), every=0.001)
    relay.cut()
    runner.join(60)
    assert answers and answers[0].exit_code in (1, 75), answers[0].document
    assert answers[0].error["message"]
    assert varve.do("backup", "list", "pg/main")["backups"] == []
    place.wait_until(lambda: not source.value("SELECT count(*) FROM pg_replication_slots WHERE temporary"))
    assert varve.backup()


def test_a_server_restart_is_survived(new_cluster, new_varve, open_restored, room):
    source = new_cluster()
    ledger = Ledger(source, pause=0.005).create()
    varve = new_varve(source).serve()
    varve.backup()
    with ledger.running():
        for mode in ("fast", "immediate"):
            ledger.wait_for(50)
            source.stop(mode)
            source.start()
            place.wait_until(lambda: source.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 60)
        ledger.wait_for(50)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.status()["gaps"] == []
    varve.restore(room / "copy", "--latest")
    expect_prefix(open_restored(room / "copy", source), ledger, ledger.history(), restored_rows(source))


def test_a_backup_during_which_the_server_restarts_fails(new_cluster, new_varve):
    source = new_cluster()
    source.execute("CREATE TABLE big AS SELECT n, md5(n::text) AS t FROM generate_series(1, 500000) n", "CHECKPOINT")
    varve = new_varve(source)
    answers = []
    runner = threading.Thread(target=lambda: answers.append(varve.ask("backup", "run", "pg/main")))
    runner.start()
    place.wait_until(lambda: source.value("SELECT count(*) FROM pg_replication_slots WHERE temporary") or not runner.is_alive(), every=0.001)
    source.stop("immediate")
    source.start()
    runner.join(60)
    assert answers[0].exit_code in (1, 75), answers[0].document
    assert varve.do("backup", "list", "pg/main")["backups"] == []
    assert varve.backup()


def test_a_server_that_is_down_is_temporary(new_cluster, new_varve):
    source = new_cluster()
    varve = new_varve(source)
    source.stop()
    error = varve.refused("backup", "run", "pg/main", code=None, exit_code=75)
    assert error["remedy"] or error["message"]


@pytest.mark.parametrize("step", ["+1 day", "-1 day"])
def test_a_step_of_our_clock_loses_nothing(new_cluster, new_varve, open_restored, room, step):
    """libfaketime is not everywhere: a time namespace cannot shift the wall clock, so the wrong clock is given by LD_PRELOAD when it is there."""
    import pathlib
    libraries = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        pytest.skip("libfaketime is not installed")
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    varve.backup()
    ledger.write(10)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    varve.stop()
    varve.environment.update(LD_PRELOAD=str(libraries[0]), FAKETIME=step.replace(" day", "d"), FAKETIME_DONT_FAKE_MONOTONIC="1")
    varve.serve()
    ledger.write(10)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    varve.stop()
    for name in ("LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"):
        del varve.environment[name]
    varve.restore(room / "copy", "--latest")
    assert len(restored_rows(open_restored(room / "copy", source))) == 20


GOOD = 'keys = "file:/x"\n[[repository]]\nname = "a"\nurl = "file:///x"\n'


@pytest.mark.parametrize("text,word,line", [
    (GOOD + '[[source]]\nname = "pg/main"\ndriver = "postgresql"\nconnection = "host=/x"\nmehtod = "files"\n', "method", 9),
    (GOOD + '[limits]\nmemmory = "1GiB"\n', "memory", 6),
    ('state_dir = "/x"\n[[repository]]\nname = "a"\nurl = "ftp://x"\n', "ftp", 4),
])
def test_a_mistake_in_the_configuration_is_named_with_its_line(new_cluster, room, binary, text, word, line):
    from support.varve import Varve
    varve = Varve(room / "varve", binary=binary)
    varve.config.write_text(text)
    place.give(varve.config)
    error = varve.refused("config", "check", code=None, exit_code=2)
    assert word in str(error) and str(line) in str(error), error


def test_a_wrong_command_line_is_2_and_an_interrupt_is_130(new_cluster, new_varve):
    import signal
    import subprocess
    source = new_cluster()
    source.execute("CREATE TABLE big AS SELECT n, md5(n::text) AS t FROM generate_series(1, 500000) n", "CHECKPOINT")
    varve = new_varve(source)
    assert varve.ask("backup", "jump", json_output=False).exit_code == 2
    assert varve.ask("restore", "run", "pg/main", json_output=False).exit_code == 2
    assert varve.ask("backup", "run", "pg/other").exit_code in (1, 2)
    child = subprocess.Popen([varve.binary, "backup", "run", "pg/main", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/tmp",
                             env={**os.environ, **varve.environment}, **place.as_user())
    place.wait_until(lambda: len(varve.objects("pack")) or child.poll() is not None, every=0.002)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode == 130
    assert varve.do("backup", "list", "pg/main")["backups"] == []
    assert not source.value("SELECT count(*) FROM pg_replication_slots")
