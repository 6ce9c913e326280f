"""What changes in the kernel of a host while a test does something, in the words of `ip monitor`."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .host import Host

SETTLING_TIME = 0.1  # seconds that announcements need to arrive


class Monitor:
    """`ip monitor` in a host during a `with` block: what the kernel announced, one line each."""

    def __init__(self, host: "Host", *objects: str) -> None:
        self.host = host
        self.objects = objects or ("link", "address", "route", "rule")

    def __enter__(self) -> "Monitor":
        command = ["ip", "-o", "-d", "monitor", *self.objects]
        self.process = self.host.popen(*command, name=f"monitor-{len(self.host.processes)}")
        deadline = time.monotonic() + 5
        while not self._subscribed():
            if time.monotonic() > deadline:
                raise TimeoutError("ip monitor does not subscribe")
            time.sleep(0.002)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(SETTLING_TIME)
        self.process.kill()

    def _subscribed(self) -> bool:
        """Whether its netlink socket is in multicast groups."""
        for line in Path(f"/proc/{self.host.pid}/net/netlink").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[2] == str(self.process.pid) and int(fields[3], 16):
                return True
        return False

    def lines(self, pattern: str = "") -> list[str]:
        """What matches a regular expression."""
        return [line for line in self.process.log().splitlines() if re.search(pattern, line)]

    def deleted(self, pattern: str = "") -> list[str]:
        """Removals that match a regular expression."""
        return [line for line in self.lines(pattern) if line.startswith("Deleted")]
