"""What scripts rely on: fields of the JSON answers, the README's configuration, commands that change nothing."""
import datetime
import re
import shutil
import sys

from support import place
from support.ledger import Ledger, restored_rows
from support.varve import Varve


def instant(text):
    """RFC 3339 in UTC, with or without a fraction of the second."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), text
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_the_json_answers_have_the_fields_that_are_promised(new_cluster, new_varve, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    varve = new_varve(source).serve()
    made = varve.backup()
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")

    assert made.keys() >= {"id", "source", "start_time", "stop_time", "files", "bytes_source", "bytes_read", "bytes_stored", "chunks_new",
                           "chunks_reused", "duration_seconds"}
    listed = varve.do("backup", "list")["backups"][0]
    assert listed.keys() >= {"id", "source", "start_time", "stop_time", "kept_until", "tiers", "state", "bytes_source", "bytes_stored", "copies"}
    assert instant(listed["start_time"]) < instant(listed["stop_time"]) < instant(listed["kept_until"])
    assert listed["copies"] == ["local"]
    status = varve.status()
    assert status.keys() >= {"name", "driver", "state", "reason", "last_backup", "log", "recovery_windows", "gaps", "last_drill"}
    assert status["driver"] == "postgresql" and status["state"] == "ok" and status["last_backup"]["id"] == made["id"]
    assert status["log"]["durable"]["local"].keys() >= {"position", "time", "lag_seconds"}
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", status["log"]["durable"]["local"]["position"])
    window = status["recovery_windows"][0]
    assert window.keys() >= {"from", "to", "lineage"} and instant(window["from"]) < instant(window["to"])
    restored = varve.restore(room / "copy", "--latest")
    assert restored.keys() >= {"base", "target_requested", "target_reached", "bytes_written", "duration_seconds"}
    assert varve.do("backup", "show", made["id"])
    assert varve.do("restore", "plan", "pg/main", "--to", room / "planned", "--latest") and not (room / "planned").exists()
    assert varve.do("check", "pg/main")
    assert varve.do("version")
    for shell in ("bash", "zsh", "fish"):
        assert "varve" in place.run([varve.binary, "completion", shell]).stdout


def test_dry_run_changes_nothing(new_cluster, new_varve, room):
    source = new_cluster()
    varve = new_varve(source)
    objects = varve.objects()
    varve.do("backup", "run", "pg/main", "--dry-run")
    varve.do("log", "follow", "pg/main", "--until-caught-up", "--dry-run")
    assert varve.objects() == objects and not source.value("SELECT count(*) FROM pg_replication_slots")
    varve.backup()
    varve.do("restore", "run", "pg/main", "--to", room / "copy", "--immediate", "--dry-run")
    assert not (room / "copy").exists()


def test_the_configuration_of_the_readme_is_right(room, binary):
    text = re.search(r"```toml\n(.*?)```", (place.ROOT / "README.md").read_text(), re.S).group(1)
    varve = Varve(room / "varve", binary=binary)
    varve.config.write_text(text)
    place.give(varve.config)
    assert varve.do("config", "check") is not None
    shown = varve.do("config", "show")
    assert "ship_interval" in str(shown)


def test_the_independent_reader_restores_what_varve_stored(new_cluster, new_varve, open_restored, room):
    source = new_cluster()
    ledger = Ledger(source).create()
    ledger.write(5)
    varve = new_varve(source)
    made = varve.backup()
    ledger.write(5)
    varve.do("log", "follow", "pg/main", "--until-caught-up")

    def read(*arguments):
        command = [sys.executable, "-B", place.ROOT / "tests/golden/reader.py", varve.repository, varve.directory / "varve.keys", *arguments]
        return [line.split("\t") for line in place.run(command, user="root").stdout.splitlines()]

    assert read("verify") == []
    [backup] = [row for row in read("list") if row[0] == "backup"]
    assert backup[1:3] == [made["id"], "pg/main"]
    read("restore", made["id"], room / "files")
    read("log", "pg/main", backup[3], room / "log")
    assemble(room / "files", room / "log", room / "copy")
    assert len(restored_rows(open_restored(room / "copy", source))) == 10


def assemble(files, log, data, segment_bytes=16 << 20):
    """A data directory of timeline 1 from the entries of a backup and stretches of the log, as docs/repository-format.md describes both."""
    (files / "pgdata").rename(data)
    for label in (files / "label").iterdir():
        shutil.copy(label, data)
    for segment in (files / "wal").iterdir():
        shutil.copy(segment, data / "pg_wal")
    for stretch in log.iterdir():
        at, rest = int(stretch.name, 16), stretch.read_bytes()
        while rest:
            path, offset = data / "pg_wal" / f"00000001{at >> 32:08X}{at % (1 << 32) // segment_bytes:08X}", at % segment_bytes
            segment = path.read_bytes() if path.exists() else bytes(segment_bytes)
            piece, rest = rest[:segment_bytes - offset], rest[segment_bytes - offset:]
            path.write_bytes(segment[:offset] + piece + segment[offset + len(piece):])
            at += len(piece)
    for path in [data, *data.rglob("*")]:
        place.give(path)
