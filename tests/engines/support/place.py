"""Where a test run lives: its directory, the user that engines run as, the binaries under test."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCALE = float(os.environ.get("VARVE_TEST_SCALE", "1"))


def scaled(rounds):
    """How often a random test repeats: `rounds`, times VARVE_TEST_SCALE, at least once."""
    return max(1, round(rounds * SCALE))


def engine_user():
    """PostgreSQL refuses to run as root: then everything runs as postgres. Else as whoever we are."""
    return "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


def as_user(user=None):
    """The arguments of subprocess that run a child as `user` (default: engine_user())."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(user or engine_user())
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(entry.pw_name, entry.pw_gid)}


def make_dir(path, user=None, mode=0o700):
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    give(path, user)
    return path


def give(path, user=None):
    if os.getuid() == 0:
        shutil.chown(path, user or engine_user(), pwd.getpwnam(user or engine_user()).pw_gid)


def new_base():
    """The directory of one test process. VARVE_TEST_DIR names another place than /tmp (it must be searchable by postgres)."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="varve-engines-", dir=os.environ.get("VARVE_TEST_DIR")))
    return make_dir(base, mode=0o755)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(arguments, *, user=None, timeout=120, check=True, env=None, cwd="/tmp", **more):
    """A command run to its end; a failure shows what it printed."""
    done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env={**os.environ, **(env or {})}, **as_user(user), **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class TookTooLong(AssertionError):
    """What was waited for did not come true."""


def wait_until(what, seconds=30, every=0.05):
    """Waits for what can be observed: calls `what` until it gives something true, and gives that."""
    end = time.monotonic() + seconds
    while True:
        seen = what()
        if seen:
            return seen
        if time.monotonic() > end:
            raise TookTooLong(f"did not come true within {seconds} s: {getattr(what, '__doc__', None) or what}")
        time.sleep(every)
