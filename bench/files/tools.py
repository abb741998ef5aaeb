"""The programs that are compared, each with the same verbs: fresh(), backup(), restore(DIR), stored(), drop().

All encrypt, all compress with zstd at level 2 or 3: `--compression zstd,3` of borg; restic's `--compression auto` is the default level of its own
library, which that describes as about level 3; Varve's default is 2."""
import os
import pathlib
import pwd
import shutil
import subprocess

from support.varve import BINARY, Varve

from measure import measured, stored

ME = pwd.getpwuid(os.getuid()).pw_name


class Tool:
    """`home` is made anew by fresh(): the repository, keys and caches of one round."""

    def __init__(self, home, tree):
        self.home, self.tree = pathlib.Path(home), tree

    def fresh(self):
        self.drop()
        self.home.mkdir(parents=True)
        self.init()

    def stored(self):
        return stored(self.home / "repository")

    def drop(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, *command, cwd=None):
        return measured(command, cwd=cwd or self.tree, env={**os.environ, **self.environment()})


class VarveTool(Tool):
    name = "varve"

    @staticmethod
    def version():
        return subprocess.run([BINARY, "version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]

    def init(self):
        self.varve = Varve(self.home, user=ME)
        self.varve.sources = [{"name": "tree", "driver": "files", "kind": "data", "paths": [str(self.tree)]}]
        self.varve.write().init()

    def environment(self):
        return self.varve.environment

    def backup(self):
        return self.run(BINARY, "backup", "run", "tree")

    def restore(self, to):
        return self.run(BINARY, "restore", "run", "tree", "--to", to)


class Restic(Tool):
    name = "restic"

    @staticmethod
    def version():
        return " ".join(subprocess.run(["restic", "version"], capture_output=True, text=True, check=True).stdout.split()[:2])

    def environment(self):
        return {"RESTIC_REPOSITORY": str(self.home / "repository"), "RESTIC_PASSWORD": "benchmark", "RESTIC_CACHE_DIR": str(self.home / "cache"),
                "HOME": str(self.home)}

    def init(self):
        self.run("restic", "init", "--quiet", "--repository-version", "2")

    def backup(self):
        return self.run("restic", "backup", "--quiet", "--compression", "auto", ".")

    def restore(self, to):
        return self.run("restic", "restore", "--quiet", "latest", "--target", to)


class Borg(Tool):
    name = "borg"

    @staticmethod
    def version():
        return subprocess.run(["borg", "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def environment(self):
        return {"BORG_REPO": str(self.home / "repository"), "BORG_PASSPHRASE": "benchmark", "BORG_BASE_DIR": str(self.home), "HOME": str(self.home)}

    def init(self):
        self.number = 0
        self.run("borg", "init", "--encryption", "repokey-blake2")

    def backup(self):
        self.number += 1
        return self.run("borg", "create", "--compression", "zstd,3", f"::{self.number}", ".")

    def restore(self, to):
        to.mkdir()
        return self.run("borg", "extract", f"::{self.number}", cwd=to)


TOOLS = {tool.name: tool for tool in (VarveTool, Restic, Borg)}
