"""What the README promises a newcomer."""
import os
import subprocess

from support import place
from support.varve import BINARY


def test_the_demo_brings_everything_back():
    done = subprocess.run([place.ROOT / "scripts/demo-sqlite"], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "VARVE_BINARY": str(BINARY)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every order and every byte is back" in done.stdout
