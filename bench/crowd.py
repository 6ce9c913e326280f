"""Many links with DHCP at once."""

import json
from typing import Any

from .field import Field, field, program
from .rows import Choice, Row, Target
from .running import in_turn
from .systems import MANY_LINKS, System

MEMORY_AFTER = 1.0  # seconds
TIMEOUT = {1: 30, 100: 60, 1000: 200}  # seconds, by links


def watch_many(system: System, here: Field) -> dict[str, Any]:
    """What the watcher of many links saw."""
    count = len(here.uplinks)
    log = here.client.write("/run/lab/system.log", "")
    arguments = [count, TIMEOUT[count], MEMORY_AFTER, log, "--"]
    command = [program("watchmany"), *arguments, *system.arguments(here, MANY_LINKS)]
    return json.loads(here.client.output(*command, timeout=TIMEOUT[count] + 30))


def many_links(count: int, choice: Choice) -> list[Row]:
    """The time, and what each link more takes of memory."""
    about = f"{count:,} links with DHCP at once"
    whole = Row(f"links-{count}", "ms", f"{about}: process start until all have an address and a "
                "default route",
                Target("ahead of each peer and within 1.1 times of the bare client",
                       times_floor=1.1, ahead_of_peers=True))  # fmt: skip
    memory = Row(f"links-{count}-memory", "kB", f"{about}: memory that each more takes",
                 Target("under 10 kB", limit=10.0))  # fmt: skip

    def measure(system: System, here: Field) -> tuple[dict[str, Any], dict[str, Any]]:
        with field() as alone:
            one = watch_many(system, alone)
        return one, watch_many(system, here)

    for name, (one, many) in in_turn(choice, whole.work, measure, MANY_LINKS, uplinks=count):
        ok = one["ok"] and many["ok"]
        whole.take(name, many["ms"] if ok else None)
        each = (many["pss_kib"] - one["pss_kib"]) * 1.024 / (count - 1)
        memory.take(name, each if ok else None)
    return [whole, memory]


def links_100(choice: Choice) -> list[Row]:
    return many_links(100, choice)


def links_1000(choice: Choice) -> list[Row]:
    return many_links(1000, choice)
