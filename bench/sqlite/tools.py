"""What is compared, each with the same verbs: nothing at all, Litestream 0.3, and Varve's service.

How each tells what is restorable: Litestream by the files of its replica (a segment of the WAL is renamed into place when it is whole; what
is in it is read afterwards), Varve by the number that its control socket reports durable, asked when a new object of log has come.
Either way a commit counts from the time that the file carries which holds it."""
import json
import os
import pathlib
import pwd
import re
import socket
import subprocess
import sys
import threading
import time

from support import place
from support.varve import BINARY, Varve

from app import newest_mark
from measure import Cost, measured, stored

SOURCE = "shop/db"
ME = pwd.getpwuid(os.getuid()).pw_name
CHECK = 'import sqlite3, sys; sys.exit([("ok",)] != sqlite3.connect(sys.argv[1], uri=True).execute("PRAGMA integrity_check").fetchall())'


def used(pid):
    """CPU seconds of a process and of its children that ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def written(pid):
    """Bytes that a process caused to be written to a disk."""
    return int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text(), re.M)[1])


class Alone:
    name = "alone"

    def __init__(self, directory, database):
        self.directory, self.database, self.pid = directory, database, None

    def start(self):
        """Begins to replicate."""

    def has_snapshot(self):
        return True

    def settle(self, number):
        """Until the snapshot is all there is to do. `number`: the application's last transaction."""

    def arrivals(self):
        """What came into the replica: [(time, number of the newest transaction that is restorable since then)], oldest first."""
        return []

    def wait_for(self, number, seconds=300):
        """Until transaction `number` of the application is restorable."""
        place.wait_until(lambda: (lambda come: come and come[-1][1] >= number)(self.arrivals()), seconds, 0.05)

    def replica(self):
        return 0

    def stop(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Litestream(Alone):
    name = "litestream"

    def __init__(self, directory, database, binary):
        super().__init__(directory, database)
        self.binary, self.child, self.at, self.seen, self.come = binary, None, directory / "replica", {}, []
        self.config = directory / "litestream.yml"
        self.config.write_text(f"dbs:\n  - path: {database}\n    replicas:\n      - type: file\n        path: {self.at}\n        sync-interval: 1s\n")

    def start(self):
        with open(self.directory / "litestream.log", "ab") as log:
            self.child = subprocess.Popen([self.binary, "replicate", "-config", self.config], stdout=log, stderr=log)
        self.pid = self.child.pid

    def has_snapshot(self):
        if self.child.poll() is not None:
            raise SystemExit(f"litestream ended:\n{(self.directory / 'litestream.log').read_text()}")
        return any(self.at.glob("generations/*/snapshots/*.snapshot.lz4"))

    def settle(self, number):
        place.wait_until(lambda: any(self.at.glob("generations/*/wal/*.wal.lz4")), 30)

    def arrivals(self):
        import lz4.frame
        generations = list(self.at.glob("generations/*"))
        if len(generations) != 1:
            raise SystemExit(f"litestream began {len(generations)} generations: what it stored cannot be compared")
        for path in sorted(generations[0].glob("wal/*.wal.lz4")):  # by index and offset
            if path.name not in self.seen:
                self.seen[path.name] = newest_mark(lz4.frame.decompress(path.read_bytes()))
                newest = max(self.seen[path.name], self.come[-1][1] if self.come else 0)
                self.come.append((path.stat().st_mtime, newest))
        return self.come

    def replica(self):
        return stored(self.at)

    def restore(self, to):
        return measured([self.binary, "restore", "-config", self.config, "-o", to, self.database])

    def prove(self, database):
        return measured([sys.executable, "-c", CHECK, f"file:{database}?immutable=1"])

    def stop(self):
        if self.child is not None:
            self.child.terminate()
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
            self.child = None


class VarveTool(Alone):
    name = "varve"

    def __init__(self, directory, database):
        super().__init__(directory, database)
        self.varve = Varve(directory / "varve", user=ME, ship_interval="1s")
        self.varve.sources = [{"name": SOURCE, "driver": "sqlite", "path": database, "ship_interval": "1s"}]
        self.varve.write().init()
        self.come, self.before, self.done, self.thread, self.lock = [], None, threading.Event(), None, threading.Lock()

    def start(self):
        self.varve.serve(ready=False)
        self.pid = self.varve.child.pid

    def has_snapshot(self):
        if self.varve.child.poll() is not None:
            raise SystemExit(f"varve ended:\n{self.varve.log_text()}")
        return bool(self.varve.objects("backup"))

    def settle(self, number):
        """The log counts from where it began, the application from its first transaction."""
        self.before = place.wait_until(lambda: (lambda durable: durable is not None and (durable,))(self._durable()), 30)[0] - number
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _durable(self):
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(60)
            asked.connect(str(self.varve.directory / "varve.sock"))
            asked.sendall(b'{"schema":1,"command":"status","arguments":{}}\n')
            with asked.makefile() as lines:
                answer = json.loads(list(lines)[-1])["reply"]["result"]["sources"][0]
        position = ((answer["log"] or {}).get("durable") or {}).get("local", {}).get("position")
        return int(position.removeprefix("transaction ")) if position else None

    def _watch(self):
        """Asks once or twice for each object of log, not all the time: answering costs the service 2 ms of CPU."""
        known = set(self.varve.objects("log"))
        while not self.done.wait(0.01):
            fresh = [path for path in self.varve.objects("log") if path not in known]
            known.update(fresh)
            until = time.monotonic() + 0.5
            while fresh and not self.done.is_set() and time.monotonic() < until:
                if self._came(self._durable() - self.before, fresh):
                    break
                time.sleep(0.02)

    def _came(self, number, objects):
        with self.lock:
            if number <= (self.come[-1][1] if self.come else 0):
                return False
            self.come.append((max(path.stat().st_mtime for path in objects), number))
            return True

    def arrivals(self):
        with self.lock:
            return list(self.come)

    def wait_for(self, number, seconds=300):
        place.wait_until(lambda: self._durable() - self.before >= number, seconds, 0.05)
        self._came(number, self.varve.objects("log"))  # when the last two objects came at once

    def replica(self):
        return stored(self.varve.repository)

    def restore(self, to):
        return measured([BINARY, "restore", "run", SOURCE, "--to", to], cwd="/tmp", env={**os.environ, **self.varve.environment})

    def prove(self, database):
        return Cost(0, 0, 0)  # the restore has done it

    def stop(self):
        self.done.set()
        if self.thread is not None:
            self.thread.join()
            self.thread = None
        if self.varve.child is not None:
            self.varve.stop()

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            self.varve.kill()
