"""A private MariaDB or MySQL: its own directory, socket and port; always stopped through its own process."""
import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pymysql
import pytest

from . import place
from .cluster import alive

FLAVOURS = ["mariadb", "mysql"]

COMMON = {
    "bind-address": "127.0.0.1", "log-bin": "binlog", "binlog-format": "ROW", "sync-binlog": 1, "innodb-flush-log-at-trx-commit": 1,
    "max-binlog-size": "64M", "innodb-buffer-pool-size": "32M", "max-connections": 60,
}
ONLY = {
    "mariadb": {"binlog-checksum": "CRC32", "binlog-row-image": "FULL", "expire-logs-days": 10, "innodb-log-file-size": "32M"},
    "mysql": {"mysqlx": 0, "secure-file-priv": "", "gtid-mode": "ON", "enforce-gtid-consistency": "ON", "binlog-rows-query-log-events": "ON",
              "innodb-redo-log-capacity": "64M", "performance-schema": "ON"},
}

# What README.md of the driver asks for.
GRANTS = {
    "mariadb": ["REPLICATION SLAVE, BINLOG MONITOR, SLAVE MONITOR, RELOAD, PROCESS, SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES"],
    "mysql": ["REPLICATION SLAVE, REPLICATION CLIENT, RELOAD, PROCESS, SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, SHOW_ROUTINE, BACKUP_ADMIN, XA_RECOVER_ADMIN"],
}


@functools.cache
def mysql9_home():
    """Where scripts/mysql9 put it, at a place that the engine's user may search; a test that needs it is skipped without."""
    home = place.ROOT / "build/engines/mysql9"
    if not (home / "bin/mysqld").exists():
        return None
    if place.run(["test", "-x", home / "bin/mysqld"], check=False).returncode == 0:
        return home
    copy = place.new_base()
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(home, copy / "mysql9", symlinks=True)
    return copy / "mysql9"


def need(flavour):
    """Skips the test, with the reason, where that server is not to be had."""
    if flavour == "mysql" and mysql9_home() is None:
        pytest.skip("no MySQL 9 here: run scripts/mysql9 (it needs root and debootstrap)")
    if flavour == "mariadb" and shutil.which("mariadbd") is None:
        pytest.skip("no MariaDB here: scripts/deps installs mariadb-server")


def server_command(flavour):
    if flavour == "mariadb":
        return [shutil.which("mariadbd"), "--no-defaults"]
    home = mysql9_home()
    return [home / "bin/mysqld", "--no-defaults", f"--basedir={home}/usr", f"--lc-messages-dir={home}/usr/share/mysql",
            f"--character-sets-dir={home}/usr/share/mysql/charsets", f"--plugin-dir={home}/usr/lib/mysql/plugin"]


@functools.cache
def fresh_data(flavour):
    """A data directory as it is installed: made once, copied for each server, which gives itself a name of its own."""
    home = place.new_base()
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    temporary = {"TMPDIR": str(place.make_dir(home / "tmp"))}
    data = place.make_dir(home / "data")
    if flavour == "mariadb":
        place.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                   "--skip-test-db", "--skip-name-resolve"], timeout=180, env=temporary)
    else:
        place.run([*server_command(flavour), "--initialize-insecure", f"--datadir={data}"], timeout=300, env=temporary)
        (data / "auto.cnf").unlink(missing_ok=True)
    return data


class PrivateMysql:
    """One server. `flavour`: "mariadb" (the distribution's) or "mysql" (9.x). Use it as a context manager, or call stop()."""

    def __init__(self, directory, flavour="mariadb", data=None):
        need(flavour)
        self.directory = place.make_dir(directory)
        self.flavour = flavour
        self.data = pathlib.Path(data) if data else self.directory / "data"
        # A socket's path may have 107 bytes: not below the test's own long name.
        self.sockets = place.make_dir(tempfile.mkdtemp(prefix="varve-m", dir="/tmp"), mode=0o755)
        self.socket = self.sockets / "mysql.sock"
        # Two servers that are made at once must not share one: their temporary tables have the same names.
        self.temporary = {"TMPDIR": str(place.make_dir(self.directory / "tmp"))}
        self.port = place.free_port()
        self.log = self.directory / "server.log"
        self.settings = {}
        self.child = None

    # ------------------------------------------------------------------------------------------------ life

    @property
    def bin(self):
        """The directory of the server's own programs."""
        return mysql9_home() / "bin" if self.flavour == "mysql" else pathlib.Path("/usr/bin")

    def program(self, name):
        """"dump", "binlog", "" (the client): as this flavour calls it."""
        base = "mysql" if self.flavour == "mysql" else "mariadb"
        separator = "" if self.flavour == "mysql" or not name else "-"
        return self.bin / f"{base}{separator}{name}"

    def create(self, settings=None):
        """A data directory with the users root (no password, this machine) and varve."""
        self.settings = {**COMMON, **ONLY[self.flavour], "server-id": 1 + self.port % 30000, **(settings or {})}
        place.run(["cp", "-a", fresh_data(self.flavour), self.data])
        return self

    def configure(self, **settings):
        """For the next start; underscores stand for dashes, None takes one out."""
        for name, value in settings.items():
            self.settings[name.replace("_", "-")] = value
        return self

    def start(self, wait=True, timeout=180, extra=()):
        options = [f"--{name}={value}" if value != "" else f"--{name}=" for name, value in self.settings.items() if value is not None]
        arguments = [*server_command(self.flavour), f"--datadir={self.data}", f"--socket={self.socket}", f"--port={self.port}",
                     f"--pid-file={self.directory}/server.pid", *options, *extra]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([str(part) for part in arguments], stdout=log, stderr=log, cwd="/tmp", env={**os.environ, **self.temporary}, **place.as_user())
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=180):
        def answers():
            """the server takes connections"""
            if self.child.poll() is not None:
                raise AssertionError(f"the server ended with {self.child.returncode}:\n{self.log_text()}")
            with contextlib.suppress(pymysql.Error, OSError):
                return self.value("SELECT 1")
        place.wait_until(answers, timeout, 0.05)
        return self

    def running(self):
        return self.child is not None and self.child.poll() is None

    def stop(self, timeout=60):
        """A clean shutdown. A server that does not stop is killed and the test fails."""
        if not self.running():
            self.child = None
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server had not stopped after {timeout} s:\n{self.log_text()}") from None
        self.child = None

    def kill(self):
        """kill -9."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def restart(self):
        self.stop()
        return self.start()

    def pid(self):
        return self.child.pid if self.running() and alive(self.child.pid) else None

    def log_text(self, lines=60):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.sockets, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------- SQL

    def connect(self, user="root", database=None, **options):
        return pymysql.connect(unix_socket=str(self.socket), user=user, database=database, autocommit=True, charset="utf8mb4", **options)

    def execute(self, *statements, database=None):
        with contextlib.closing(self.connect(database=database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, sql, arguments=None, database=None):
        with contextlib.closing(self.connect(database=database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return list(cursor.fetchall())

    def value(self, sql, arguments=None, database=None):
        rows = self.rows(sql, arguments, database)
        return rows[0][0] if rows else None

    def create_user(self, user="varve", password="secret"):
        """The user that Varve connects as, with the rights its README names; the file with its password."""
        self.execute(f"CREATE USER IF NOT EXISTS '{user}'@'localhost' IDENTIFIED BY '{password}'", f"CREATE USER IF NOT EXISTS '{user}'@'127.0.0.1' IDENTIFIED BY '{password}'")
        for host in ("localhost", "127.0.0.1"):
            for rights in GRANTS[self.flavour]:
                self.execute(f"GRANT {rights} ON *.* TO '{user}'@'{host}'")
        secret = self.directory / f"{user}.pass"
        secret.write_text(password + "\n")
        secret.chmod(0o644)
        place.give(secret)
        return secret

    def source(self, tcp=True, **options):
        """What [[source]] needs to find this server: for Varve.sources."""
        where = f"mysql://varve@127.0.0.1:{self.port}" if tcp else f"mysql://varve@localhost?socket={self.socket}"
        return {"driver": "mysql", "connection": where, "password": f"file:{self.directory}/varve.pass", "bin_dir": str(self.bin), **options}

    # ----------------------------------------------------------------------------------------------- binlog

    def position(self):
        """(file, offset) of the end of the log."""
        statement = "SHOW BINARY LOG STATUS" if self.flavour == "mysql" else "SHOW MASTER STATUS"
        return self.rows(statement)[0][:2]

    def binlogs(self):
        """The names of the log's files, in order."""
        return [row[0] for row in self.rows("SHOW BINARY LOGS")]

    def binlog_bytes(self, name):
        return (self.data / name).read_bytes()

    def flush_logs(self):
        self.execute("FLUSH BINARY LOGS")
        return self.position()[0]

    def reset(self):
        """Every file goes, and counting begins anew."""
        self.execute("RESET BINARY LOGS AND GTIDS" if self.flavour == "mysql" else "RESET MASTER")

    def purge_to(self, name):
        """A file is kept for as long as the server has not noticed that its reader is gone."""
        place.wait_until(lambda: self.execute(f"PURGE BINARY LOGS TO '{name}'") or self.binlogs()[0] == name, 60)

    def gtid_state(self):
        """What was committed, as this flavour says it."""
        return self.value("SELECT @@GLOBAL.gtid_executed" if self.flavour == "mysql" else "SELECT @@GLOBAL.gtid_binlog_state").replace("\n", "")

    def follow(self, other, start=True):
        """Becomes a replica of `other`, by GTID, from the beginning of its log."""
        other.execute("CREATE USER IF NOT EXISTS 'replica'@'127.0.0.1' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'replica'@'127.0.0.1'")
        if self.flavour == "mysql":
            self.execute(f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={other.port}, SOURCE_USER='replica', SOURCE_PASSWORD='secret',"
                         " SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1", "START REPLICA")
        else:
            self.execute(f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={other.port}, MASTER_USER='replica', MASTER_PASSWORD='secret',"
                         " MASTER_USE_GTID=slave_pos", "START SLAVE")
        return self

    def stop_following(self):
        self.execute(*(["STOP REPLICA", "RESET REPLICA ALL"] if self.flavour == "mysql" else ["STOP SLAVE", "RESET SLAVE ALL"]))

    def wait_replicated(self, other, seconds=60):
        """Until everything that `other` has committed is here."""
        wanted = other.value("SELECT @@GLOBAL.gtid_executed" if self.flavour == "mysql" else "SELECT @@GLOBAL.gtid_binlog_pos")
        sql = "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s) = 0" if self.flavour == "mysql" else "SELECT MASTER_GTID_WAIT(%s, %s) = 0"
        assert self.value(sql, (wanted, seconds)), f"the replica did not reach {wanted}"


def wait_for(server, sql, expected, seconds=30):
    place.wait_until(lambda: server.value(sql) == expected, seconds)


def now():
    return time.time()
