"""A private PostgreSQL: its own directory, socket, port and user; always stopped through its own process."""
import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import tempfile
import time

import psycopg2

from . import place

SETTINGS = {
    "listen_addresses": "", "max_wal_senders": 8, "max_replication_slots": 8, "wal_level": "replica", "track_commit_timestamp": "on",
    "max_prepared_transactions": 8, "shared_buffers": "32MB", "max_connections": 40, "wal_keep_size": "1GB", "logging_collector": "off",
    "log_min_messages": "info", "autovacuum_naptime": "5s", "log_line_prefix": "%m [%p] ", "timezone": "UTC", "max_wal_size": "512MB",
}


def debian_bin():
    """The newest PostgreSQL of the distribution."""
    versions = [p for p in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (p / "postgres").exists()]
    return max(versions, key=lambda p: int(p.parent.name))


@functools.cache
def postgresql18_bin():
    """Where its user may run it: a checkout below /root is shut to everybody else, and then a copy is made for this process."""
    home = place.ROOT / "build/engines/postgresql18"
    if place.run(["test", "-x", home / "bin/initdb"], check=False).returncode == 0:
        return home / "bin"
    copy = place.new_base()
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(home, copy / "postgresql18", symlinks=True)
    return copy / "postgresql18/bin"


def binaries(version):
    """The directory of initdb, pg_ctl and postgres: "debian" or 18."""
    return postgresql18_bin() if version == 18 else debian_bin()


class PrivateCluster:
    """One server. `version`: "debian" or 18. Use it as a context manager, or call stop()."""

    def __init__(self, directory, version="debian", data=None):
        self.directory = place.make_dir(directory)
        self.version = version
        self.bin = binaries(version)
        self.tools = debian_bin()
        self.data = pathlib.Path(data) if data else self.directory / "data"
        # A socket's path may have 107 bytes: not below the test's own long name.
        self.sockets = place.make_dir(tempfile.mkdtemp(prefix="varve-s", dir="/tmp"))
        self.port = place.free_port()
        self.log = self.directory / "server.log"
        self.pid = None
        self.log_from = 0

    # ------------------------------------------------------------------------------------------------ life

    def create(self, segment_mib=16, checksums=True, settings=None):
        """initdb with settings that fit a test."""
        arguments = [self.bin / "initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync", "--no-instructions",
                     "--locale=C", "-E", "UTF8", f"--wal-segsize={segment_mib}"]
        if checksums:
            arguments.append("--data-checksums")
        place.run(arguments)
        self.configure({**SETTINGS, "max_wal_size": f"{max(512, 8 * segment_mib)}MB", **(settings or {})})
        return self

    def configure(self, settings, file="postgresql.conf"):
        with open(self.data / file, "a") as out:
            for name, value in settings.items():
                out.write(f"{name} = '{value}'\n")

    def start(self, wait=True, timeout=60, options=""):
        """Starts the server; with `wait`, until it takes connections (a hot standby does too)."""
        # What an earlier start said is not this one's.
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        arguments = [self.bin / "pg_ctl", "start", "-D", self.data, "-l", self.log, "-t", str(timeout), "-w" if wait else "-W",
                     "-o", f"-p {self.port} -c unix_socket_directories={self.sockets} -c listen_addresses='' {options}"]
        done = place.run(arguments, check=False, timeout=timeout + 10)
        self.pid = self._pid()
        if wait and done.returncode != 0:
            raise AssertionError(f"the server did not start: {done.stdout}{done.stderr}\n{self.log_text()}")
        return self

    def _pid(self):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        return None

    def stop(self, mode="fast", timeout=60):
        """Gives the seconds it took. A server that does not stop is killed and the test fails."""
        self.pid = self._pid() or self.pid
        if not self.pid or not alive(self.pid):
            self.pid = None
            return 0.0
        began = time.monotonic()
        os.kill(self.pid, {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        try:
            place.wait_until(lambda: not alive(self.pid), timeout, 0.02)
        except place.TookTooLong:
            self.kill()
            raise AssertionError(f"pg_ctl stop -m {mode} had not ended after {timeout} s") from None
        self.pid = None
        return time.monotonic() - began

    def kill(self):
        """kill -9 of the postmaster and all its children, at once."""
        self.pid = self._pid() or self.pid
        if not self.pid:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)  # no new children while we look
        children = children_of(self.pid)
        for pid in [self.pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        place.wait_until(lambda: not any(alive(pid) for pid in [self.pid, *children]), 20, 0.01)
        # A killed process may stay as a zombie, which PostgreSQL takes for a running server when it finds its number in a lock.
        for lock in (self.data / "postmaster.pid", self.sockets / f".s.PGSQL.{self.port}.lock"):
            with contextlib.suppress(FileNotFoundError):
                lock.unlink()
        self.pid = None

    def restart(self, **options):
        self.stop()
        return self.start(**options)

    def running(self):
        self.pid = self._pid()
        return bool(self.pid) and alive(self.pid)

    def wait_promoted(self, seconds=120):
        """Until recovery has ended; a server that gave up fails the test with what it logged."""
        def open_for_writing():
            if not self.running():
                raise AssertionError(f"the server stopped during recovery:\n{self.log_text()}")
            with contextlib.suppress(psycopg2.OperationalError):
                return not self.value("SELECT pg_is_in_recovery()")
        place.wait_until(open_for_writing, seconds, 0.05)
        return self

    def wait_stopped(self, seconds=60):
        place.wait_until(lambda: not self.running(), seconds)

    def log_text(self, lines=60):
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as log:
            log.seek(self.log_from)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def remove(self):
        self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.kill()
        shutil.rmtree(self.sockets, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------- SQL

    def conninfo(self, database="postgres", user="postgres"):
        return f"host={self.sockets} port={self.port} user={user} dbname={database}"

    def connect(self, database="postgres", autocommit=True, **options):
        connection = psycopg2.connect(self.conninfo(database), **options)
        connection.autocommit = autocommit
        return connection

    def rows(self, sql, parameters=None, database="postgres"):
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, parameters=None, database="postgres"):
        found = self.rows(sql, parameters, database)
        return found[0][0] if found else None

    def execute(self, *statements, database="postgres"):
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def lsn(self):
        return self.value("SELECT pg_current_wal_lsn()")

    def system_identifier(self):
        return str(self.value("SELECT system_identifier FROM pg_control_system()"))

    def dump(self, database=None):
        """pg_dumpall of the globals and all databases, without what differs between servers; only for the distribution's version."""
        command = [self.tools / "pg_dump", "-d", self.conninfo(database)] if database else [
            self.tools / "pg_dumpall", "-d", self.conninfo()]
        text = place.run(command, timeout=300).stdout
        return "\n".join(line for line in text.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict")))

    def amcheck(self, database="postgres"):
        """pg_amcheck of the distribution over every table and index; it speaks to newer servers too."""
        self.execute("CREATE EXTENSION IF NOT EXISTS amcheck", database=database)
        done = place.run([self.tools / "pg_amcheck", "--heapallindexed", "-h", self.sockets, "-p", self.port, "-U", "postgres",
                          "-d", database],
                         timeout=300, check=False)
        assert done.returncode == 0, f"pg_amcheck: {done.stdout}\n{done.stderr}"


def alive(pid):
    """Whether the process runs; a zombie that waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    """The direct children of a process."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry.name))
    return found


def lsn_number(text):
    """`0/3000060` as a number."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(number):
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"
