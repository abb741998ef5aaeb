"""A flipped byte in any object: found by verify, refused by restore with the object's name; everything else still restores."""
import hashlib

import pytest

from support import place
from support.ledger import Ledger, restored_rows


def flip(path, at):
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 0x40
    path.write_bytes(data)


@pytest.fixture
def archive(new_cluster, new_varve):
    source = new_cluster(settings={"autovacuum": "off"})
    ledger = Ledger(source).create()
    ledger.write(10)
    varve = new_varve(source)
    # Two backups of two months would share no pack; of one month they do. The second has packs of its own.
    first = varve.backup()
    source.execute("CREATE TABLE more AS SELECT n, md5(n::text) FROM generate_series(1, 50000) n", "CHECKPOINT")
    ledger.write(10)
    before = set(varve.objects("pack"))
    second = varve.backup()
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    ledger.write(10)
    varve.do("log", "follow", "pg/main", "--until-caught-up")
    return source, varve, first, second, sorted(set(varve.objects("pack")) - before, key=lambda path: path.stat().st_size)


def manifest_of(varve, backup):
    """Its name begins with what the id ends in."""
    digest = backup["id"].rsplit("-", 1)[1]
    return next(path for path in varve.objects("backup") if path.name.rsplit("-", 1)[1].startswith(digest))


def places_in(path):
    """In the clear header, in the first record, in the middle, in what closes the object."""
    return (9, 300, path.stat().st_size // 2, path.stat().st_size - 5)


def expect_found_and_refused(varve, victim, to, target):
    """verify finds it, restore refuses it, both by its name; nothing is left behind."""
    assert not victim.name.endswith(hashlib.sha256(victim.read_bytes()).hexdigest())
    answer = varve.ask("verify", "--level", "1")
    assert answer.exit_code == 21 and victim.name[-64:] in str(answer.document), answer.document
    answer = varve.ask("restore", "run", "pg/main", "--to", to, *target)
    assert answer.exit_code == 13, answer.document
    assert victim.name[-64:] in str(answer.document["error"]), answer.document


@pytest.mark.parametrize("kind", ["pack", "backup", "log"])
def test_a_flipped_byte_is_found_named_and_harms_nothing_else(archive, open_restored, room, kind):
    source, varve, first, second, new_packs = archive
    assert varve.do("verify", "--level", "2")
    victim, target, rest, rows = {
        "pack": (new_packs[-1], ["--backup", second["id"]], ["--backup", first["id"]], 10),
        "backup": (manifest_of(varve, second), ["--backup", second["id"]], ["--backup", first["id"]], 10),
        "log": (varve.objects("log")[-1], ["--latest"], ["--backup", second["id"]], 20),
    }[kind]
    for at in places_in(victim):
        good = victim.read_bytes()
        flip(victim, at)
        expect_found_and_refused(varve, victim, room / f"bad{at}", target)
        victim.write_bytes(good)

    flip(victim, victim.stat().st_size // 2)
    varve.restore(room / "rest", *rest)
    assert len(restored_rows(open_restored(room / "rest", source))) == rows


def test_a_missing_object_is_found(archive, room):
    source, varve, first, second, new_packs = archive
    victim = new_packs[-1]
    victim.rename(room / "hidden")
    answer = varve.ask("verify", "--level", "0")
    assert answer.exit_code in (13, 21) and victim.name in str(answer.document)
    answer = varve.ask("restore", "run", "pg/main", "--to", room / "bad", "--backup", second["id"])
    assert answer.exit_code in (13, 22) and victim.name[:16] in str(answer.document) + answer.stderr


def test_a_damaged_config_object_is_refused_by_name(archive):
    source, varve, *_ = archive
    victim = varve.objects("config")[-1]
    flip(victim, 100)
    answer = varve.ask("backup", "list", "pg/main")
    assert answer.exit_code == 13 and victim.name[-64:][:16] in str(answer.document) + answer.stderr
