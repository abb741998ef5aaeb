"""Whoever is to know is told: once when a source turns bad, once when it is good again, whatever the other receivers do."""
import contextlib
import hashlib
import hmac
import json
import time

import pytest

from support import place
from support.faults import Mount
from support.receivers import Mailbox, Webhook
from support.varve import Varve
from test_metrics import get, served, value
from test_sqlite import SOURCE, has_base, new_host, new_shop, wait_shipped  # noqa: F401

SECRET = "5ecret-of-the-hook"
TOKEN = "t0ken-of-the-hook"


@pytest.fixture
def hook(closing):
    return closing(Webhook())


def secret_file(varve, name, text):
    path = varve.directory / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    place.give(path)
    return f"file:{path}"


def notified(varve, *entries):
    varve.notify = list(entries)
    return varve.write()


class Thaw:
    def __init__(self, mount):
        self.close = mount.answer


def hide(app):
    """The application's database is gone, and the log cannot be followed."""
    app.path.rename(app.path.with_suffix(".gone"))


def bring_back(app):
    app.path.with_suffix(".gone").rename(app.path)


def test_a_repository_that_silently_stops_accepting_is_told_once_and_its_recovery_once(new_shop, closing, room, binary, hook):
    mount = closing(Mount(room / "mount", mib=128))
    app = new_shop()
    varve = closing(Varve(room / "varve", binary=binary))
    closing(contextlib.closing(Thaw(mount)))  # a process that waits for it does not end
    varve.sources = [{"name": SOURCE, "driver": "sqlite", "path": app.path, "ship_interval": "5s"}]
    varve.repository = mount.directory / "repository"
    varve.repositories = [{"name": "local", "url": f"file://{varve.repository}"}]
    notified(varve, {"url": f"{hook.url}/hook"}, {"url": f"{hook.url}/life", "on": ["alive"], "every": "1s"}).init()
    served(varve)
    place.wait_until(lambda: has_base(varve), 60)
    place.wait_until(lambda: get(varve, "/readyz")[0] == 200, 60)
    place.wait_until(lambda: hook.documents("/life"), 30)
    position = hook.documents("/life")[-1]["sources"][0]["durable"].get("local", {}).get("position")
    assert position is None or position.startswith("transaction ")

    mount.hang()
    stopped = time.monotonic()
    app.run("write", until=app.commits() + 20)
    place.wait_until(lambda: varve.status(SOURCE)["state"] != "ok", 30)
    took = time.monotonic() - stopped
    assert took <= 2 * 5, f"status was green for {took:.1f} s, two ship intervals are 10 s"
    place.wait_until(lambda: hook.events("/hook") == ["failure"], 90)
    assert get(varve, "/readyz") == (503, f"{SOURCE} failed\n")
    assert value(varve, "varve_log_lag_seconds", source=SOURCE, repository="local") > 10
    told = hook.documents("/hook")[0]
    assert told["sources"][0]["name"] == SOURCE and "behind" in told["sources"][0]["reason"] and told["sources"][0]["remedy"]
    signs = len(hook.documents("/life"))

    mount.answer()
    place.wait_until(lambda: hook.events("/hook") == ["failure", "recovery"], 120)
    place.wait_until(lambda: len(hook.documents("/life")) > signs, 30)
    wait_shipped(varve, app)
    assert varve.status(SOURCE)["state"] == "ok"
    assert hook.events("/hook") == ["failure", "recovery"]
    print(f"not green {took:.1f} s after the repository stopped")


def test_broken_and_hanging_receivers_change_no_backup_and_keep_nobody_from_being_told(new_shop, new_host, closing, hook):
    hanging, refusing = closing(Webhook()), closing(Webhook())
    hanging.answer, refusing.answer = "hang", 500
    app = new_shop()
    varve = new_host(app)
    gone = f"http://127.0.0.1:{place.free_port()}/nobody"
    notified(varve, {"url": f"{hanging.url}/h"}, {"url": f"{refusing.url}/r"}, {"url": gone}, {"url": "exec:/nonexistent/program"},
             {"url": f"{hook.url}/hook"})
    served(varve)
    place.wait_until(lambda: get(varve, "/readyz")[0] == 200, 60)
    hide(app)
    place.wait_until(lambda: hook.events("/hook") == ["failure"], 60)
    place.wait_until(lambda: hanging.requests and refusing.requests, 30)
    bring_back(app)
    place.wait_until(lambda: varve.status(SOURCE)["state"] == "ok", 90)
    wait_shipped(varve, app)

    made = varve.ask("backup", "run", SOURCE)
    assert made.exit_code == 0, made.document
    place.wait_until(lambda: varve.status(SOURCE)["state"] == "ok", 30)
    assert value(varve, "varve_notifications_failed_total", kind="webhook") >= 2
    assert value(varve, "varve_notifications_failed_total", kind="exec") >= 1
    assert value(varve, "varve_notifications_sent_total", kind="webhook") >= 1
    began = time.monotonic()
    assert varve.stop() == 0
    assert time.monotonic() - began < 20, "a receiver that hangs held the service up"


def test_what_was_told_is_known_after_a_restart(new_shop, new_host, hook):
    app = new_shop()
    varve = notified(new_host(app), {"url": f"{hook.url}/hook"}).serve()
    place.wait_until(lambda: varve.status(SOURCE)["state"] == "ok", 60)
    hide(app)
    place.wait_until(lambda: hook.events("/hook") == ["failure"], 60)
    assert varve.stop() == 0
    varve.serve()
    place.wait_until(lambda: varve.status(SOURCE)["state"] == "failed", 60)
    bring_back(app)
    place.wait_until(lambda: len(hook.events("/hook")) > 1, 120)
    assert hook.events("/hook") == ["failure", "recovery"]


def test_notify_test_reaches_every_kind_of_receiver_and_tells_no_secret(new_shop, new_host, closing, room, hook):
    mailbox = closing(Mailbox())
    app = new_shop()
    varve = new_host(app)
    script = room / "page"
    script.write_text('#!/bin/sh\nprintf "%s|%s" "$VARVE_EVENT" "$VARVE_NOTICE" > "$(dirname "$0")/paged"\n')
    script.chmod(0o755)
    notified(varve,
             {"url": f"{hook.url}/signed", "secret": secret_file(varve, "hook.key", SECRET), "token": secret_file(varve, "hook.token", TOKEN)},
             {"url": secret_file(varve, "hook.url", f"{hook.url}/services/T0/hunter2"), "form": "slack"},
             {"url": f"{hook.url}/teams", "form": "teams"}, {"url": f"{hook.url}/discord", "form": "discord"},
             {"url": f"{hook.url}/ntfy", "form": "ntfy"}, {"url": f"{hook.url}/own", "body": '{"msg": "{title}"}', "on": ["failure"]},
             {"url": mailbox.url, "from": "varve@example.org", "to": ["dba@example.org", "night@example.org"]},
             {"url": f"exec:{script}"})

    rows = varve.do("notify", "test")["receivers"]

    assert [row["ok"] for row in rows] == [True] * 8, rows
    by_path = {path: (headers, body) for path, headers, body in hook.requests}
    headers, body = by_path["/signed"]
    assert json.loads(body)["event"] == "test"
    expected = hmac.new(SECRET.encode(), headers["X-Varve-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Varve-Signature"] == f"sha256={expected}"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert "Varve test" in json.loads(by_path["/services/T0/hunter2"][1])["text"]
    assert json.loads(by_path["/teams"][1])["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert "Varve test" in json.loads(by_path["/discord"][1])["content"]
    assert by_path["/ntfy"][0]["Title"].startswith("Varve test on ")
    assert json.loads(by_path["/own"][1])["msg"].startswith("Varve test on ")
    sender, receivers, mail = mailbox.mails[0]
    assert (sender, receivers) == ("varve@example.org", ["dba@example.org", "night@example.org"])
    assert mail["Subject"].startswith("[varve] Varve test on ") and "arrive" in mail.get_body(("plain",)).get_content()
    event, document = (room / "paged").read_text().split("|", 1)
    assert event == "test" and json.loads(document)["schema"] == 1

    hook.answer = 403
    varve.serve()
    answer = varve.ask("notify", "test")
    assert answer.exit_code == 1 and answer.error["code"] == "notify_failed", answer.document
    told = json.dumps(answer.document) + answer.stderr + varve.log_text() + json.dumps(varve.do("config", "show")) + varve.ask("notify", "test", json_output=False).stderr
    for secret in (SECRET, TOKEN, "hunter2"):
        assert secret not in told
    rows = {row["receiver"]: row for row in answer.document["result"]["receivers"]}
    assert rows[f"command {script}"]["ok"] and not rows[next(name for name in rows if name.startswith("webhook in file:"))]["ok"]


def test_plain_http_to_another_host_needs_leave(new_shop, new_host):
    varve = notified(new_host(new_shop()), {"url": "http://hooks.example/hunter2"})
    told = varve.refused("config", "check", code="configuration", exit_code=2)
    assert "insecure" in told["message"] and "hunter2" not in json.dumps(told)
    notified(varve, {"url": "http://hooks.example/hunter2", "insecure": True})
    assert varve.do("config", "check")["problems"] == []
