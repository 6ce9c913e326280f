"""The demonstration ends with 0 only if all that it claims happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.daemon import client_path, daemon_path

REPOSITORY = Path(__file__).parents[2]
ACTS = [
    "The host wakes up",
    "The cable of eth0 is pulled",
    "The cable is back",
    "The cable flaps",
    "kill -9, and a new start",
    "aiosnet status",
    "Measured",
]


@pytest.mark.timeout(120)
def test_everything_it_claims_happens():
    if not (daemon_path().exists() and client_path().exists()):
        pytest.skip(f"no aiosnetd in {daemon_path().parent}")
    result = subprocess.run(
        [sys.executable, "-m", "lab.demo"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "✗" not in result.stdout and "\033" not in result.stdout
    places = [result.stdout.find(f"\n{act}\n") for act in ACTS]
    assert -1 not in places and places == sorted(places), result.stdout
