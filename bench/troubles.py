"""A restart with many links, and announcements of the kernel that are lost."""

import os
import re
import signal
import time
from typing import Any

from lab.daemon import McpClient
from lab.host import wait_for

from .field import Field
from .foreign import SMALL_BUFFER, flood
from .rows import Choice, Row, Target
from .running import Running, in_turn, start, start_online
from .systems import OURS, SCALE, SOCKET, System, aiosnetd

# Restarts

LINKS = 100
TRACE = "/run/lab/trace"
WRITE = re.compile(r"nlmsg_type=(?:RTM|IPSET|NFT)_(?:NEW|DEL|SET)\w*")
WRITTEN_SYSCTL = re.compile(r'"/proc/sys/[^"]*", O_(?:WRONLY|RDWR)')


def all_online(here: Field) -> bool:
    return len(here.client.default_routes()) >= LINKS


def start_all_online(system: System, here: Field) -> Running:
    running = start(system, here, SCALE)
    wait_for(lambda: all_online(here), 60, 0.1, what=f"{LINKS} leases of {system.name}")
    running.at_rest()
    return running


def settle(system: System, here: Field) -> tuple[float | None, Running]:
    """Milliseconds from the start of the process until it settled, and the process."""
    begin = time.monotonic()
    if system.name != OURS:
        running = start(system, here, SCALE)
        since = running.at_rest()
        if since is None or not all_online(here):
            return None, running
        return (since - begin) * 1e3, running
    running = Running(here.client.popen(*aiosnetd(), name="aiosnetd"))
    wait_for(lambda: says_settled(here), 10, 0.001, what="an answer of net.status")
    return (time.monotonic() - begin) * 1e3, running


def says_settled(here: Field) -> bool:
    """Whether ours answers, and says that it knows the kernel's state and has no trouble."""
    try:
        with McpClient(here.client.path(SOCKET)) as client:
            status = client.call("net.status")
    except OSError:
        return False
    return status["synchronised"] and not status["troubles"] and len(status["uplinks"]) >= LINKS


def writes_of_restart(system: System, here: Field) -> int:
    """How often it changed something in the kernel, by netlink or sysctl, as strace counts."""
    command = system.arguments(here, SCALE)
    calls = "trace=sendto,sendmsg,sendmmsg,openat"
    strace = ["strace", "-f", "-qq", "-s", "4096", "-e", calls, "-o", TRACE, *command]
    running = Running(here.client.popen(*strace, name="strace"))
    wait_for(lambda: len(running.processes()) > 1, what="the traced process")
    running.at_rest()
    stop(running.processes()[1:], running)
    trace = here.client.read(TRACE)
    return len(WRITE.findall(trace)) + len(WRITTEN_SYSCTL.findall(trace))


def stop(processes: list[Any], running: Running) -> None:
    for process in processes:
        os.kill(int(process.name), signal.SIGTERM)
    running.process.popen.wait(30)


def restart(choice: Choice) -> list[Row]:
    about = f"restart with {LINKS} links that have leases"
    whole = Row("restart-100", "ms", f"{about}: process start until it says that all is well; "
                "peers: until they rest and all have a default route",
                Target("under 20 ms", limit=20.0))  # fmt: skip
    cpu = Row("restart-100-cpu", "ms", f"{about}: CPU time for that, and half a second more")
    writes = Row("restart-100-writes", "writes",
                 f"{about}: requests that change the kernel's state",
                 Target("none", limit=1.0))  # fmt: skip

    def measure(system: System, here: Field) -> tuple[float | None, float, int]:
        start_all_online(system, here).process.stop(30)
        taken, running = settle(system, here)
        running.at_rest()
        used = running.cpu()
        running.process.stop(30)
        return taken, used, writes_of_restart(system, here)

    for name, values in in_turn(choice, whole.work, measure, uplinks=LINKS):
        for row, value in zip((whole, cpu, writes), values):
            row.take(name, value)
    return [whole, cpu, writes]


# Announcements that are lost

ROUNDS = 100
LOST = 300  # routes that come or go while nothing is read


def overrun(choice: Choice) -> list[Row]:
    about = f"the receive buffer of the kernel's announcements overruns {ROUNDS} times"
    row = Row("overrun-100", "ms", f"{about}: until the state is right, the slowest time",
              Target("under 100 ms", limit=100.0))  # fmt: skip
    middle = Row("overrun-100-median", "ms", f"{about}: the same, the median")

    def measure(system: System, here: Field) -> list[float]:
        if system.name != OURS:
            return []  # others do not tell what they know of the kernel
        running = start_online(system, here, SCALE, SMALL_BUFFER)
        assert running.daemon
        with running.daemon.client() as client:
            there = total(client)
            times = []
            for number in range(ROUNDS):
                options = ["--delete"] if number % 2 else []
                os.kill(running.process.pid, signal.SIGSTOP)
                flood(here, "routes", LOST, *options)
                os.kill(running.process.pid, signal.SIGCONT)
                begin = time.monotonic()
                wanted = there + (0 if number % 2 else LOST)
                wait_for(lambda: total(client) == wanted, 10, 0, what=f"{wanted} routes")
                times.append((time.monotonic() - begin) * 1e3)
        if "the receive buffer overran" not in running.process.log():
            raise RuntimeError("nothing was lost")
        return times

    for name, times in in_turn(choice, row.work, measure):
        if not times:
            continue
        row.take(name, max(times))
        middle.take(name, sorted(times)[ROUNDS // 2])
    return [row, middle]


def total(client: McpClient) -> int:
    return client.call("net.route_list", limit=1)["total"]
