"""A figure of each system: rows, what they have to reach, and what the command line asks for."""

from collections import defaultdict
from dataclasses import dataclass, field as dataclass_field
from statistics import median
from typing import Callable

from .systems import FLOOR, OURS, System


@dataclass(frozen=True)
class Choice:
    """What the command line asks for."""

    runs: int = 9
    peers: frozenset[str] | None = None
    quick: bool = False
    server: str = "dnsmasq"
    progress: Callable[[str], None] = lambda text: None

    def wants(self, system: System, work: str) -> bool:
        if work not in system.works:
            return False
        if system.name in (OURS, FLOOR):
            return True
        if self.peers is not None:
            return system.name in self.peers
        return not (self.quick and work in system.slow)

    def wants_peer(self, name: str) -> bool:
        return self.peers is None or name in self.peers


@dataclass(frozen=True)
class Target:
    """What a row has to reach: at most `limit`, in its unit or times the floor."""

    text: str
    limit: float | None = None
    times_floor: float | None = None
    ahead_of_peers: bool = False

    def reached(self, row: "Row") -> bool | None:
        """None if that cannot be told, for want of a figure."""
        ours, floor, peers = row.ours, row.floor, row.peers().values()
        if ours is None or (self.times_floor and not floor):
            return None
        return (
            (self.limit is None or ours < self.limit)
            and (self.times_floor is None or ours <= self.times_floor * floor)
            and (not self.ahead_of_peers or all(ours < m for m in peers if m is not None))
        )


@dataclass
class Row:
    """One figure of each system: a value a run."""

    work: str
    unit: str
    about: str
    target: Target | None = None
    floor_name: str | None = FLOOR
    values: dict[str, list[float]] = dataclass_field(default_factory=lambda: defaultdict(list))
    failed: dict[str, int] = dataclass_field(default_factory=lambda: defaultdict(int))

    def take(self, system: str, value: float | None) -> None:
        """A value of a run, or None if the system did not get there."""
        values = self.values[system]
        if value is None:
            self.failed[system] += 1
        else:
            values.append(value)

    def median(self, system: str | None) -> float | None:
        values = self.values.get(system) if system else None
        return median(values) if values else None

    @property
    def ours(self) -> float | None:
        return self.median(OURS)

    @property
    def floor(self) -> float | None:
        return self.median(self.floor_name)

    def peers(self) -> dict[str, float | None]:
        others = [name for name in self.values if name not in (OURS, self.floor_name)]
        return {name: self.median(name) for name in others}

    def reached(self) -> bool | None:
        return self.target.reached(self) if self.target else None
