"""The program under test: a configuration, commands with --json, `serve` as a child."""
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess

from . import place

BINARY = pathlib.Path(os.environ.get("VARVE_BINARY", place.ROOT / "build/release/src/app/varve"))


@dataclasses.dataclass
class Answer:
    exit_code: int
    document: dict
    stderr: str

    @property
    def result(self):
        assert self.exit_code == 0, f"exit {self.exit_code}: {json.dumps(self.document.get('error', self.document), indent=1)}\n{self.stderr}"
        return self.document["result"]

    @property
    def error(self):
        return self.document.get("error", {})


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(str(value))


class Varve:
    """One host's Varve in a directory of its own. `user`: who runs it (default: the engine's user)."""

    def __init__(self, directory, user=None, binary=None, ship_interval="1s"):
        self.directory = place.make_dir(directory)
        self.user = user
        self.binary = binary or BINARY
        self.config = self.directory / "varve.toml"
        self.repository = self.directory / "repository"
        self.ship_interval = ship_interval
        self.repositories = [{"name": "local", "url": f"file://{self.repository}"}]
        self.sources = []
        self.notify = []
        self.sections = {}
        self.child = None
        self.log = self.directory / "serve.log"
        self.environment = {"VARVE_CONFIG": str(self.config), "HOME": str(self.directory)}

    # ------------------------------------------------------------------------------------------- configuration

    def source(self, name, cluster, **options):
        self.sources = [one for one in self.sources if one["name"] != name]
        self.sources.append({"name": name, "driver": "postgresql", "connection": cluster.conninfo(), "ship_interval": self.ship_interval,
                             "bin_dir": str(cluster.bin), **options})
        return self.write()

    def write(self):
        lines = [f'state_dir = "{self.directory}/state"', f'keys = "file:{self.directory}/varve.keys"']
        for kind, entries in (("repository", self.repositories), ("source", self.sources), ("notify", self.notify)):
            for entry in entries:
                lines += ["", f"[[{kind}]]"] + [f"{key} = {toml(value)}" for key, value in entry.items()]
        sections = {"service": {"socket": f"{self.directory}/varve.sock", "http": ""}, "schedule": {"backup": "daily 02:00"}, **self.sections}
        for name, entries in sections.items():
            lines += ["", f"[{name}]"] + [f"{key} = {toml(value)}" for key, value in entries.items()]
        self.config.write_text("\n".join(lines) + "\n")
        place.give(self.config, self.user)
        return self

    # ------------------------------------------------------------------------------------------------ commands

    def ask(self, *arguments, env=None, timeout=300, json_output=True):
        """One command to its end; what it answered and its exit code."""
        command = [str(self.binary), *map(str, arguments)] + (["--json"] if json_output else [])
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd="/tmp",
                              env={**os.environ, **self.environment, **(env or {})}, **place.as_user(self.user))
        document = {}
        if json_output and done.returncode >= 0:
            try:
                document = json.loads(done.stdout)
            except json.JSONDecodeError:
                raise AssertionError(f"{' '.join(command)}: exit {done.returncode}, not one JSON document: {done.stdout!r}\n{done.stderr}") from None
            assert document["schema"] == 1 and document["exit_code"] == done.returncode, document
        return Answer(done.returncode, document, done.stderr)

    def do(self, *arguments, **options):
        """A command that must succeed; its result."""
        return self.ask(*arguments, **options).result

    def refused(self, *arguments, code, exit_code, **options):
        """A command that must fail with this code word and exit code, a message and a remedy."""
        answer = self.ask(*arguments, **options)
        assert answer.exit_code == exit_code, f"exit {answer.exit_code}, expected {exit_code}: {answer.document}\n{answer.stderr}"
        assert code is None or answer.error.get("code") == code, answer.error
        assert answer.error.get("message"), answer.document
        return answer.error

    def init(self, *arguments):
        return self.do("init", *arguments)

    def backup(self, source="pg/main", *arguments, **options):
        return self.do("backup", "run", source, *arguments, **options)["backups"][0]

    def restore(self, to, *target, source="pg/main", **options):
        return self.do("restore", "run", source, "--to", to, *target, **options)

    def status(self, source="pg/main"):
        """What status says: not green is exit 20, and still a whole answer."""
        answer = self.ask("status")
        assert answer.exit_code in (0, 20), f"{answer.document}\n{answer.stderr}"
        return next(one for one in answer.document["result"]["sources"] if one["name"] == source)

    def durable(self, source="pg/main", repository="local"):
        """The newest position that is durable in the repository, as the engine prints it; None before the first."""
        log = self.status(source).get("log") or {}
        return (log.get("durable") or {}).get(repository, {}).get("position")

    # ------------------------------------------------------------------------------------------------- service

    def serve(self, *, ready=True, env=None):
        """The service as a child; with `ready`, until it said READY=1 (sd_notify)."""
        assert self.child is None
        address = self.directory / "notify"
        with contextlib.suppress(FileNotFoundError):
            address.unlink()
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(address))
        address.chmod(0o777)
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([str(self.binary), "serve"], stdout=out, stderr=out, cwd="/tmp",
                                          env={**os.environ, **self.environment, "NOTIFY_SOCKET": str(address), **(env or {})},
                                          **place.as_user(self.user))
        try:
            notify.settimeout(0.2)

            def said_ready():
                if self.child.poll() is not None:
                    raise AssertionError(f"serve ended with {self.child.returncode}:\n{self.log_text()}")
                with contextlib.suppress(socket.timeout):
                    return b"READY=1" in notify.recv(4096)
            if ready:
                place.wait_until(said_ready, 30, 0)
        finally:
            notify.close()
        return self

    def log_text(self, lines=60):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def stop(self, timeout=30):
        """SIGTERM; gives the exit code."""
        if self.child is None:
            return None
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"serve had not ended {timeout} s after SIGTERM:\n{self.log_text()}") from None
        finally:
            self.child = None

    def kill(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def wait_durable(self, position, source="pg/main", repository="local", seconds=60):
        """Until the repository holds the log up to `position` (a number)."""
        from .cluster import lsn_number

        def far_enough():
            now = self.durable(source, repository)
            return now and lsn_number(now) >= position and now
        try:
            return place.wait_until(far_enough, seconds, 0.1)
        except place.TookTooLong:
            raise AssertionError(f"durable is {self.durable(source, repository)}, wanted {position >> 32:X}/{position & 0xFFFFFFFF:X}\n{self.log_text()}") from None

    def objects(self, kind=""):
        """The files of the repository below `kind` (pack, backup, log, …)."""
        return sorted(path for path in (self.repository / kind).rglob("*") if path.is_file() and "tmp" not in path.relative_to(self.repository).parts[:1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
