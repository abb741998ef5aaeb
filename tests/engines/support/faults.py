"""File systems that are full, read-only or do not answer: a loop mount of its own, root only."""
import contextlib
import os
import subprocess

import pytest

from . import place


class Mount:
    """An ext4 of `mib` mounted at `directory`, given to the engine's user."""

    def __init__(self, directory, mib=256):
        if os.getuid() != 0:
            pytest.skip("mounting a file system needs root")
        self.directory, self.image, self.frozen = place.make_dir(directory), f"{directory}.img", False
        with open(self.image, "wb") as image:
            image.truncate(mib << 20)
        place.run(["mkfs.ext4", "-q", "-F", "-m", "0", self.image], user="root")
        done = place.run(["mount", "-o", "loop", self.image, self.directory], user="root", check=False)
        if done.returncode != 0:
            pytest.skip(f"no loop mounts here: {done.stderr.strip()}")
        place.give(self.directory)

    def hang(self):
        """Every write waits until answer()."""
        place.run(["fsfreeze", "-f", self.directory], user="root")
        self.frozen = True

    def answer(self):
        if self.frozen:
            place.run(["fsfreeze", "-u", self.directory], user="root")
            self.frozen = False

    def read_only(self, on):
        place.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", self.directory], user="root")

    def fill(self):
        """Nothing more fits."""
        with contextlib.suppress(OSError), open(self.directory / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(1 << 20))
        with contextlib.suppress(OSError), open(self.directory / "filler2", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(512))

    def empty(self):
        for name in ("filler", "filler2"):
            (self.directory / name).unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.answer()
        for _ in range(50):
            if subprocess.run(["umount", str(self.directory)], capture_output=True).returncode == 0:
                break
            subprocess.run(["sleep", "0.1"])
        else:
            subprocess.run(["umount", "-l", str(self.directory)])
        os.unlink(self.image)


class Unwritable:
    """A directory tree in which our own user may not write: inside the block."""

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        self.modes = {}
        for path in [self.directory, *(p for p in self.directory.rglob("*") if p.is_dir())]:
            self.modes[path] = path.stat().st_mode & 0o7777
            path.chmod(0o500)
        return self

    def __exit__(self, *_):
        for path, mode in self.modes.items():
            with contextlib.suppress(FileNotFoundError):
                path.chmod(mode)
