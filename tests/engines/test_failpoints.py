"""The crash matrix: at every durable step the power goes. Each place must be reached, and the next run must find whole things only."""
import re
import signal

import pytest

from support import place
from support.ledger import Ledger, expect_prefix, restored_rows

CALL = re.compile(r'failpoint\("([a-z0-9_.-]+)"\)')


def points():
    """Every failpoint in the sources, with the folder it stands in."""
    found = {}
    for folder in ("src", "drivers"):
        for path in (place.ROOT / folder).rglob("*.cpp"):
            if path.stem == "failpoint":
                continue
            for name in CALL.findall(path.read_text()):
                found[name] = path.relative_to(place.ROOT)
    return dict(sorted(found.items()))


def killed(varve, name, *command):
    """Runs a command that dies at `name`; whether it did."""
    return varve.ask(*command, env={"VARVE_FAILPOINT": name}).exit_code == -signal.SIGKILL


SQLITE = {name for name in points() if name.startswith("sqlite.")}  # test_sqlite.py
COLLECTION = {name for name in points() if name.startswith("gc.")} | {"posix.removed"}  # test_collect.py


@pytest.mark.parametrize("name", [name for name in points() if name not in SQLITE | COLLECTION])
def test_after_a_power_cut_the_next_run_is_whole(new_cluster, new_varve, open_restored, room, name):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source, init=False)

    fired = killed(varve, name, "init")
    if varve.ask("init").exit_code != 0:
        assert varve.do("backup", "list")["backups"] == [], "init was cut after its commit: what is there is whole"
    ledger.write(5)

    fired |= killed(varve, name, "backup", "run", "pg/main")
    listed = varve.do("backup", "list", "pg/main")["backups"]
    assert len(listed) <= 1
    if listed:  # cut after the commit: then it is a backup
        varve.restore(room / "cut", "--backup", listed[0]["id"])
        assert len(restored_rows(open_restored(room / "cut", source))) == 5

    ledger.write(5)
    fired |= killed(varve, name, "log", "follow", "pg/main", "--until-caught-up")

    # The next runs finish the work; nothing that the server was told is missing.
    varve.backup()
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.do("log", "gaps", "pg/main")["gaps"] == []
    fired |= killed(varve, name, "restore", "run", "pg/main", "--to", room / "copy", "--latest")
    place.run(["rm", "-rf", room / "copy"])
    varve.restore(room / "copy", "--latest")
    expect_prefix(open_restored(room / "copy", source), ledger, ledger.history(), restored_rows(source))
    varve.do("verify", "--level", "2")
    assert fired, f"{name} ({points()[name]}) was never reached"


def test_there_are_failpoints():
    assert len(points()) >= 6 and COLLECTION <= points().keys() and len(COLLECTION) >= 6
