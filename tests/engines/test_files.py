"""Trees of files: what a backup holds can be looked into, compared and given back in part, and is what was there."""
import hashlib
import os
import pathlib
import random
import stat
import subprocess

import pytest

from support import place
from support.varve import Varve

SOURCE = "shop/uploads"
ODD = "odd\x1b[2J\nname"
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}


class Tree:
    """A directory tree, and what Python sees of it."""

    def __init__(self, root):
        self.root = place.make_dir(root, mode=0o755)

    def write(self, path, content, mode=0o640):
        file = self.root / path
        for folder in reversed(file.relative_to(self.root).parents[:-1]):
            place.make_dir(self.root / folder, mode=0o755)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)
        place.give(file)
        return file

    def seen(self):
        return describe(self.root)


def describe(root):
    """{path: (kind, size, mode, uid, gid, time, target, digest)}"""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = pathlib.Path(folder) / name
            status = path.lstat()
            kind = KINDS[stat.S_IFMT(status.st_mode)]
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if kind == "file" else None
            found[str(path.relative_to(root))] = (kind, status.st_size if kind == "file" else 0, f"{stat.S_IMODE(status.st_mode):04o}",
                                                  status.st_uid, status.st_gid, status.st_mtime_ns // 1000,
                                                  os.readlink(path) if kind == "symlink" else None, digest)
    return found


def micros(text):
    """An RFC 3339 time of an answer, in microseconds since 1970."""
    import datetime
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def listed(entries):
    """What ls and find tell, in the form of describe() without the digest."""
    return {one["path"]: (one["kind"], one["size"], one["mode"], one["uid"], one["gid"], micros(one["mtime"]), one["link_target"])
            for one in entries}


def without_digest(seen):
    return {path: facts[:-1] for path, facts in seen.items()}


@pytest.fixture
def tree(room):
    """Folders, links, an odd name, and content of all sizes, from a seed."""
    made = Tree(room / "tree")
    chance = random.Random(4)
    for number in range(120):
        folder = "/".join(f"d{chance.randint(0, 3)}" for _ in range(chance.randint(0, 3)))
        made.write(f"{folder}/f{number}.{chance.choice(['txt', 'jpg'])}".lstrip("/"), chance.randbytes(chance.choice([0, 1, 900, 40_000])))
    made.write("large.bin", chance.randbytes(9 << 20), mode=0o600)
    made.write(ODD, "any byte but NUL")
    made.write("d0-neighbour/x", "sorts between d0 and what is below it")
    os.symlink("../large.bin", made.root / "d0-neighbour/link")
    return made


@pytest.fixture
def varve(tree, room, closing, binary):
    host = closing(Varve(room / "varve", binary=binary))
    host.sources = [{"name": SOURCE, "driver": "files", "paths": [str(tree.root)]}]
    host.write().init()
    return host


def cat(varve, *arguments):
    """The bytes that cat prints."""
    done = subprocess.run([str(varve.binary), "cat", SOURCE, *map(str, arguments)], capture_output=True, timeout=120, cwd="/tmp",
                          env={**os.environ, **varve.environment}, **place.as_user(varve.user))
    return done.returncode, done.stdout, done.stderr.decode()


def test_a_backup_lists_what_was_there(tree, varve):
    seen = without_digest(tree.seen())
    backup = varve.backup(SOURCE)

    everything = varve.do("ls", SOURCE, "--recursive")
    assert listed(everything["entries"]) == seen
    assert everything["backup"]["id"] == backup["id"]
    for folder in ["", "d0", "d0/d1", "d0-neighbour"]:
        here = {path: facts for path, facts in seen.items() if path.rpartition("/")[0] == folder}
        assert listed(varve.do("ls", SOURCE, *([folder] if folder else []))["entries"]) == here
        below = {path: facts for path, facts in seen.items() if path.startswith(f"{folder}/") or not folder}
        assert listed(varve.do("ls", SOURCE, f"/{folder}/", "--recursive")["entries"]) == below
    assert list(listed(varve.do("ls", SOURCE, "large.bin")["entries"])) == ["large.bin"]
    jpgs = {path: facts for path, facts in seen.items() if path.endswith(".jpg")}
    assert listed(varve.do("find", SOURCE, "*.jpg")["entries"]) == jpgs
    top = {path for path in jpgs if path.count("/") == 1 and path.startswith("d0/")}
    assert set(listed(varve.do("find", SOURCE, "d0/*.jpg")["entries"])) == top
    assert varve.do("find", SOURCE, "*.nothing")["entries"] == []


def test_contents_come_whole_and_in_order(tree, varve):
    varve.backup(SOURCE)
    small = next(path for path, facts in tree.seen().items() if facts[0] == "file" and facts[1] == 900)

    code, out, _ = cat(varve, "large.bin", small, ODD)
    assert code == 0
    assert out == (tree.root / "large.bin").read_bytes() + (tree.root / small).read_bytes() + b"any byte but NUL"
    for path, words in [("d0", "is a folder"), ("d0-neighbour/link", "symbolic link to ../large.bin"), (small + "x", f"Did you mean {small}?"),
                        (str(tree.root / "large.bin"), "Did you mean large.bin?")]:
        code, out, err = cat(varve, "large.bin", path)
        assert (code, out) == (1, b""), "all paths are looked for before anything is printed"
        assert words in err
    varve.refused("cat", SOURCE, "large.bin", code="usage", exit_code=2)


def test_what_is_not_there_is_refused(tree, varve):
    varve.backup(SOURCE)

    error = varve.refused("ls", SOURCE, "d0-neighbuor", code="path_not_found", exit_code=1)
    assert "d0-neighbour" in error["remedy"]
    varve.refused("ls", SOURCE, "--backup", "20200101T000000Z-00000000", code="backup_not_found", exit_code=1)
    varve.refused("find", SOURCE, "x", "--at", "2020-01-01T00:00:00Z", code="point_not_recoverable", exit_code=22)
    varve.refused("diff", SOURCE, "latest", "20200101T000000Z-00000000", code="backup_not_found", exit_code=1)
    varve.refused("ls", "shop/other", code="unknown_source", exit_code=2)


def test_no_name_reaches_the_terminal_as_it_is(tree, varve):
    varve.backup(SOURCE)
    for command in (["ls", SOURCE], ["find", SOURCE, "odd*"], ["find", SOURCE, "odd*", "--all"]):
        done = subprocess.run([str(varve.binary), *command], capture_output=True, timeout=60, cwd="/tmp",
                              env={**os.environ, **varve.environment}, **place.as_user(varve.user))
        assert done.returncode == 0
        assert b"odd?[2J?name" in done.stdout
        assert b"\x1b" not in done.stdout


def test_two_backups_are_compared(tree, varve):
    before = tree.seen()
    files = sorted(path for path, facts in before.items() if facts[0] == "file" and facts[1] == 900)
    first = varve.backup(SOURCE)
    kept_time = (tree.root / files[0]).stat()
    tree.write(files[0], random.Random(1).randbytes(900))  # the same size, and soon the same time
    os.utime(tree.root / files[0], ns=(kept_time.st_atime_ns, kept_time.st_mtime_ns))
    tree.write(files[1], "shorter")
    (tree.root / files[2]).chmod(0o604)
    (tree.root / files[3]).unlink()
    tree.write("new/deep/file", "new")
    os.unlink(tree.root / "d0-neighbour/link")
    os.symlink("elsewhere", tree.root / "d0-neighbour/link")
    after = tree.seen()
    second = varve.backup(SOURCE)

    answer = varve.do("diff", SOURCE, first["id"], second["id"])
    told = {one["path"]: one for one in answer["differences"]}
    assert [one["path"] for one in answer["differences"]] == sorted(told)
    assert {path for path, one in told.items() if one["difference"] == "added"} == after.keys() - before.keys()
    assert {path for path, one in told.items() if one["difference"] == "removed"} == before.keys() - after.keys()
    changed = {path for path in before.keys() & after.keys() if before[path] != after[path] and before[path][0] != "directory"}
    assert {path for path, one in told.items() if one["difference"] == "changed"} == changed
    assert told[files[0]]["changes"] == ["content"]
    assert told[files[1]]["changes"] == ["content", "size", "time"]
    assert told[files[2]]["changes"] == ["mode"]
    assert set(told["d0-neighbour/link"]["changes"]) == {"time", "target"}
    assert (answer["added"], answer["removed"], answer["changed"]) == (3, 1, len(changed))
    assert varve.do("diff", SOURCE, "latest", second["id"])["differences"] == []

    back = varve.do("diff", SOURCE, second["id"], first["stop_time"])
    assert {one["path"] for one in back["differences"]} == told.keys()
    assert (back["added"], back["removed"]) == (1, 3)


def test_versions_are_found_over_all_backups(tree, varve):
    path = "d1/page.txt"
    tree.write(path, "one")
    first = varve.backup(SOURCE)
    second = varve.backup(SOURCE)
    tree.write(path, "number two")
    third = varve.backup(SOURCE)
    (tree.root / path).unlink()
    varve.backup(SOURCE)

    found = varve.do("find", SOURCE, "page.*", "--all")
    assert found["searched"] == 4
    assert [one["path"] for one in found["files"]] == [path]
    newest, oldest = found["files"][0]["versions"]
    assert (newest["size"], newest["backups"]) == (10, [third["id"]])
    assert (oldest["size"], oldest["backups"]) == (3, [second["id"], first["id"]])
    assert varve.do("find", SOURCE, "page.*")["entries"] == []
    assert cat(varve, path, "--backup", first["id"])[1] == b"one"
    assert cat(varve, path, "--at", third["stop_time"])[1] == b"number two"


def test_a_part_comes_back_as_it_was(tree, varve, room):
    seen = tree.seen()
    varve.backup(SOURCE)
    place.run(["rm", "-rf", tree.root / "d0"])

    to = room / "out" / "part"
    place.make_dir(to.parent)
    planned = varve.do("restore", "run", SOURCE, "--to", to, "--include", "d0", "--include", "*.bin", "--dry-run")
    done = varve.restore(to, "--include", "d0", "--include", "*.bin", source=SOURCE)
    wanted = {path: facts for path, facts in seen.items() if path == "d0" or path.startswith("d0/") or path == "large.bin"}
    assert describe(to) == wanted
    assert done["bytes_written"] == planned["bytes"] == sum(facts[1] for facts in wanted.values())

    deep = next(path for path in sorted(seen) if path.count("/") == 3)
    varve.restore(room / "out" / "one", "--include", deep, source=SOURCE)
    above = {str(parent) for parent in pathlib.PurePath(deep).parents} - {"."}
    assert describe(room / "out" / "one") == {path: seen[path] for path in {deep, *above}}

    error = varve.refused("restore", "run", SOURCE, "--to", room / "out" / "no", "--include", "*.bin", "--include", "nowhere",
                          code="path_not_found", exit_code=1)
    assert "nowhere" in error["message"]
    assert not (room / "out" / "no").exists()


def test_damage_is_never_printed(tree, varve):
    varve.backup(SOURCE)
    for pack in varve.objects("pack"):
        raw = bytearray(pack.read_bytes())
        middle = len(raw) // 2
        if len(raw) > 4 << 20:
            raw[middle] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(raw)

    code, out, err = cat(varve, "large.bin")
    assert code == 13
    assert "large.bin" in err
    whole = (tree.root / "large.bin").read_bytes()
    assert len(out) < len(whole) and whole.startswith(out)


def test_several_paths_are_shown_where_they_lie(tree, room, varve):
    other = Tree(room / "other")
    other.write("deep/file", "x")
    varve.sources[0]["paths"] = [str(tree.root), str(other.root)]
    varve.write()
    varve.backup(SOURCE)

    top = str(room).lstrip("/")
    entries = varve.do("ls", SOURCE, top.rpartition("/")[0])["entries"]
    assert [(one["path"], one["mode"]) for one in entries] == [(top, None)], "a folder that only paths below tell of"
    assert [one["path"] for one in varve.do("ls", SOURCE, str(room))["entries"]] == [f"{top}/other", f"{top}/tree"]
    assert cat(varve, other.root / "deep/file")[1] == b"x"
    varve.restore(room / "varve" / "out", "--include", str(other.root), source=SOURCE)
    assert (room / "varve" / "out" / top / "other/deep/file").read_text() == "x"
