#!/usr/bin/env python3
"""Reads a Varve repository without Varve: written from docs/repository-format.md (its sections are cited below) and format.proto alone.

    reader.py REPOSITORY KEYS list [SOURCE...]          backups and runs of log: short id, source, lineage, its parent, positions, times
    reader.py REPOSITORY KEYS restore BACKUP DEST       the entries of a backup (its short id or key), as files in the new directory DEST
    reader.py REPOSITORY KEYS log SOURCE LINEAGE DEST   a lineage's bytes: in DEST a file for each unbroken stretch, named by its start
    reader.py REPOSITORY KEYS verify [SOURCE...]        every object, down to each chunk

KEYS: a keys file or the recovery kit; one with only an archive key needs the names of SOURCEs too (section 2). What is not as the text says
is a line on standard error that begins with the object's key, and exit status 1. Owners, attributes, FIFOs and devices are left out.
"""
import contextlib
import functools
import hmac
import itertools
import os
import pathlib
import struct
import sys
import time
import tomllib
from hashlib import sha256

import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import proto3

TYPES = {"pack": 1, "backup": 2, "log": 3, "note": 4, "evidence": 5, "config": 8}
ROLES = {1: "restore", 2: "maintain", 3: "archive", 4: "escrow"}
CONTENT, STRUCTURE = 1, 2
FILE, DIRECTORY, SYMLINK, HARDLINK = 1, 2, 3, 4


class Refused(SystemExit):
    """Something is not as the text says; the message begins with the object's key."""


@contextlib.contextmanager
def naming(key):
    """Whatever goes wrong inside is told of the object `key`."""
    try:
        yield
    except (InvalidSignature, InvalidTag, ValueError, TypeError, LookupError, OSError, struct.error, zstandard.ZstdError) as error:
        raise Refused(f"{key}: {error if isinstance(error, ValueError) else repr(error)}") from error


def must(condition, what):
    if not condition:
        raise ValueError(what)


def short_id(key):
    return f"{key.split('/')[-1][:16]}-{key[-64:-56]}"


class Object:
    """A sealed object whose header, wraps, commits and structure are good (sections 3 and 4)."""

    def __init__(self, kind, data, recipients):
        length, footer = int.from_bytes(data[28:32], "big"), len(data) - (12 if kind == "pack" else 84)
        self.data, self.header, self.keys = data, data[:length], {}
        must(self.open_wraps(recipients) + 64 == length, "its header is not as long as it says")
        place, size = struct.unpack_from(">QI", data, footer)
        self.told = proto3.decode(f"{'Manifest' if kind == 'backup' else kind.title()}Structure", self.record(STRUCTURE, 0, place, size))
        self.places = [*itertools.accumulate(self.told["sealed_lengths"], initial=length)]
        must(self.places[-1] == place and place + size == footer, "its records do not lie end to end")

    def open_wraps(self, recipients):
        """Takes the keys out of every wrap for one of us; the place behind the last wrap (section 3)."""
        at, salt, ephemeral = 65, sha256(self.data[:64]).digest(), x25519.X25519PublicKey.from_public_bytes(self.data[32:64])
        for _ in range(self.data[64]):
            role, key_id = ROLES[self.data[at]], self.data[at + 1:at + 9]
            sealed = self.data[at + 9:at + (89 if role in ("restore", "escrow") else 57)]
            if (role, key_id) in recipients:
                exchange, recipient = recipients[role, key_id]
                wrapping = HKDF(hashes.SHA256(), 32, salt, b"varve/1 wrap" + recipient).derive(exchange(ephemeral))
                opened = AESGCM(wrapping).decrypt(bytes(12), sealed, None)
                keys = [opened[begin:begin + 32] for begin in range(0, len(opened), 32)]
                commits = b"".join(hmac.digest(key, b"varve/1 commit", "sha256") for key in keys)
                must(self.header[-64:].endswith(commits), "a wrap holds another key than the object is committed to")
                self.keys |= zip((STRUCTURE, CONTENT), reversed(keys))
            at += 9 + len(sealed)
        return at

    def record(self, part, number, at, size):
        """The plaintext of a record (section 4)."""
        must(part in self.keys, f"none of these keys opens its {'content' if part == CONTENT else 'structure'}")
        bound = struct.pack(">32sBQB", sha256(self.header).digest(), part, number, part == STRUCTURE)
        plain = AESGCM(self.keys[part]).decrypt(number.to_bytes(12, "big"), self.data[at:at + size], bound)
        codec, length = struct.unpack_from(">BI", plain)
        body = zstandard.ZstdDecompressor().decompress(plain[5:], length) if codec == 1 else plain[5:]
        must(codec <= 1 and len(body) == length, "a record is not coded as it says")
        return body

    def content(self, number):
        return self.record(CONTENT, number, self.places[number], self.told["sealed_lengths"][number])

    def log(self):
        """The bytes of a log object (section 7)."""
        frames = [self.content(number) for number in range(len(self.places) - 1)]
        ends = itertools.accumulate(map(len, frames), initial=self.told["from"])
        must([*ends] == [*self.told["frame_from"], self.told["to"]], "its frames do not lie end to end")
        return b"".join(frames)


class Backup:
    """A manifest, and the content that it leads to (section 6)."""

    def __init__(self, repository, key):
        self.repository, self.told, folder = repository, repository.open(key).told, key.split("/")[1]
        self.content = proto3.decode("ManifestContent", repository.open(key).content(0))
        self.packs = {use["name"][:8]: f"pack/{folder}/{use['folder']}/{use['name'].hex()}" for use in self.told["packs"]}
        repository.id_keys[folder] = self.content["id_key"]

    def plain(self, chunks, lengths):
        """The plaintexts of chunk entries, one by one (section 5)."""
        for (chunk_id, pack, offset, size), length in zip(struct.iter_unpack(">32s8sII", chunks), lengths, strict=True):
            with naming(self.packs[pack]):
                found = self.repository.open(self.packs[pack])
                number = found.places.index(offset)
                must(found.told["sealed_lengths"][number] == size, f"no chunk of {size} bytes at {offset}")
                plain = found.content(number)
                its_id = hmac.digest(self.content["id_key"], plain, "sha256")
                must(its_id == chunk_id and len(plain) == length, f"not chunk {chunk_id.hex()} of {length} bytes")
            yield plain

    def file(self, entry):
        """The content of a file, in pieces."""
        last, fixed = len(entry["chunks"]) // 48 - 1, entry["chunk_bytes"]
        lengths = [fixed] * last + [entry["size"] - fixed * last] if fixed and last >= 0 else entry["chunk_lengths"]
        must(sum(lengths) == entry["size"], "a file is not as long as its chunks")
        return self.plain(entry["chunks"], lengths)

    def entries(self):
        """The file list."""
        index = {"chunks": self.content["list_chunks"], "lengths": self.content["list_lengths"]}
        if self.content["list_levels"] == 2:
            index = proto3.decode("ListIndex", b"".join(self.plain(**index)))
        data = b"".join(self.plain(**index))
        found = [proto3.decode("FileEntry", message) for message in proto3.sequence(data, delimited=True)]
        must(len(data) == self.content["list_bytes"] and len(found) == self.told["files"], "its list is not as long as it says")
        must(all(a["path"] < b["path"] for a, b in itertools.pairwise(found)), "its list is not in order")
        return found


class Repository:
    """The objects in a directory, and the keys to read them with."""

    def __init__(self, directory, keys_file, sources):
        self.root, self.recipients, self.id_keys = pathlib.Path(directory), {}, {}
        with naming(keys_file):
            held = tomllib.loads(pathlib.Path(keys_file).read_text())
            must(held["format"] == 1, "not a keys file of format 1")
            self.id, keys = bytes.fromhex(held["repository"]), {role: bytes.fromhex(key) for role, key in held["keys"].items()}
            for role in keys.keys() & {"restore", "maintain", "escrow"}:
                private = x25519.X25519PrivateKey.from_private_bytes(keys[role])
                public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
                self.recipients[role, sha256(public).digest()[:8]] = private.exchange, public
        self.config = self.ruling_config()
        self.writers = {host["public_key"]: {*host["sources"]} for host in self.config["hosts"]}
        for source in {*sources}.union(*self.writers.values()) if "archive" in keys else ():
            own = HKDF(hashes.SHA256(), 32, self.id, f"varve/1 structure\0{source}".encode()).derive(keys["archive"])
            key_id = sha256(b"varve/1 key id" + own).digest()[:8]
            self.recipients["archive", key_id] = lambda _, own=own: own, key_id

    def list(self, *folders):
        """The keys below these folders (section 1)."""
        return [os.path.relpath(path, self.root) for top in folders for path in sorted((self.root / top).rglob("*")) if path.is_file()]

    def read(self, key):
        """An object's bytes, held against its name and its folder (sections 1 and 3)."""
        data = (self.root / key).read_bytes()
        must(sha256(data).hexdigest() == key[-64:], "its bytes are not those of its name")
        begin = struct.pack(">8sHBB16s", b"VARVE\r\n\x1a", 1, 1, TYPES[key.split("/")[0]], self.id)
        must(data.startswith(begin), "it does not begin like such an object of this repository")
        return data

    def signer_of(self, data, public_keys):
        """Which of these keys signed an object (section 4)."""
        signer = next((public for public in public_keys if sha256(public).digest()[:8] == data[-72:-64]), None)
        must(signer, "signed by nobody who may")
        ed25519.Ed25519PublicKey.from_public_bytes(signer).verify(data[-64:], sha256(data[:-64]).digest())
        return signer

    def ruling_config(self):
        """The configuration that the chain of signatures leads to; what is not in the chain is ignored (section 4)."""
        ruling = {"generation": 0}
        for key in self.list("config"):
            with naming(key):
                data = self.read(key)
                must(data[28:65] == struct.pack(">I33x", 65), "its header is not a config object's")
                config = proto3.decode("RepositoryConfig", data[65:-72])
            first = [public for public in config["admins"] if sha256(b"varve/1 repository" + public).digest()[:16] == self.id]
            with contextlib.suppress(ValueError, InvalidSignature):
                must(config["generation"] == int(key[7:15]) == ruling["generation"] + 1, "not the next one")
                self.signer_of(data, ruling.get("admins", first))
                ruling = config
        with naming("config/"):
            must("admins" in ruling, f"no generation 1 signed by the admin whose key gives {self.id.hex()}")
            must(ruling["format_version"] == ruling["suite"] == 1 and not ruling["features_to_read"], "it needs a newer reader")
        return ruling

    @functools.lru_cache(maxsize=16)
    def open(self, key):
        """A sealed object, signed by one who may (section 4)."""
        with naming(key):
            data, kind = self.read(key), key.split("/")[0]
            writers = self.writers | dict.fromkeys(self.config["admins"] if kind in ("note", "evidence") else [], {"*"})
            sources = kind == "pack" or writers[self.signer_of(data, writers)]
            found = Object(kind, data, self.recipients)
            must(kind == "pack" or sources & {"*", found.told["source"]}, "its signer may not write its source")
            return found

    def show(self, key, *_):
        """A line for a backup or a run of log."""
        told = self.open(key).told
        places = [told[field] for field in ("start_position", "stop_position", "from", "to") if field in told]
        times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(told[field] // 1_000_000))
                 for field in ("start_time", "stop_time", "expires", "last_commit", "stored") if field in told]
        lineage, marks = told["lineage"] or {"name": "", "parent": ""}, ["partial"] * told.get("partial", 0)
        print(key.split("/")[0], short_id(key), told["source"], lineage["name"], lineage["parent"], *places, *times, *marks, sep="\t")

    def restore(self, key, wanted, dest):
        """Writes the entries of the wanted backup below `dest` (section 6); symlinks come last, so that nothing is written through one."""
        if wanted not in (key, short_id(key)):
            return False
        backup, root = Backup(self, key), os.fsencode(dest) + b"/"
        entries = backup.entries()
        os.makedirs(dest, mode=0o700)
        for entry in sorted(entries, key=lambda entry: {HARDLINK: 1, SYMLINK: 2}.get(entry["kind"], 0)):
            kind, path = entry["kind"], root + entry["path"]
            must(b".." not in (entry["path"] + b"/" + entry["link_target"] * (kind == HARDLINK)).split(b"/"), "a path leads elsewhere")
            os.makedirs(path if kind == DIRECTORY else os.path.dirname(path), exist_ok=True)
            if kind == FILE:
                with open(path, "xb") as out:
                    out.writelines(backup.file(entry))
            elif kind == SYMLINK:
                os.symlink(entry["link_target"], path)
                os.utime(path, ns=(entry["mtime_ns"], entry["mtime_ns"]), follow_symlinks=False)
            elif kind == HARDLINK:
                os.link(root + entry["link_target"], path, follow_symlinks=False)
        for entry in reversed(entries):  # a directory after what lies in it
            if entry["kind"] in (FILE, DIRECTORY):
                os.chmod(root + entry["path"], entry["mode"])
                os.utime(root + entry["path"], ns=(entry["mtime_ns"], entry["mtime_ns"]))

    def log(self, key, source, lineage, dest):
        """Adds a log object to the stretches in `dest`; bytes that are there already are compared (section 7)."""
        told = self.open(key).told
        if (told["source"], told["lineage"]["name"]) != (source, lineage):
            return False
        os.makedirs(dest, mode=0o700, exist_ok=True)
        stretches = [(int(name, 16), os.path.getsize(f"{dest}/{name}")) for name in os.listdir(dest)]
        begin = max((begin for begin, size in stretches if begin + size >= told["from"]), default=told["from"])
        data = self.open(key).log()
        with open(f"{dest}/{begin:016x}", "a+b") as out:
            out.seek(told["from"] - begin)
            there = out.read(len(data))
            must(data.startswith(there), "other bytes than an object that it overlaps: the lineage has forked")
            out.write(data[len(there):])

    def verify(self, key, *_):
        """Checks an object down to each chunk, and a manifest's packs; manifests come before packs, whose id key they have (section 5)."""
        found, (kind, folder, *_) = self.open(key), key.split("/")
        if kind == "backup":
            backup = Backup(self, key)
            backup.entries()
            for pack in backup.packs.values():
                self.open(pack)
        elif kind == "log":
            found.log()
        for number in range(len(found.places) - 1 if kind == "pack" else 0):
            its_id = hmac.digest(self.id_keys.get(folder, b""), found.content(number), "sha256")
            must(folder not in self.id_keys or its_id == found.told["chunk_ids"][32 * number:][:32], f"chunk {number} is not its id's")


COMMANDS = {"list": (Repository.show, ["backup", "log"], range(99)), "restore": (Repository.restore, ["backup"], [2]),
            "log": (Repository.log, ["log"], [3]), "verify": (Repository.verify, ["backup", "evidence", "log", "note", "pack"], range(99))}


def main(directory, keys_file, name, *arguments):
    (command, folders, _), repository, done, status = COMMANDS[name], Repository(directory, keys_file, arguments), False, 0
    for key in repository.list(*folders):
        try:
            with naming(key):
                done |= command(repository, key, *arguments) is not False
        except Refused as refused:
            print(refused, file=sys.stderr)
            status = 1
    return status if status or done else "nothing there has this name"


if __name__ == "__main__":
    usable = len(sys.argv) > 3 and sys.argv[3] in COMMANDS and len(sys.argv) - 4 in COMMANDS[sys.argv[3]][2]
    sys.exit(main(*sys.argv[1:]) if usable else __doc__)
