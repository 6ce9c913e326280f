"""Rows as JSON for programs, and as tables for people."""

import json
from typing import Any

from .systems import OURS
from .rows import Row

COLUMNS = [("median", 10), ("min", 10), ("max", 10), ("x floor", 10), ("x best peer", 13)]
GREEN, RED, DIM, BOLD, PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[1m", "\033[0m"


def rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def as_object(row: Row) -> dict[str, Any]:
    """The row for programs. All figures but `runs` and `failed` are in its unit."""
    ours = row.values.get(OURS) or []
    return {
        "work": row.work,
        "unit": row.unit,
        "ours": rounded(row.ours),
        "floor": rounded(row.floor),
        "peers": {name: rounded(value) for name, value in row.peers().items()},
        "runs": max((len(values) for values in row.values.values()), default=0),
        "min": rounded(min(ours, default=None)),
        "max": rounded(max(ours, default=None)),
        "spread": {
            name: [rounded(min(values)), rounded(max(values))]
            for name, values in row.values.items()
            if values
        },
        "failed": dict(row.failed),
        "target": row.target.text if row.target else None,
        "reached": row.reached(),
        "about": row.about,
    }


def as_json(row: Row) -> str:
    return json.dumps(as_object(row))


def figure(value: float | None) -> str:
    """Four digits, without an exponent."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def ratio(value: float | None, to: float | None) -> str:
    return f"{value / to:.2f}" if value and to and to > 0 else ""


def as_table(row: Row, colour: bool = False) -> str:
    """The row for people: each system's figures, beside the floor and the best peer."""

    def paint(code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if colour else text

    best = min((value for value in row.peers().values() if value is not None), default=None)
    lines = [
        "",
        paint(BOLD, f"{row.work}: {row.about}"),
        paint(DIM, f"  {row.unit:20}" + "".join(f"{name:>{width}}" for name, width in COLUMNS)),
    ]
    for name in sorted(row.values, key=lambda name: row.median(name) or float("inf")):
        values = row.values[name]
        middle = row.median(name)
        low, high = (min(values), max(values)) if values else (None, None)
        line = f"  {name:20}{figure(middle):>10}{figure(low):>10}{figure(high):>10}"
        line += f"{ratio(middle, row.floor):>10}{ratio(middle, best):>13}"
        if row.failed.get(name):
            line += f"   failed {row.failed[name]} times"
        lines.append(paint(BOLD, line) if name == OURS else line)
    if row.target:
        reached = row.reached()
        verdict = {
            True: paint(GREEN, "reached"),
            False: paint(RED, "not reached"),
            None: "not measured",
        }[reached]
        lines.append(f"  to reach: {row.target.text}: {verdict}")
    return "\n".join(lines)
