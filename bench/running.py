"""Systems that run on while something happens to them: their CPU time, memory and rest."""

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

from lab.daemon import Daemon
from lab.host import Process, wait_for

from .field import Field, field
from .rows import Choice
from .systems import OURS, SCALE, SOCKET, STATE, SYSTEMS, System

STILL = 0.5  # seconds of rest that are waited for
STILL_SHARE = 0.02  # of a core, that one at rest may use
LOOK_EVERY = 0.01  # seconds


@dataclass
class Running:
    """A system's process in the client of a field, with all that it started."""

    process: Process
    daemon: Daemon | None = None  # if it is ours

    def processes(self) -> list[Path]:
        """Directories in /proc."""
        found, new = [], [self.process.pid]
        while new:
            directory = Path(f"/proc/{new.pop()}")
            found.append(directory)
            for task in directory.glob("task/*/children"):
                new += map(int, read(task).split())
        return found

    def cpu(self) -> float:
        """Milliseconds of CPU time so far."""
        tasks = [task for process in self.processes() for task in process.glob("task/*/schedstat")]
        return sum(int((read(task).split() or ["0"])[0]) for task in tasks) / 1e6

    def memory(self) -> float:
        """PSS in MB."""
        rollups = [read(process / "smaps_rollup") for process in self.processes()]
        lines = [line.split() for rollup in rollups for line in rollup.splitlines()]
        return sum(int(line[1]) for line in lines if line[0] == "Pss:") * 1024 / 1e6

    def at_rest(self, timeout: float = 60.0) -> float | None:
        """Wait until it rests; returns since when it does (time.monotonic()), None if never."""
        deadline = time.monotonic() + timeout
        seen = deque([(time.monotonic(), self.cpu())])
        while time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
            now, cpu = time.monotonic(), self.cpu()
            seen.append((now, cpu))
            while now - seen[0][0] > STILL:
                if cpu - seen[0][1] < STILL * STILL_SHARE * 1e3:
                    return seen[0][0]
                seen.popleft()
        return None

    def share(self, seconds: float) -> float:
        """Per cent of a core that it uses from now on for so long."""
        start, cpu = time.monotonic(), self.cpu()
        time.sleep(seconds)
        return (self.cpu() - cpu) / (time.monotonic() - start) / 10

    def call(self, tool: str, /, **arguments: Any) -> Any:
        """A tool of ours."""
        assert self.daemon
        return self.daemon.call(tool, **arguments)


def read(path: Path) -> str:
    """What a file of /proc says, nothing if the process ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def start(system: System, here: Field, work: str, *options: str) -> Running:
    """Start a system in the client. `options` are the daemon's own, not given to others."""
    if system.name == OURS:
        daemon = Daemon(here.client, *options, state=STATE, socket_path=SOCKET).start()
        assert daemon.process
        return Running(daemon.process, daemon)
    return Running(here.client.popen(*system.arguments(here, work), name=system.name))


def start_online(system: System, here: Field, work: str, *options: str) -> Running:
    """The same, and wait until it has a lease and rests."""
    running = start(system, here, work, *options)
    wait_for(here.client.default_routes, 30, what=f"a lease of {system.name}")
    running.at_rest()
    return running


def in_turn(
    choice: Choice,
    work: str,
    measure: Callable[[System, Field], Any],
    kind: str = SCALE,
    **options: Any,
) -> Iterable[tuple[str, Any]]:
    """Each run of each system in a field of its own, of those that do this kind of work."""
    systems = [s for s in SYSTEMS if choice.wants(s, kind) and not s.missing()]
    for run in range(choice.runs):
        for system in systems:
            choice.progress(f"{work}, run {run + 1} of {choice.runs}: {system.name}")
            with field(**options) as here:
                yield system.name, measure(system, here)


@contextmanager
def still_field() -> Iterator[Field]:
    """A field where nobody runs and the uplink has an address: for what the kernel alone costs."""
    with field() as here:
        for uplink in here.uplinks:
            here.client.run("ip", "link", "set", uplink.name, "up")
            here.client.run("ip", "addr", "add", uplink.address(50), "dev", uplink.name)
        yield here
