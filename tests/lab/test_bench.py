"""The bench measures what it says, and says it so that a program can read it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.field import field
from bench.rows import Row, Target
from bench.systems import SYSTEMS
from bench.troubles import writes_of_restart
from lab.daemon import build_directory, daemon_path

REPOSITORY = Path(__file__).parents[2]
MEMBERS = {"work", "unit", "ours", "floor", "peers", "runs", "min", "max", "spread"}


def bench(*arguments: str) -> list[dict]:
    if not (daemon_path().exists() and (build_directory() / "bench/watch").exists()):
        pytest.skip(f"nothing to measure in {build_directory()}")
    result = subprocess.run(
        [sys.executable, "-m", "bench", "--json", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.timeout(120)
def test_rows_of_start_and_failover():
    rows = bench("--runs", "1", "--peers", "networkd", "online", "memory", "failover")
    assert [row["work"] for row in rows] == [
        "online",
        "memory",
        "failover",
        "failover-beyond-carrier",
    ]
    for row in rows:
        assert MEMBERS <= set(row) and row["runs"] == 1 and not row["failed"]
        assert set(row["spread"]) == {"aiosnet", "bare client", "networkd"}
        assert row["min"] <= row["ours"] <= row["max"]
    online = rows[0]
    assert 0 < online["floor"] < online["ours"] and set(online["peers"]) == {"networkd"}


@pytest.mark.timeout(120)
def test_rows_of_calls():
    rows = {row["work"]: row for row in bench("--runs", "1", "--peers", "ip", "call-change")}
    assert set(rows) == {"call-change", "call-change-p99", "call-change-in-memory", "fdatasync"}
    assert 0 < rows["call-change"]["ours"] <= rows["call-change-p99"]["ours"]
    assert rows["fdatasync"]["floor"] > 0


def row_of(target: Target, ours: list[float], floor: list[float], peer: list[float | None]) -> Row:
    row = Row("work", "ms", "", target)
    for name, values in {"aiosnet": ours, "bare client": floor, "peer": peer}.items():
        for value in values:
            row.take(name, value)
    return row


def test_targets():
    times_floor = Target("", times_floor=1.7)
    assert row_of(times_floor, [1.0, 1.7, 9.0], [1.0], []).reached() is True
    assert row_of(times_floor, [1.8], [1.0], []).reached() is False
    assert row_of(times_floor, [1.8], [], []).reached() is None
    ahead = Target("", ahead_of_peers=True)
    assert row_of(ahead, [2.0], [1.0], [3.0, None]).reached() is True
    assert row_of(ahead, [2.0], [1.0], [1.5]).reached() is False
    assert row_of(ahead, [2.0], [1.0], [None]).failed == {"peer": 1}


@pytest.mark.timeout(120)
def test_rows_of_many_routes():
    rows = bench("--runs", "1", "--peers", "none", "routes-12500", "route-change")
    assert [row["work"] for row in rows] == [
        "routes-12500",
        "route-change",
        "route-change-slowest",
    ]
    for row in rows[:2]:
        assert 0 < row["floor"] < row["ours"]


@pytest.mark.timeout(120)
def test_rows_of_what_others_do():
    names = ["foreign-routes-20000", "veths-1000"]
    rows = {row["work"]: row for row in bench("--runs", "1", "--peers", "none", *names)}
    assert set(names) <= set(rows)
    for row in rows.values():
        assert row["ours"] > 0 and not row["failed"]


@pytest.mark.timeout(120)
def test_rows_of_many_links():
    whole, memory = bench("--runs", "1", "--peers", "none", "links-100")
    assert whole["work"] == "links-100" and not whole["failed"]
    assert 0 < whole["floor"] and memory["floor"] < memory["ours"]


@pytest.mark.timeout(60)
def test_writes_are_counted():
    with field() as here:
        assert writes_of_restart(SYSTEMS[0], here) >= 3  # link, address, route
        assert writes_of_restart(SYSTEMS[0], here) == 0


@pytest.mark.timeout(120)
def test_rows_of_lost_announcements():
    slowest, median = bench("--runs", "1", "--peers", "none", "overrun-100")
    assert slowest["work"] == "overrun-100" and 0 < median["ours"] <= slowest["ours"]
