"""Names of labs, and the end of them.

A namespace is called `aiosnet-lab.PID.START.NUMBER.HOST`: the process that owns the lab, that
process's start time (so a reused pid is no owner), the lab's number in that process. Whoever sees
the name can tell whether its owner still lives, so a lab needs no record beside its namespaces.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Iterable

PREFIX = "aiosnet-lab"
NETNS_DIRECTORY = Path("/run/netns")


def process_start(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot (proc(5), stat field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return stat.rpartition(")")[2].split()[19]


def lab_name(number: int) -> str:
    """The name of this process's lab of that number."""
    pid = os.getpid()
    return f"{PREFIX}.{pid}.{process_start(pid)}.{number}"


def namespaces(prefix: str = PREFIX) -> list[str]:
    """Names of all lab namespaces, or of one lab's when its name is given."""
    try:
        return sorted(n for n in os.listdir(NETNS_DIRECTORY) if n.startswith(f"{prefix}."))
    except FileNotFoundError:
        return []


def owner_lives(namespace: str) -> bool:
    """Whether the process that made this namespace still runs."""
    _, pid, start, *_ = namespace.split(".")
    return process_start(int(pid)) == start


def processes_in(names: Iterable[str]) -> list[int]:
    """Processes that live in any of these namespaces, never this process itself."""
    inodes = set()
    for name in names:
        try:
            inodes.add(os.stat(NETNS_DIRECTORY / name).st_ino)
        except FileNotFoundError:
            continue
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            if os.stat(f"/proc/{entry}/ns/net").st_ino in inodes:
                found.append(int(entry))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def kill_processes(names: list[str], timeout: float = 5.0) -> None:
    """Kill everything inside the namespaces and wait until it is gone or only a zombie."""
    deadline = time.monotonic() + timeout
    while running := [pid for pid in processes_in(names) if not is_zombie(pid)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes survive SIGKILL: {running}")
        for pid in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.002)


def is_zombie(pid: int) -> bool:
    """Whether the process is dead and only waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def destroy(names: list[str]) -> None:
    """Kill what lives in the namespaces and remove them. Somebody else may do so meanwhile."""
    kill_processes(names)
    batch = "".join(f"netns del {name}\n" for name in names)
    subprocess.run(["ip", "-force", "-batch", "-"], input=batch, text=True, capture_output=True)
    if left := [name for name in names if (NETNS_DIRECTORY / name).exists()]:
        raise RuntimeError(f"namespaces could not be removed: {left}")


def reap() -> list[str]:
    """Remove the labs whose owner is gone; returns the names of their namespaces."""
    orphans = [name for name in namespaces() if not owner_lives(name)]
    if orphans:
        destroy(orphans)
    return orphans
