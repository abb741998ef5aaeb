"""A sealed host writes what it cannot read: tried with everything on its disk and in its configuration."""
import re

from support import place
from support.ledger import Ledger, restored_rows


def test_the_sealed_host_holds_nothing_that_reads_content(new_cluster, new_varve, open_restored, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    ledger.write(5, payload="PLAINTEXT-THAT-MUST-NOT-BE-READ")
    varve = new_varve(source, init=False)
    taken = room / "kit-in-the-safe"  # the operator takes it away
    safe = place.make_dir(room / "safe")
    varve.init("--sealed", "--recovery-kit", safe / "kit")
    (safe / "kit").rename(taken)

    varve.serve()
    backup = varve.backup()
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    assert varve.backup()  # duplicates are found without reading content back
    assert backup["id"] in [one["id"] for one in varve.do("backup", "list", "pg/main")["backups"]]

    # Its own tools refuse for want of a key.
    error = varve.refused("restore", "run", "pg/main", "--to", room / "copy", "--latest", code=None, exit_code=12)
    assert "restore" in error["message"] + (error.get("remedy") or "")
    # Whatever 32 bytes lie about on this host open no content: every hexadecimal and raw key candidate in every file of it.
    candidates = key_candidates([varve.directory], exclude=varve.repository)
    assert candidates
    from support.envelope import content_opens
    opened = [path for path in varve.objects("pack")[:3] + varve.objects("backup")[:1] + varve.objects("log")[:1]
              if content_opens(path.read_bytes(), candidates)]
    assert opened == []
    # The test can fail: with the kit they open.
    assert content_opens(varve.objects("pack")[0].read_bytes(), key_candidates([taken]))
    # Nor does any plaintext lie in its caches.
    for path in varve.directory.rglob("*"):
        if path.is_file():
            assert b"PLAINTEXT-THAT-MUST-NOT-BE-READ" not in path.read_bytes(), path

    # With the kit, elsewhere, everything is there.
    varve.stop()
    keys = varve.directory / "varve.keys"
    keys.rename(room / "host.keys")
    place.run(["cp", taken, keys])
    place.give(keys)
    keys.chmod(0o600)
    varve.restore(room / "copy", "--latest")
    assert len(restored_rows(open_restored(room / "copy", source))) == 10


def key_candidates(roots, exclude=None):
    """Every 32 bytes that stand as hexadecimal anywhere, and every small binary file's 32-byte windows."""
    found = set()
    for root in roots:
        for path in ([root] if root.is_file() else root.rglob("*")):
            if not path.is_file() or (exclude and exclude in path.parents):
                continue
            data = path.read_bytes()
            found.update(bytes.fromhex(text.decode()) for text in re.findall(rb"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])", data))
            if len(data) <= 4096:
                found.update(data[at:at + 32] for at in range(0, max(0, len(data) - 31)))
    return found
