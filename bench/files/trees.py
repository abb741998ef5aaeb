"""The trees that are backed up, the same at every run, and what a tree holds.

`mixed`: compressible text, blobs that do not compress, and copies of both. `small`: many files of a few kilobytes."""
import hashlib
import os
import pathlib
import random
import stat

_chance = random.Random(3)
WORDS = ["".join(_chance.choices("etaoinshrdlucmfw", k=_chance.randint(2, 9))) for _ in range(4000)]
CUMULATIVE = []
for _rank in range(len(WORDS)):  # some words are everywhere, most are rare
    CUMULATIVE.append((CUMULATIVE[-1] if CUMULATIVE else 0) + 1 / (_rank + 8))


def text(chance, size):
    """Lines of words and numbers; zstd makes about a third of it."""
    words = chance.choices(WORDS, cum_weights=CUMULATIVE, k=size // 5 + 8)
    for at in range(0, len(words), 12):
        words[at] = f"\n{chance.getrandbits(24):x}"
    return " ".join(words).encode()[:size]


def size_of_file(chance):
    """16 KiB to 16 MiB, as often between 16 and 32 KiB as between 8 and 16 MiB."""
    return int(2 ** chance.uniform(14, 24))


def make_mixed(root, mib):
    """45 % text, 35 % blobs, 20 % copies, by size."""
    chance, made, number = random.Random(1), [], 0
    for share, kind in ((0.45, "text"), (0.35, "blobs"), (0.20, "copies")):
        left = int(mib * 2**20 * share)
        while left > 0:
            number += 1
            path = root / kind / f"{number % 17:02}" / f"{number:06}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "copies":
                content = chance.choice(made).read_bytes()
            else:
                size = min(size_of_file(chance), left)
                content = text(chance, size) if kind == "text" else chance.randbytes(size)
                made.append(path)
            path.write_bytes(content)
            left -= len(content)


def make_small(root, files):
    """As source code lies: up to 100 files a directory, 200 bytes to 12 KiB, one of twenty a link."""
    chance = random.Random(2)
    for number in range(files):
        path = root / f"{number // 3000:03}" / f"{number // 100 % 30:02}" / f"{number:07}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 20 == 19:
            path.symlink_to(f"{number - 1:07}.txt")
        else:
            path.write_bytes(text(chance, int(2 ** chance.uniform(7.6, 13.6))))


def regular(root):
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def change_mixed(root, seed):
    """Files that hold one per cent of the bytes: overwritten in the middle, grown in the middle, written anew, in turn."""
    chance, files = random.Random(seed), regular(root)
    left, number = sum(path.stat().st_size for path in files) // 100, 0
    chance.shuffle(files)
    for path in files:
        if left <= 0:
            return
        content = path.read_bytes()
        if len(content) > 2 * left + 2**16:
            continue
        left -= len(content)
        number += 1
        at = chance.randrange(len(content))
        if number % 3 == 0:
            content = chance.randbytes(len(content))
        else:
            content = content[:at] + chance.randbytes(4096) + content[at + (4096 if number % 3 == 1 else 0):]
        path.write_bytes(content)


def change_small(root, seed):
    """One per cent of the files is written anew."""
    chance, files = random.Random(seed), regular(root)
    for path in chance.sample(files, max(1, len(files) // 100)):
        path.write_bytes(text(chance, int(2 ** chance.uniform(7.6, 13.6))))


def content(root):
    """(entries, bytes, a digest of every name, kind, mode, time of modification of files, target and content)."""
    digest, entries, total = hashlib.blake2b(), 0, 0
    for directory, names, files in os.walk(root):
        names.sort()
        for name in sorted(names + files):
            path = pathlib.Path(directory, name)
            status = path.lstat()
            known = [os.path.relpath(path, root), stat.S_IFMT(status.st_mode)]
            if stat.S_ISLNK(status.st_mode):
                known.append(os.readlink(path))
            else:
                known.append(stat.S_IMODE(status.st_mode))
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    known += [status.st_mtime_ns, status.st_size, hashlib.file_digest(file, "blake2b").hexdigest()]
                total += status.st_size
            entries += 1
            digest.update(repr(known).encode())
    return entries, total, digest.hexdigest()
