"""What others do in the kernel while a system runs: many routes, neighbours and links of theirs."""

import time
from typing import Any, Callable

from lab.host import Process

from .field import Field, program
from .rows import Choice, Row, Target
from .running import Running, in_turn, start_online, still_field
from .systems import SCALE, System

BGP = 186  # RTPROT_BGP
SMALL_BUFFER = "--receive-buffer=4096"
REACTIONS = 20  # links that are set down while the routes come
REACT_EVERY = 100  # ms

# 20,000 routes through a small buffer

FOREIGN = 20000


def kernel_routes(here: Field) -> int:
    """As net.route_list counts: without the local table."""
    lists = [here.client.output("ip", family, "-o", "route", "show", "table", "all")
             for family in ("-4", "-6")]  # fmt: skip
    return sum("table local" not in line for text in lists for line in text.splitlines())


def flood(here: Field, kind: str, count: int, *options: object) -> float:
    """Milliseconds that it took."""
    (uplink,) = here.uplinks
    return here.measure("flood", *options, kind, uplink.name, count)["ms"]


def foreign_routes(choice: Choice) -> list[Row]:
    about = f"{FOREIGN:,} routes of somebody else come, ours with a 4 kB receive buffer"
    cpu = Row("foreign-routes-20000", "ms", f"{about}: CPU time until it rests, state right",
              Target("under 1 s of CPU, and the state right", limit=1000.0))  # fmt: skip
    whole = Row("foreign-routes-20000-until", "ms", f"{about}: from the first one until it rests")

    def measure(system: System, here: Field) -> tuple[float | None, float | None]:
        running = start_online(system, here, SCALE, SMALL_BUFFER)
        before, begin = running.cpu(), time.monotonic()
        flood(here, "routes", FOREIGN, "--gateway", here.uplinks[0].gateway)
        since = running.at_rest()
        used = running.cpu() - before
        if since is None or not state_is_right(running, here):
            return None, None
        return used, (since - begin) * 1e3

    for name, (used, until) in in_turn(choice, cpu.work, measure):
        cpu.take(name, used)
        whole.take(name, until)
    return [cpu, whole]


def state_is_right(running: Running, here: Field) -> bool:
    """Whether ours tells of as many routes as there are. Others do not tell, and are believed."""
    if not running.daemon:
        return True
    return running.call("net.route_list", limit=1)["total"] == kernel_routes(here)


# A routing daemon's million

MILLION = 1_000_000


def million_routes(choice: Choice) -> list[Row]:
    about = "a routing daemon's 1,000,000 routes"
    after = Row("routes-1000000", "%", f"{about}: share of a core in the 5 s after they came",
                Target("under 3 % of a core", limit=3.0))  # fmt: skip
    during = Row("routes-1000000-cpu", "ms", f"{about}: CPU time while they come")
    memory = Row("routes-1000000-memory", "MB", f"{about}: PSS after that",
                 Target("under 16 MB", limit=16.0))  # fmt: skip
    event = Row("routes-1000000-event", "ms",
                f"{about}: a link is set down while they come, until it is up again",
                Target("under 5 ms", limit=5.0))  # fmt: skip
    slowest = Row("routes-1000000-event-slowest", "ms", f"the same: the slowest of {REACTIONS}")

    def measure(system: System, here: Field) -> dict[str, Any]:
        names = add_pairs(here, REACTIONS)
        running = start_online(system, here, SCALE)
        if running.daemon:
            links = [{"name": name, "up": True} for name in names]
            running.call("net.apply", links=links, take_over=True)
        before = running.cpu()
        process = start_million(here)
        series = None
        if running.daemon:
            series = here.measure("react", REACT_EVERY, *names)
            if process.popen.poll() is not None:
                raise RuntimeError("the routes had come before the last link was set down")
        if process.popen.wait(timeout=120) != 0:
            raise RuntimeError(process.log())
        used = running.cpu() - before
        share = running.share(5)
        return {"used": used, "share": share, "memory": running.memory(), "event": series}

    for name, sample in in_turn(choice, after.work, measure):
        after.take(name, sample["share"])
        during.take(name, sample["used"])
        memory.take(name, sample["memory"])
        if sample["event"]:
            event.take(name, sample["event"]["median"])
            slowest.take(name, sample["event"]["max"])
    return [after, during, memory, event, slowest]


def add_pairs(here: Field, count: int) -> list[str]:
    """Pairs of veth ends in the client, named as container engines do; returns their first ends."""
    names = [f"veth{number}" for number in range(count)]
    lines = [f"link add {name} type veth peer name {name}p" for name in names]
    here.client.run("ip", "-batch", "-", input="\n".join(lines), timeout=120)
    return names


def start_million(here: Field) -> Process:
    (uplink,) = here.uplinks
    options = ["--protocol", BGP, "--gateway", uplink.gateway]
    return here.client.popen(program("flood"), *options, "routes", uplink.name, MILLION)


# Neighbours

NEIGHBOURS = 65_000
NEIGHBOURS_RATE = 10_000  # a second


def share_while(running: Running, happens: Callable[[], object]) -> float:
    """Per cent of a core that is used while something happens, and until it rests."""
    cpu, begin = running.cpu(), time.monotonic()
    happens()
    end = running.at_rest()
    return (running.cpu() - cpu) / ((end or time.monotonic()) - begin) / 10


def storm_row(work: str, about: str) -> Row:
    return Row(work, "%", f"{about}, {NEIGHBOURS_RATE:,} a second: share of a core meanwhile",
               Target("under 5 % of a core", limit=5.0))  # fmt: skip


def arp_storm(choice: Choice) -> list[Row]:
    row = storm_row("arp-storm", f"{NEIGHBOURS:,} hosts ask for our address by ARP")

    def measure(system: System, here: Field) -> float:
        running = start_online(system, here, SCALE)
        (uplink,) = here.uplinks
        asked = here.client.addresses(uplink.name)[0].split("/")[0]
        command = [program("arpstorm"), uplink.far_end, asked, NEIGHBOURS, NEIGHBOURS_RATE]
        return share_while(running, lambda: here.server.run(*command, timeout=60))

    for name, share in in_turn(choice, row.work, measure):
        row.take(name, share)
    return [row]


def neighbours(choice: Choice) -> list[Row]:
    row = storm_row("neighbours-65000", f"{NEIGHBOURS:,} entries of the kernel's table appear")

    def measure(system: System, here: Field) -> float:
        running = start_online(system, here, SCALE)
        rate = ["--rate", NEIGHBOURS_RATE]
        return share_while(running, lambda: flood(here, "neighbours", NEIGHBOURS, *rate))

    for name, share in in_turn(choice, row.work, measure):
        row.take(name, share)
    return [row]


# Links

VETHS = 1000
BATCH = "ip -batch"


def veths(choice: Choice) -> list[Row]:
    about = f"{VETHS:,} veth ends appear while it runs"
    whole = Row("veths-1000", "ms", f"{about}: from the first one until it rests",
                Target("under 1 s", limit=1000.0), floor_name=BATCH)  # fmt: skip
    cpu = Row("veths-1000-cpu", "ms", f"{about}: CPU time for that", floor_name=None)

    def measure(system: System, here: Field) -> tuple[float | None, float]:
        running = start_online(system, here, SCALE)
        before, begin = running.cpu(), time.monotonic()
        add_pairs(here, VETHS // 2)
        since = running.at_rest(timeout=120)
        used = running.cpu() - before
        if running.daemon:
            shown = {link["name"] for link in running.call("net.status")["links"]}
            if len(shown) < VETHS:
                raise RuntimeError(f"{len(shown)} links are shown")
        return (since - begin) * 1e3 if since else None, used

    for name, (until, used) in in_turn(choice, whole.work, measure):
        whole.take(name, until)
        cpu.take(name, used)
    for _ in range(choice.runs):
        with still_field() as here:
            begin = time.monotonic()
            add_pairs(here, VETHS // 2)
            whole.take(BATCH, (time.monotonic() - begin) * 1e3)
    return [whole, cpu]
