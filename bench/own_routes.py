"""Many routes of our own."""

import json
import time
from pathlib import Path
from typing import Callable

from lab import Host
from lab.daemon import McpClient

from .field import Field
from .rows import Choice, Row, Target
from .running import in_turn, start_online, still_field
from .systems import OURS, SCALE, SYSTEMS, System, prepare_networkd

FLOOD = "bare netlink"


def routes_in_kernel(host: Host) -> int:
    """How many networks the main table has, without a dump that would hold up others."""
    stat = Path(f"/proc/{host.pid}/net/fib_triestat").read_text()
    main = stat[stat.index("Main:") :] if "Main:" in stat else stat
    return int(main.split("Prefixes:")[1].split()[0])


# Routes of our own

ROUTES = 12500
CHANGES = 20


def destination(number: int) -> str:
    """As programs/flood.c counts."""
    return f"{32 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.0/24"


def send_apply(client: McpClient, first: int, count: int, **route: str) -> float:
    """Milliseconds of a net.apply of so many routes, from the request to the answer."""
    routes = [{"destination": destination(n), **route} for n in range(first, first + count)]
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
               "params": {"name": "net.apply",
                          "arguments": {"links": [], "routes": routes}}}  # fmt: skip
    line = json.dumps(request).encode() + b"\n"
    begin = time.monotonic()
    client.stream.write(line)
    client.stream.flush()
    answer = client.stream.readline()
    taken = (time.monotonic() - begin) * 1e3
    result = json.loads(answer).get("result") or {}
    if (result.get("structuredContent") or {}).get("state") != "committed":
        raise RuntimeError(f"net.apply failed: {answer[:500]!r}")
    return taken


def networkd_routes(here: Field) -> float | None:
    """Milliseconds that networkd takes from its start until all routes of its file stand."""
    (uplink,) = here.uplinks
    prepare_networkd(here.client, here.uplinks)
    routes = "".join(
        f"[Route]\nDestination={destination(n)}\nGateway={uplink.gateway}\n" for n in range(ROUTES)
    )
    here.client.write(
        f"/etc/systemd/network/1{uplink.number:03}.network",
        f"[Match]\nName={uplink.name}\n[Network]\nAddress={uplink.address(50)}\n{routes}",
    )
    networkd = next(system for system in SYSTEMS if system.name == "networkd")
    begin = time.monotonic()
    here.client.popen(*networkd.command(here.uplinks, SCALE), name="networkd")
    while time.monotonic() < begin + NETWORKD_TIMEOUT:
        if routes_in_kernel(here.client) >= ROUTES:
            return (time.monotonic() - begin) * 1e3
        time.sleep(0.01)
    return None


NETWORKD_TIMEOUT = 90.0  # seconds


def own_routes(choice: Choice) -> list[Row]:
    about = f"{ROUTES:,} static routes"
    rows = [
        Row("routes-12500", "ms", f"{about} in one net.apply; networkd: from its start",
            Target("under 500 ms", limit=500.0), floor_name=FLOOD),
        Row("route-change", "ms", f"one of {about} gets another gateway, right after",
            Target("under 10 ms", limit=10.0), floor_name=FLOOD),
        Row("route-change-slowest", "ms", f"the same: the slowest of {CHANGES}",
            Target("under 10 ms", limit=10.0), floor_name=FLOOD),
    ]  # fmt: skip
    whole, change, slowest = rows

    def bare() -> None:
        with still_field() as here:
            (uplink,) = here.uplinks
            command = ["flood", "--gateway", uplink.gateway, "routes", uplink.name]
            whole.take(FLOOD, here.measure(*command, ROUTES)["ms"])
            change.take(FLOOD, here.measure(*command, 1)["ms"])

    def measure(system: System, here: Field) -> None:
        if system.name != OURS:
            if system.name == "networkd":
                whole.take(system.name, networkd_routes(here))
            return
        (uplink,) = here.uplinks
        running = start_online(system, here, SCALE)
        bare()
        others = [uplink.address(last).split("/")[0] for last in (8, 9)]
        assert running.daemon
        with running.daemon.client() as client:
            ours = {"link": uplink.name, "gateway": uplink.gateway}
            whole.take(OURS, send_apply(client, 0, ROUTES, **ours))
            times = [
                send_apply(client, 500 * n, 1, **ours | {"gateway": others[n % 2]})
                for n in range(CHANGES)
            ]
        change.take(OURS, sorted(times)[CHANGES // 2])
        slowest.take(OURS, max(times))
        if routes_in_kernel(here.client) < ROUTES:
            raise RuntimeError("not all routes stand")

    for _ in in_turn(choice, "routes-12500", measure):
        pass
    return rows
