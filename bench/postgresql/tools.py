"""The two programs that are compared, each with the same verbs: first(), again(), restore(DIR), delta(DIR), archiving."""
import os
import re
import shutil
import subprocess
import time

from support import place
from support.cluster import lsn_number
from support.varve import BINARY, Varve

from measure import Cost, Watch, measured, stored


class VarveTool:
    name = "varve"

    def __init__(self, directory, cluster):
        self.directory, self.cluster, self.round = place.make_dir(directory), cluster, 0
        self.version = subprocess.run([BINARY, "version"], capture_output=True, text=True).stdout.splitlines()[0]

    def fresh(self):
        """An empty repository."""
        self.round += 1
        self.varve = Varve(self.directory / f"round{self.round}", binary=BINARY, ship_interval="10s")
        self.varve.source("bench", self.cluster)
        self.varve.init()

    def _run(self, *arguments):
        return measured([BINARY, *arguments], cwd="/tmp", env={**os.environ, **self.varve.environment}, **place.as_user())

    def backup(self, kind):
        return self._run("backup", "run", "bench")

    def restore(self, to, delta=False):
        backups = self.varve.do("backup", "list", "bench")["backups"]
        return self._run("restore", "run", "bench", "--to", to, "--backup", backups[0]["id"], *(["--delta"] if delta else []))

    def stored(self):
        return stored(self.varve.repository)

    def archive(self, load):
        """Runs `load` while the log is shipped; until all of it is durable. Gives (cost, WAL bytes, transactions per second)."""
        self.cluster.execute("ALTER SYSTEM SET archive_command = '/bin/true'", "SELECT pg_reload_conf()")
        self.varve.serve()
        try:
            # The base that a new log asks for is not what is measured.
            place.wait_until(lambda: self.varve.status("bench")["state"] == "ok", 120)
            watch = Watch(self.varve.child.pid)
            before, began = lsn_number(self.cluster.lsn()), time.monotonic()
            rate = load()
            end = lsn_number(self.cluster.lsn())
            self.varve.do("log", "follow", "bench", "--until-caught-up")
            seconds = time.monotonic() - began
            used = open(f"/proc/{self.varve.child.pid}/stat").read().rsplit(")", 1)[1].split()
            cpu = (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
            memory = watch.stop()
        finally:
            self.varve.stop()
        self.cluster.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
        return Cost(seconds, cpu, memory), end - before, rate

    def drop(self):
        shutil.rmtree(self.varve.directory, ignore_errors=True)


class PgBackRest:
    """archive-async is left off: with 2.45 it waits for its own timeouts on a busy machine and comes out slower."""
    name = "pgbackrest"

    def __init__(self, directory, cluster, cores):
        self.directory, self.cluster, self.cores, self.round = place.make_dir(directory), cluster, cores, 0
        self.version = subprocess.run(["pgbackrest", "version"], capture_output=True, text=True).stdout.strip()
        numbers = [int(part) for part in re.findall(r"\d+", self.version)[:2]]
        self.extra = (["repo1-bundle=y"] if numbers >= [2, 39] else []) + (["repo1-block=y"] if numbers >= [2, 46] else [])

    def fresh(self):
        self.round += 1
        self.home = place.make_dir(self.directory / f"round{self.round}")
        for name in ("repo", "log", "lock", "spool"):
            place.make_dir(self.home / name)
        self.config = self.home / "pgbackrest.conf"
        self.config.write_text("\n".join([
            "[global]", f"repo1-path={self.home}/repo", f"log-path={self.home}/log", f"lock-path={self.home}/lock", f"spool-path={self.home}/spool",
            f"process-max={self.cores}", "compress-type=zst", "compress-level=3", "repo1-cipher-type=aes-256-cbc", "repo1-cipher-pass=benchmark",
            "repo1-retention-full=9", "start-fast=y", "log-level-console=warn", *self.extra,
            "[bench]", f"pg1-path={self.cluster.data}", f"pg1-port={self.cluster.port}", f"pg1-socket-path={self.cluster.sockets}", "pg1-user=postgres", ""]))
        place.give(self.config)
        self._run("stanza-create")
        self.cluster.execute(f"ALTER SYSTEM SET archive_command = 'pgbackrest --config={self.config} --stanza=bench archive-push %p'",
                             "SELECT pg_reload_conf()")

    def _run(self, *arguments):
        return measured(["pgbackrest", f"--config={self.config}", "--stanza=bench", *arguments], cwd="/tmp", **place.as_user())

    def backup(self, kind):
        return self._run("backup", f"--type={kind}")

    def restore(self, to, delta=False):
        place.make_dir(to)
        return self._run("restore", f"--pg1-path={to}", "--type=immediate", *(["--delta"] if delta else []))

    def stored(self):
        return stored(self.home / "repo" / "backup")

    def archive(self, load):
        before, began = lsn_number(self.cluster.lsn()), time.monotonic()
        rate = load()
        segment = self.cluster.value("SELECT pg_walfile_name(pg_switch_wal())")
        end = lsn_number(self.cluster.lsn())
        place.wait_until(lambda: self.cluster.value("SELECT coalesce(last_archived_wal, '') >= %s FROM pg_stat_archiver", (segment,)), 300)
        return Cost(time.monotonic() - began, float("nan"), float("nan")), end - before, rate  # its processes are children of the server

    def drop(self):
        self.cluster.execute("ALTER SYSTEM SET archive_command = '/bin/true'", "SELECT pg_reload_conf()")
        shutil.rmtree(self.home, ignore_errors=True)
