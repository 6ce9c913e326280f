"""What is measured: experiments, and the rows that are read from what they saw."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Iterable

from lab.daemon import Daemon, build_directory
from lab.host import wait_for

from .field import Field, field
from .rows import Choice, Row, Target
from .scale import SCALE_EXPERIMENTS
from .systems import (
    FAILOVER,
    FLOOR,
    HOTPLUG,
    ONLINE,
    OURS,
    SOCKET,
    STATE,
    SYSTEMS,
    System,
    prepare_networkmanager,
)

Sample = dict[str, Any]


# Start, carrier, failover: each run in a field of its own, the systems in turn


def run_in_turn(
    work: str,
    choice: Choice,
    measure: Callable[[System, Field], Sample],
    uplinks: int = 1,
    server: str = "dnsmasq",
) -> Iterable[tuple[str, Sample]]:
    systems = [s for s in SYSTEMS if choice.wants(s, work) and not s.missing()]
    for run in range(choice.runs):
        for system in systems:
            choice.progress(f"{work}, run {run + 1} of {choice.runs}: {system.name}")
            for _ in range(ATTEMPTS):
                with field(uplinks, server) as here:
                    sample = measure(system, here)
                if work == ONLINE or not held_back(sample):
                    break
            yield system.name, sample


def held_back(sample: Sample) -> bool:
    """Whether the kernel announced the change of carrier late, as it does after another change."""
    return bool(sample["carrier"] and sample["carrier"] > HELD_BACK)


def online(choice: Choice) -> list[Row]:
    times = Row(
        "online",
        "ms",
        f"process start to address, default route and first answered ping ({choice.server})",
        Target("within 1.7 times of the bare client", times_floor=1.7),
    )
    memory = Row(
        "memory",
        "MB",
        "memory after that: PSS of all its processes",
        Target("under 4 MB", limit=4.0),
    )

    def measure(system: System, here: Field) -> Sample:
        gateway = here.uplinks[0].gateway
        return here.watch(
            system.arguments(here, ONLINE), "--gateway", gateway, "--memory", MEMORY_AFTER
        )

    for name, sample in run_in_turn(ONLINE, choice, measure, server=choice.server):
        ok = sample["ok"]
        times.take(name, sample["ping"] if ok else None)
        memory.take(name, sample["pss_kib"] * 1024 / 1e6 if ok else None)
    return [times, memory]


def hotplug(choice: Choice) -> list[Row]:
    about = "carrier appears while it runs"
    whole = Row(
        "hotplug",
        "ms",
        f"{about}, to first ping",
        Target("ahead of each peer", ahead_of_peers=True),
    )
    beyond = Row(
        "hotplug-beyond-carrier",
        "ms",
        f"{about}: from the kernel's carrier event to first ping",
        Target("under 3 ms", limit=3.0),
    )

    def measure(system: System, here: Field) -> Sample:
        (uplink,) = here.uplinks
        here.set_far_end(uplink, "down")
        return here.watch(
            system.arguments(here, HOTPLUG), "--gateway", uplink.gateway, "--settle", SETTLE,
            "--trigger", Field.FAR, "--far-end", uplink.far_end, "--state", "up",
        )  # fmt: skip

    for name, sample in run_in_turn(HOTPLUG, choice, measure):
        ok = sample["ok"] and sample["carrier"]
        whole.take(name, sample["ping"] if ok else None)
        beyond.take(name, sample["ping"] - sample["carrier"] if ok else None)
    return [whole, beyond]


def failover(choice: Choice) -> list[Row]:
    about = "carrier lost to the other uplink in use"
    whole = Row("failover", "ms", about, Target("under 2 ms", limit=2.0))
    beyond = Row("failover-beyond-carrier", "ms", f"{about}: from the kernel's carrier event")

    def measure(system: System, here: Field) -> Sample:
        first, second = here.uplinks
        return here.watch(
            system.arguments(here, FAILOVER), "--other", second.name, "--settle", SETTLE,
            "--trigger", Field.FAR, "--far-end", first.far_end, "--state", "down",
        )  # fmt: skip

    for name, sample in run_in_turn(FAILOVER, choice, measure, uplinks=2):
        ok = sample["ok"]
        whole.take(name, sample["route"] if ok else None)
        beyond.take(name, sample["route"] - sample["carrier"] if ok else None)
    return [whole, beyond]


ATTEMPTS = 6
HELD_BACK = 50.0  # ms; it is within 15 when nothing else happens on the machine
MEMORY_AFTER = 0.3  # seconds after the first ping
SETTLE = 2.0  # seconds: the kernel holds back a change of carrier up to one after the last one


# Tool calls: a daemon and NetworkManager that run on, and are asked in turn

MICROSECONDS = "us"
CALLS = {"net.interfaces": 1000, "net.configure": 200, "ip": 100, "nmcli": 20}


def start_ours(stack: ExitStack, state: str = STATE) -> Field:
    here = stack.enter_context(field())
    daemon = Daemon(here.client, state=state, socket_path=SOCKET).start()
    wait_for(lambda: here.client.default_routes(), what=f"a lease: {daemon.log()}")
    return here


def start_networkmanager(stack: ExitStack) -> Field:
    here = stack.enter_context(field())
    prepare_networkmanager(here.client, here.uplinks)
    here.client.popen("/usr/sbin/NetworkManager", "-n", name="NetworkManager")
    wait_for(lambda: here.client.default_routes(), what="a lease of NetworkManager")
    return here


def networkmanager_wanted(choice: Choice) -> bool:
    system = next(system for system in SYSTEMS if system.name == "NetworkManager")
    return choice.wants_peer("nmcli") and not system.missing()


def call_rows(work: str, about: str, floor: str, target: Target) -> tuple[Row, Row]:
    return (
        Row(work, MICROSECONDS, about, target, floor_name=floor),
        Row(f"{work}-p99", MICROSECONDS, f"{about}: slowest of a hundred", floor_name=floor),
    )


def take_series(rows: tuple[Row, Row], name: str, series: dict[str, float]) -> None:
    rows[0].take(name, series["median"])
    rows[1].take(name, series["p99"])


def call_read(choice: Choice) -> list[Row]:
    echo = "echo"
    rows = call_rows(
        "call-read",
        "a tool call that reads (net.interfaces), over a kept connection",
        echo,
        Target("under 100 us", limit=100.0),
    )
    with ExitStack() as stack:
        ours = start_ours(stack)
        other = start_networkmanager(stack) if networkmanager_wanted(choice) else None
        for run in range(choice.runs):
            choice.progress(f"call-read, run {run + 1} of {choice.runs}")
            count = CALLS["net.interfaces"]
            series = ours.measure("call", SOCKET, count, "net.interfaces", "{}")
            take_series(rows, OURS, series["call"])
            take_series(rows, echo, series["echo"])
            if choice.wants_peer("ip"):
                take_series(rows, "ip", ours.measure("spawn", CALLS["ip"], "ip", "-j", "addr"))
            if other:
                command = ["nmcli", "-t", "device", "show"]
                take_series(rows, "nmcli", other.measure("spawn", CALLS["nmcli"], *command))
    return list(rows)


CONFIGURE = '{{"link": "{link}", "method": "static", "addresses": ["{address}"]}}'


def call_change(choice: Choice) -> list[Row]:
    floor = "rtnetlink+fdatasync"
    rows = call_rows(
        "call-change",
        "a tool call that changes an address (net.configure), journal included",
        floor,
        Target("under 1 ms", limit=1000.0),
    )
    memory = Row(
        "call-change-in-memory",
        MICROSECONDS,
        "the same with the state in memory, where nothing waits for a disk",
        Target("under 1 ms", limit=1000.0),
        floor_name="rtnetlink",
    )
    disk = Row(
        "fdatasync",
        MICROSECONDS,
        "of 4 KiB appended where the journal is: what a durable change waits for",
        floor_name="fdatasync",
    )
    with ExitStack() as stack:
        # On the disk that the build is on: what lives in memory costs nothing to make durable.
        state = stack.enter_context(tempfile.TemporaryDirectory(dir=build_directory()))
        ours = start_ours(stack, state=str(Path(state) / "state"))
        ours_in_memory = start_ours(stack)
        other = start_networkmanager(stack) if networkmanager_wanted(choice) else None
        (uplink,) = ours.uplinks
        for run in range(choice.runs):
            choice.progress(f"call-change, run {run + 1} of {choice.runs}")
            bare = ours.measure("change", state, uplink.name, CALLS["net.configure"])
            for row, value in zip(rows, ("median", "p99")):
                row.take(floor, bare["address"][value] + bare["fdatasync"][value])
            memory.take("rtnetlink", bare["address"]["median"])
            disk.take("fdatasync", bare["fdatasync"]["median"])
            arguments = [
                CONFIGURE.format(link=uplink.name, address=uplink.address(last))
                for last in (50, 51)
            ]
            count = CALLS["net.configure"]
            series = ours.measure("call", SOCKET, count, "net.configure", *arguments)
            take_series(rows, OURS, series["call"])
            series = ours_in_memory.measure("call", SOCKET, count, "net.configure", *arguments)
            memory.take(OURS, series["call"]["median"])
            if choice.wants_peer("ip"):
                command = ["ip", "addr", "add|del", "192.0.2.77/24", "dev", uplink.name]
                take_series(rows, "ip", ours.measure("spawn", CALLS["ip"], *command))
            if other:
                addresses = f"{uplink.address(50)}|{uplink.address(51)}"
                command = ["nmcli", "device", "modify", uplink.name, "ipv4.method", "manual"]
                command += ["ipv4.addresses", addresses]
                take_series(rows, "nmcli", other.measure("spawn", CALLS["nmcli"], *command))
    return [*rows, memory, disk]


# Row by name: the experiment that gives it
EXPERIMENTS: dict[str, Callable[[Choice], list[Row]]] = {
    "online": online,
    "memory": online,
    "hotplug": hotplug,
    "failover": failover,
    "call-read": call_read,
    "call-change": call_change,
    **SCALE_EXPERIMENTS,
}
