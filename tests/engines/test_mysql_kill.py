"""kill -9 of MySQL or MariaDB and of Varve, at random moments, under load: what was reported durable is back."""
import random
import time

import pytest

from support import place
from support.mysqlledger import MysqlLedger, expect_prefix, restored_rows
from support.mysqlserver import FLAVOURS
from test_mysql_base import SOURCE, new_host, new_mysql, open_restored  # noqa: F401
from test_mysql_pitr import Restorer, follow


def place_of(position):
    file, offset = position.rsplit(":", 1)
    return file, int(offset)


@pytest.mark.parametrize("flavour", [pytest.param(one, marks=pytest.mark.xdist_group(f"mysql kill {one}")) for one in FLAVOURS])
def test_what_was_reported_durable_is_back_after_kill_9(new_mysql, new_host, open_restored, room, flavour):  # noqa: F811
    source = new_mysql(flavour=flavour)
    method = "physical" if flavour == "mariadb" else "logical"
    ledger = MysqlLedger(source, pause=0.002).create()
    dice = random.Random(ledger.seed)
    varve = new_host(source, method=method)
    ledger.write(1)
    follow(varve)
    restore = Restorer(varve, source, room, new_mysql, open_restored, method == "physical")

    for number in range(place.scaled(10)):
        ledger.start()
        begun = source.position()
        place.wait_until(lambda: (now := varve.durable(SOURCE)) and place_of(now) >= begun, 60)  # something of this round at least
        for _ in range(dice.randrange(1, 12)):
            durable = place_of(varve.durable(SOURCE))
        first, second = dice.sample([source, varve], 2)
        first.kill()
        second.kill()
        ledger.stop()

        # The archive alone decides; nothing of the killed ones runs.
        began = time.monotonic()
        server = restore("--latest")
        seconds = time.monotonic() - began
        found = restored_rows(server)

        source.start()
        history, rows = ledger.history(), restored_rows(source)
        needed = {seq for one in history if (one.file, one.end) <= durable for seq in one.seqs if seq in rows}
        assert needed <= found, f"seed {ledger.seed}, round {number}: {durable} was reported durable, and of what lies before it are lost: {sorted(needed - found)[:5]}"
        last = max(index for index, one in enumerate(history) if found & set(one.seqs))
        expect_prefix(server, ledger, history[:last + 1])
        server.stop()
        answered = max(row.time for row in ledger.acknowledged)
        kept = max(row.time for row in ledger.acknowledged if row.seq in found)
        print(f"{flavour}, round {number}: {len(found)} rows back, {len(rows) - len(found)} after them; {(answered - kept).total_seconds():.2f} s lost "
                  f"(ship_interval 1s), restored in {seconds:.1f} s; {restore.done['target_reached']}", flush=True)
        varve.serve()
    assert varve.ask("log", "gaps", SOURCE).exit_code == 0
