"""The alert rules and the dashboard hold together with what the service tells."""
import json
import re
import shutil
import subprocess

import pytest

from support import place

FOLDER = place.ROOT / "docs/monitoring"
NAME = re.compile(r"\bvarve_[a-z_]+")


def documented():
    page = (place.ROOT / "docs/interface.md").read_text()
    table = page[page.index("### Metrics"):page.index("## Notifications")]
    names = set(NAME.findall(table))
    names |= {name.replace("_oldest_", "_newest_") for name in names} | {"varve_log_lag_bytes"}
    return names


def told():
    """The names in the program's source: a scrape shows only those that have a value."""
    return set(NAME.findall((place.ROOT / "src/service/metrics.cpp").read_text()))


def test_every_metric_is_documented_and_every_documented_one_is_told():
    assert told() == documented()


def test_rules_and_dashboard_use_metrics_that_there_are():
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [one["definition"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
    expressions.append((FOLDER / "alerts.yml").read_text())
    used = {name for text in expressions for name in NAME.findall(text)}
    assert len(used) > 20
    assert used <= told(), used - told()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.parametrize("words", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]])
def test_the_rules_are_right_and_fire_when_they_should(words):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: scripts/deps")
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_expressions_of_the_dashboard_are_promql(tmp_path):
    """As recording rules: promtool looks at their grammar."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: scripts/deps")
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    rules = [{"record": f"panel:{panel['id']}:{target['refId'].lower()}", "expr": target["expr"].replace("$instance", "x").replace("$source", "y")}
             for panel in dashboard["panels"] for target in panel["targets"]]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
