"""The independent reader on the frozen repositories: it restores what expected.txt says, and refuses by name what was not stored so."""
import hashlib
import hmac
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import proto3
import reader

HERE = pathlib.Path(__file__).parent
SOURCE = "golden/main"
FOREIGN = Ed25519PrivateKey.from_private_bytes(bytes(32))


class Golden:
    """A frozen repository, or a copy of it that a test may spoil, and the keys that it is read with."""

    def __init__(self, mode, keys="kit.keys", copy_to=None):
        self.home = HERE / f"v1-{mode}"
        self.keys, self.repository = self.home / keys, self.home / "repository"
        self.expected = [line.split(" ") for line in (self.home / "expected.txt").read_text().splitlines()]
        if copy_to:
            self.repository = shutil.copytree(self.repository, copy_to / "repository")

    def read(self, *arguments):
        command = [sys.executable, "-B", HERE / "reader.py", self.repository, self.keys, *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)

    def good(self, *arguments):
        done = self.read(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def refused(self, *arguments):
        """The lines of a refusal."""
        done = self.read(*arguments)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        return done.stderr.splitlines()

    def open(self):
        return reader.Repository(self.repository, self.keys, [SOURCE])

    def objects(self, kind):
        return sorted(str(path.relative_to(self.repository)) for path in (self.repository / kind).rglob("*") if path.is_file())

    def put(self, key, data):
        """Stores bytes under `key` with the hash that they have; gives the whole key."""
        key = key[:-64] + hashlib.sha256(data).hexdigest()
        (self.repository / key).write_bytes(data)
        return key

    def secret(self, role):
        return bytes.fromhex(re.search(rf'^{role} = "(\w+)"', self.keys.read_text(), re.M).group(1))

    def put_config(self, generation, more=b"", signer=None, without=()):
        """A further config object: the fields of the first one but those `without`, and `more`."""
        data = (self.repository / self.objects("config")[0]).read_bytes()
        body = b"".join(raw for number, raw in fields(data[65:-72]) if number not in (2, *without)) + bytes([0x10, generation]) + more
        signer = signer or Ed25519PrivateKey.from_private_bytes(self.secret("admin"))
        data = data[:65] + body + hashlib.sha256(public_key(signer)).digest()[:8]
        return self.put(f"config/{generation:08}-" + 64 * "0", data + signer.sign(hashlib.sha256(data).digest()))


def public_key(private):
    return private.public_key().public_bytes(reader.serialization.Encoding.Raw, reader.serialization.PublicFormat.Raw)


def fields(message):
    """The fields of a message that has numbers and byte strings only: number and raw bytes."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = proto3.varint(message, at)
        value, at = proto3.varint(message, at)
        at += value if tag & 7 else 0
        yield tag >> 3, message[begin:at]


EVERY_KEY_THAT_READS = [("managed", "host.keys"), ("managed", "kit.keys"), ("sealed", "kit.keys")]


@pytest.mark.parametrize("mode,keys", EVERY_KEY_THAT_READS)
def test_backups_come_back_as_they_were(mode, keys, tmp_path):
    golden = Golden(mode, keys)
    ids = [row[1] for row in golden.good("list") if row[0] == "backup"]
    assert ids == sorted({row[1] for row in golden.expected if row[0] == "entry"})
    for backup in ids:
        golden.good("restore", backup, tmp_path / backup)
        assert entries_of(tmp_path / backup) == sorted(row[2:] for row in golden.expected if row[1] == backup)
        file, folder = (tmp_path / backup / "data/noise").stat(), (tmp_path / backup / "data").stat()
        assert (file.st_mode & 0o7777, file.st_mtime_ns) == (0o640, 1795392000123456789)
        assert (folder.st_mode & 0o7777, folder.st_mtime_ns) == (0o700, 0)


def entries_of(top):
    """What lies below a directory, in the words of expected.txt; of two names of one file the second is the link."""
    found, names = [], {}
    for path in sorted(top.rglob("*"), key=bytes):
        name, status = bytes(path.relative_to(top)), path.lstat()
        if path.is_symlink():
            found.append(["3", name.hex(), "-", bytes(path.readlink()).hex()])
        elif path.is_dir():
            found.append(["2", name.hex(), "-", "-"])
        elif names.setdefault(status.st_ino, name) != name:
            found.append(["4", name.hex(), "-", names[status.st_ino].hex()])
        else:
            found.append(["1", name.hex(), hashlib.sha256(path.read_bytes()).hexdigest(), "-"])
    return sorted(found)


@pytest.mark.parametrize("mode,keys", EVERY_KEY_THAT_READS)
def test_the_log_comes_back_in_its_stretches(mode, keys, tmp_path):
    golden = Golden(mode, keys)
    found = []
    for lineage in sorted({row[3] for row in golden.good("list") if row[0] == "log"}):
        dest = tmp_path / lineage.replace("/", "-")
        golden.good("log", SOURCE, lineage, dest)
        for path in sorted(dest.iterdir()):
            begin = int(path.name, 16)
            found.append(["log", lineage, str(begin), str(begin + path.stat().st_size), hashlib.sha256(path.read_bytes()).hexdigest()])
    assert found == [row for row in golden.expected if row[0] == "log"]


def test_bytes_that_differ_where_objects_overlap_are_a_fork(tmp_path):
    golden = Golden("managed")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / f"{0x1000:016x}").write_bytes(bytes(0x1800))
    lines = golden.refused("log", SOURCE, "7301234567890123456/1", tmp_path / "log")
    assert lines[0].startswith(golden.objects("log")[0]) and "forked" in lines[0]


@pytest.mark.parametrize("mode,keys", EVERY_KEY_THAT_READS)
def test_what_is_frozen_verifies(mode, keys):
    assert Golden(mode, keys).good("verify") == []


@pytest.mark.parametrize("mode", ["managed", "sealed"])
@pytest.mark.parametrize("kind", ["config", "backup", "log", "note", "evidence", "pack"])
def test_a_flipped_byte_is_refused_by_name(mode, kind, tmp_path):
    golden = Golden(mode, copy_to=tmp_path)
    key = golden.objects(kind)[0]
    good = (golden.repository / key).read_bytes()
    for at in (9, 40, 70, len(good) // 2, len(good) - 5):
        (golden.repository / key).write_bytes(flipped(good, at))
        assert any(line.startswith(f"{key}: ") for line in golden.refused("verify")), at
    if kind == "log":
        assert golden.refused("log", SOURCE, "7301234567890123456/1", tmp_path / "log")[0].startswith(f"{key}: ")
    if kind in ("config", "backup", "pack"):
        backup = golden.objects("backup")[0 if kind == "backup" else -1]
        assert golden.refused("restore", backup, tmp_path / "copy")[-1].startswith(f"{key}: ")


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


@pytest.mark.parametrize("kind", ["backup", "log", "note", "evidence", "pack"])
def test_no_byte_may_differ_even_under_a_name_that_fits(kind, tmp_path):
    golden = Golden("sealed", copy_to=tmp_path)
    key = min(golden.objects(kind), key=lambda key: (golden.repository / key).stat().st_size)
    data, repository, said = (golden.repository / key).read_bytes(), golden.open(), set()
    for at in range(len(data)):
        spoilt = golden.put(key, flipped(data, at))
        with pytest.raises(reader.Refused) as refused, reader.naming(spoilt):
            repository.verify(spoilt)
        assert str(refused.value).startswith(f"{spoilt}: ")
        said.add(str(refused.value).split(": ", 1)[1])
        (golden.repository / spoilt).unlink()
    assert ("InvalidSignature()" if kind != "pack" else "a wrap holds another key than the object is committed to") in said


def test_what_is_authentic_and_yet_wrong_is_refused():
    golden = Golden("managed")
    repository = golden.open()
    backup, first_log, pack = golden.objects("backup")[0], golden.objects("log")[0], golden.objects("pack")[0]
    manifest = reader.Backup(repository, backup)
    manifest.content["id_key"] = bytes(32)
    with pytest.raises(reader.Refused, match="pack/.*: not chunk"):
        manifest.entries()
    repository.id_keys[pack.split("/")[1]] = bytes(32)
    with pytest.raises(ValueError, match="chunk 0 is not its id's"):
        repository.verify(pack)
    repository.open(first_log).told["to"] += 1
    with pytest.raises(ValueError, match="end to end"):
        repository.verify(first_log)


def test_a_pack_that_is_not_there_is_named(tmp_path):
    golden = Golden("managed", copy_to=tmp_path)
    (golden.repository / golden.objects("pack")[0]).rename(tmp_path / "hidden")
    [line] = golden.refused("verify")
    assert line.startswith("pack/") and (tmp_path / "hidden").stat().st_size > 0


def test_a_damaged_backup_harms_no_other(tmp_path):
    golden = Golden("managed", copy_to=tmp_path)
    first, second = golden.objects("backup")
    (golden.repository / first).write_bytes(b"spoilt")
    golden.good("restore", second, tmp_path / "copy")
    [line] = golden.refused("list")
    assert line.startswith(first)


def test_the_sealed_host_sees_structure_and_no_content(tmp_path):
    golden = Golden("sealed", "host.keys")
    assert golden.good("list", SOURCE) == Golden("sealed").good("list")
    lines = golden.refused("verify", SOURCE)
    assert [line.split(": ")[0] for line in lines] == golden.objects("backup") + golden.objects("log") + golden.objects("pack")
    lines += golden.refused("log", SOURCE, "7301234567890123456/2", tmp_path / "log")
    assert {line.split(": ")[1] for line in lines} == {"none of these keys opens its content"}
    assert not list((tmp_path / "log").iterdir())
    # Without the name of the source an archive key opens nothing at all.
    lines = golden.refused("list") + golden.refused("restore", golden.objects("backup")[0], tmp_path / "copy")
    assert {line.split(": ")[1] for line in lines} == {"none of these keys opens its structure"}


def test_keys_of_another_repository_are_refused():
    golden = Golden("managed")
    golden.keys = Golden("sealed").keys
    [line] = golden.refused("list")
    assert line.startswith(golden.objects("config")[0]) and "this repository" in line


def test_names_that_are_not_there_are_said(tmp_path):
    golden = Golden("managed")
    assert golden.refused("restore", "20261123T020000Z-00000000", tmp_path / "copy") == ["nothing there has this name"]
    assert golden.refused("log", SOURCE, "other", tmp_path / "log") == ["nothing there has this name"]


def test_the_chain_of_configs_decides(tmp_path):
    golden = Golden("managed", copy_to=tmp_path)
    feature = b"\x2a\x05later"
    # Signed by nobody it knows, or with a generation left out: ignored.
    golden.put_config(2, feature, signer=FOREIGN)
    golden.put_config(3, feature)
    golden.good("list")
    golden.put_config(2)
    [line] = golden.refused("list")
    assert line.startswith("config/") and "newer reader" in line


def test_nobody_else_can_begin_the_chain(tmp_path):
    golden = Golden("managed", copy_to=tmp_path)
    [own] = golden.objects("config")
    golden.put_config(1, b"\x52\x20" + public_key(FOREIGN), signer=FOREIGN, without=[10])
    golden.good("list")
    (golden.repository / own).unlink()
    [line] = golden.refused("list")
    assert line.startswith("config/") and "no generation 1" in line


def test_a_host_may_write_its_own_sources_only(tmp_path):
    golden = Golden("managed", copy_to=tmp_path)
    host = next(iter(golden.open().writers))
    narrow = b"\x0a\x01h\x12\x20" + host + b"\x1a\x05other"
    golden.put_config(2, b"\x4a" + bytes([len(narrow)]) + narrow, without=[9])
    lines = golden.refused("verify")
    signed = [key for kind in ("backup", "evidence", "log", "note") for key in golden.objects(kind)]
    assert lines == [f"{key}: its signer may not write its source" for key in signed]


@pytest.mark.parametrize("mode", ["managed", "sealed"])
def test_keys_of_objects_say_what_their_structures_say(mode):
    golden = Golden(mode, "host.keys")
    repository, archive = golden.open(), golden.secret("archive")

    def name(kind, clear):
        key = HKDF(hashes.SHA256(), 32, repository.id, f"varve/1 name\0{SOURCE}".encode()).derive(archive)
        return hmac.digest(key, f"{kind}\0{clear}".encode(), "sha256")[:16].hex()

    def utc(micros):
        return reader.time.strftime("%Y%m%dT%H%M%SZ", reader.time.gmtime(micros // 1_000_000))

    for key in repository.list("backup", "log", "note", "evidence", "pack"):
        told, (kind, source, *rest) = repository.open(key).told, key[:-64].split("/")
        assert source == name("source", SOURCE)
        if kind == "backup":
            assert rest == [f"{utc(told['start_time'])}-{told['tiers']}-"]
        elif kind == "log":
            last = utc(told["last_commit"] or told["stored"])
            assert rest == [name("lineage", told["lineage"]["name"]), f"{told['from']:016x}-{told['to']:016x}-{last}-"]
        elif kind != "pack":
            assert rest == [f"{utc(told['time'])}-"]


def test_the_id_key_is_the_source_s_own():
    golden = Golden("managed", "host.keys")
    repository = golden.open()
    backup = reader.Backup(repository, golden.objects("backup")[0])
    own = HKDF(hashes.SHA256(), 32, repository.id, f"varve/1 id\0{SOURCE}".encode()).derive(golden.secret("archive"))
    assert backup.content["id_key"] == own


def test_a_list_of_two_levels_is_read():
    """The frozen repositories are too small to have one."""
    entries = [struct.pack(">BBB", 0x0A, 1, letter) for letter in b"ab"]
    pieces = {b"index": b"\x0a\x04list" + b"\x12\x01\x08", b"list": b"".join(bytes([len(entry)]) + entry for entry in entries)}
    backup = object.__new__(reader.Backup)
    backup.content, backup.told = {"list_chunks": b"index", "list_lengths": [9], "list_levels": 2, "list_bytes": 8}, {"files": 2}
    backup.plain = lambda chunks, lengths: [pieces[chunks]]
    assert [entry["path"] for entry in backup.entries()] == [b"a", b"b"]
