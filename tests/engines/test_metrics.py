"""What the service tells the outside: metrics that promtool accepts, health, readiness."""
import contextlib
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from support import place
from test_sqlite import SOURCE, has_base, new_host, new_shop, wait_shipped  # noqa: F401

LABELS = {"source", "driver", "repository", "kind"}


def get(varve, path):
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://{varve.http}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except urllib.error.URLError:
        return 0, ""


def served(varve, **options):
    """The service with its HTTP port."""
    varve.http = f"127.0.0.1:{place.free_port()}"
    varve.sections["service"] = {"socket": f"{varve.directory}/varve.sock", "http": varve.http}
    varve.write().serve(**options)
    place.wait_until(lambda: get(varve, "/healthz")[0] == 200, 30)
    return varve


def metrics(varve):
    """{name: {labels: value}}; labels as a sorted tuple of pairs."""
    status, text = get(varve, "/metrics")
    assert status == 200
    told = {}
    for name, labels, value in re.findall(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", text, re.M):
        pairs = tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', labels)))
        told.setdefault(name, {})[pairs] = float(value)
    return told


def value(varve, name, **labels):
    """The one value of a metric with these labels; None when there is none."""
    found = [number for pairs, number in metrics(varve).get(name, {}).items() if labels.items() <= dict(pairs).items()]
    assert len(found) <= 1, (name, labels, found)
    return found[0] if found else None


def checked(text):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: scripts/deps")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr and not done.stdout, done.stdout + done.stderr


def test_metrics_and_health_tell_what_status_tells(new_shop, new_host):
    app = new_shop()
    varve = served(new_host(app))
    place.wait_until(lambda: has_base(varve), 30)
    app.run("write", until=50)
    wait_shipped(varve, app)
    place.wait_until(lambda: get(varve, "/readyz")[0] == 200, 30)
    place.wait_until(lambda: metrics(varve).get("varve_repository_objects"), 30)
    place.wait_until(lambda: value(varve, "varve_recovery_windows", source=SOURCE), 30)

    status = varve.status(SOURCE)
    assert status["state"] == "ok"
    checked(get(varve, "/metrics")[1])
    told = metrics(varve)
    assert all(name.startswith("varve_") for name in told)
    assert {label for one in told.values() for pairs in one for label, _ in pairs} <= LABELS
    assert value(varve, "varve_source_state", source=SOURCE, kind="ok") == 1
    assert value(varve, "varve_source_state", source=SOURCE, kind="failed") == 0
    assert value(varve, "varve_backup_bytes", source=SOURCE, kind="source") == status["last_backup"]["bytes_source"]
    assert value(varve, "varve_log_gaps", source=SOURCE) == len(status["gaps"]) == 0
    assert value(varve, "varve_recovery_windows", source=SOURCE) == len(status["recovery_windows"]) == 1
    assert value(varve, "varve_log_connected", source=SOURCE) == 1
    assert value(varve, "varve_log_lag_seconds", source=SOURCE, repository="local") < 10
    assert abs(value(varve, "varve_clock_skew_seconds", repository="local")) < 5
    assert value(varve, "varve_repository_answers", repository="local") == 1
    assert value(varve, "varve_backups_total", source=SOURCE, kind="made") >= 1
    assert get(varve, "/other")[0] == 404


def test_a_red_source_is_red_everywhere_and_what_is_not_known_is_absent(new_shop, new_host):
    app = new_shop()
    varve = served(new_host(app))
    place.wait_until(lambda: get(varve, "/readyz")[0] == 200, 30)
    app.path.rename(app.path.with_suffix(".gone"))

    place.wait_until(lambda: get(varve, "/readyz") == (503, f"{SOURCE} failed\n"), 60)

    assert varve.status(SOURCE)["state"] == "failed"
    assert get(varve, "/healthz") == (200, "ok\n")
    assert value(varve, "varve_source_state", source=SOURCE, kind="failed") == 1
    assert value(varve, "varve_log_connected", source=SOURCE) == 0
    assert value(varve, "varve_log_lag_seconds", source=SOURCE) is None
    checked(get(varve, "/metrics")[1])


def test_hostile_clients_cost_nothing(new_shop, new_host, closing):
    app = new_shop()
    varve = served(new_host(app))
    place.wait_until(lambda: has_base(varve), 30)
    host, port = varve.http.split(":")
    crowd = []
    for _ in range(300):
        crowd.append(closing(socket.create_connection((host, int(port)), timeout=10)))
        with contextlib.suppress(OSError):  # it may have been hung up on already
            crowd[-1].sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100)

    assert get(varve, "/healthz")[0] == 200
    assert get(varve, "/metrics")[0] == 200
    app.run("write", until=20)
    wait_shipped(varve, app)
    assert varve.status(SOURCE)["log"]["durable"]["local"]["position"]


def test_the_http_port_is_off_when_empty_and_a_taken_one_stops_no_archiving(new_shop, new_host, closing):
    app = new_shop()
    varve = new_host(app).serve()
    place.wait_until(lambda: has_base(varve), 30)
    listening = place.run(["ss", "-Hltnp"], user="root", check=False).stdout
    assert f"pid={varve.child.pid}," not in listening
    assert varve.stop() == 0

    taken = closing(socket.create_server(("127.0.0.1", 0)))
    varve.sections["service"] = {"socket": f"{varve.directory}/varve.sock", "http": f"127.0.0.1:{taken.getsockname()[1]}"}
    varve.write().serve()
    place.wait_until(lambda: "cannot listen on" in varve.log_text(), 30)
    app.run("write", until=20)
    wait_shipped(varve, app)
