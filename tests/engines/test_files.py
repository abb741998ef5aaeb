"""Trees of files: what a backup holds can be looked into, compared and given back in part, and is what was there."""
import collections
import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import stat
import struct
import subprocess
import threading

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


def test_a_planted_link_leads_no_restore_outside(tree, varve, room):
    """Who may write into the target swaps folders for links while it is filled."""
    chance = random.Random(5)
    for number in range(400):
        tree.write(f"many/{number:03}/deep/file", chance.randbytes(100_000))
    varve.backup(SOURCE)
    outside = place.make_dir(room / "outside")
    (outside / "deep").mkdir()
    place.give(outside / "deep")
    planted, done = 0, threading.Event()

    def plant(target):
        nonlocal planted
        while not (target / "many/399/deep").exists() and not done.is_set():
            pass  # the folders are made first: now comes the content
        for number in range(0, 400, 3):
            with contextlib.suppress(OSError):
                folder = target / f"many/{number:03}"
                folder.rename(target / f"moved-{number}")
                folder.symlink_to(outside)
                planted += 1

    for attempt in range(20):
        target = room / f"restored-{attempt}"
        thread = threading.Thread(target=plant, args=(target,), daemon=True)
        thread.start()
        answer = varve.ask("restore", "run", SOURCE, "--to", target)
        done.set()
        thread.join()
        done.clear()
        assert list(outside.rglob("*")) == [outside / "deep"], f"attempt {attempt}: {answer.document}"
        shutil.rmtree(target)
        if planted > 5:
            break
    assert planted > 5, "the restores were over before anything was planted"


def everything(root):
    """{path: all that an entry is}: of any kind and name, with its other names, its attributes and whether it has holes."""
    root, found, names = os.fsencode(root), {}, collections.defaultdict(list)
    for folder, folders, files in os.walk(root):
        for path in [os.path.join(folder, name) for name in folders + files] + ([root] if folder == root else []):
            status, relative = os.lstat(path), os.path.relpath(path, root)
            kind = stat.S_IFMT(status.st_mode)
            content = hashlib.sha256(pathlib.Path(os.fsdecode(path)).read_bytes()).hexdigest() if kind == stat.S_IFREG else None
            attributes = {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
            if kind == stat.S_IFREG:
                names[status.st_ino].append(relative)
            found[relative] = (kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns,
                               os.readlink(path) if kind == stat.S_IFLNK else None, content, attributes,
                               kind == stat.S_IFREG and (status.st_size, status.st_blocks * 512 < status.st_size))
    return found, sorted(sorted(group) for group in names.values() if len(group) > 1)


def access_list(*entries):
    """`system.posix_acl_access` as the kernel takes it: (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_every_kind_of_entry_comes_back(room, closing, binary):
    user = "root" if os.getuid() == 0 else None
    made = Tree(room / "tree")
    made.write("a/file", "content", mode=0o4751)
    made.write("a/empty", "")
    made.write("z" * 255, "the longest name there is")
    made.write(ODD, "any byte but NUL")
    pathlib.Path(os.fsdecode(os.fsencode(made.root) + b"/\xff\xfe not utf-8")).write_bytes(b"x")
    for name in ("b/second", "third"):
        place.make_dir((made.root / name).parent, mode=0o755)
        os.link(made.root / "a/file", made.root / name)
    os.symlink("../nowhere", made.root / "a/link")
    os.mkfifo(made.root / "fifo", 0o620)
    for name, at, size in (("sparse", 64 << 20, 5), ("end is a hole", 4096, 4096)):
        with open(made.root / name, "wb") as file:
            file.seek(at)
            file.write(b"x" * size)
            file.truncate(at + size + (1 << 20))
    os.setxattr(made.root / "a/file", "user.note", b"a\0b")
    os.setxattr(made.root / "b", "system.posix_acl_default",
                access_list((1, 7, 0xFFFFFFFF), (2, 5, 4321), (4, 5, 0xFFFFFFFF), (0x10, 5, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF)))
    os.setxattr(made.root / "a/empty", "system.posix_acl_access",
                access_list((1, 6, 0xFFFFFFFF), (2, 4, 1234), (4, 4, 0xFFFFFFFF), (0x10, 4, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF)))
    if user:
        os.lchown(made.root / "a/link", 1234, 5678)
        with contextlib.suppress(PermissionError):  # a container may have no right to
            os.mknod(made.root / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    for path in ("a/link", "fifo", "a", "b", "."):
        os.utime(made.root / path, ns=(1, 1_600_000_000_123_456_789), follow_symlinks=False)
    host = closing(Varve(room / "varve", binary=binary, user=user or place.engine_user()))
    host.sources = [{"name": SOURCE, "driver": "files", "paths": [str(made.root)], "devices": True}]
    host.write().init()

    host.backup(SOURCE)
    host.restore(room / "restored", source=SOURCE)
    assert everything(room / "restored") == everything(made.root)


def test_a_tree_that_changes_all_the_time_and_is_not_all_readable(tree, varve, room):
    """What stands still is whole; what cannot be read is named, one by one."""
    if os.getuid() != 0:
        pytest.skip("only root can make what another user may not read")
    owner = (tree.root / "large.bin").stat()
    os.lchown(tree.root / "d0-neighbour/link", owner.st_uid, owner.st_gid)  # to another user it could not be given back
    still = tree.seen()
    secret = tree.write("not for us", "x")
    os.chown(secret, 0, 0)
    secret.chmod(0o600)
    done = threading.Event()

    def churn():
        number = 0
        while not done.is_set():
            number += 1
            tree.write(f"churn/{number % 50}", b"x" * (number % 4096), mode=0o644)  # readable before it has its owner
            with contextlib.suppress(FileNotFoundError):
                (tree.root / f"churn/{(number + 25) % 50}").unlink()
            with open(tree.root / "churn-grows", "ab") as file:
                file.write(b"y" * 65536)

    thread = threading.Thread(target=churn, daemon=True)
    thread.start()
    place.wait_until(lambda: (tree.root / "churn-grows").exists())
    place.give(tree.root / "churn-grows")
    try:
        answer = varve.ask("backup", "run", SOURCE)
    finally:
        done.set()
        thread.join()
    assert answer.exit_code == 3, answer.document
    errors = [finding["what"] for finding in answer.document["result"]["backups"][0]["findings"] if finding["level"] == "error"]
    assert len(errors) == 1 and str(secret) in errors[0], errors
    varve.restore(room / "restored", source=SOURCE)
    restored = describe(room / "restored")
    assert {path: facts for path, facts in restored.items() if "churn" not in path} == still
