"""A cluster as Debian makes it: configuration in a directory of its own, outside the data directory."""
import os
import pathlib

from . import place
from .cluster import SETTINGS, PrivateCluster, debian_bin


class DebianCluster(PrivateCluster):
    """pg_createcluster with its configuration in /etc/postgresql; removed with pg_dropcluster. Root only. Not started at boot."""

    def __init__(self, directory):
        super().__init__(directory)
        self.major = debian_bin().parent.name
        self.name = f"varvetest{os.getpid()}x{place.free_port()}"
        self.etc = pathlib.Path("/etc/postgresql") / self.major / self.name

    def create(self, settings=None):
        place.run(["pg_createcluster", "--user=postgres", f"--port={self.port}", f"--datadir={self.data}", f"--socketdir={self.sockets}",
                   f"--logfile={self.log}", "--start-conf=manual", self.major, self.name, "--", "--no-sync", "-A", "trust", "--data-checksums"],
                  user="root")
        with open(self.etc / "postgresql.conf", "a") as out:
            for name, value in {**SETTINGS, **(settings or {})}.items():
                out.write(f"{name} = '{value}'\n")
        return self

    def start(self, wait=True, timeout=60, options=""):
        return super().start(wait, timeout, f"-c config_file={self.etc}/postgresql.conf {options}")

    def __exit__(self, *details):
        super().__exit__(*details)
        place.run(["pg_dropcluster", self.major, self.name], user="root", check=False)
