"""What else is on a wire: garbage, and hosts that rarely speak."""

import sys

from .base import Server, program


class Garbage(Server):
    """Sends broken and random frames, always the same ones for the same seed."""

    name = "garbage"
    start_cost = 50

    def __init__(self, interface: str, per_second: float = 200, seed: int = 1) -> None:
        self.arguments = [interface, str(per_second), str(seed)]

    def command(self) -> list[str]:
        return [sys.executable, "-I", program("garbage"), *self.arguments]

    def ready(self) -> bool:
        return "started" in self.log()


class Murmur(Server):
    """Asks by ARP for an address from time to time, as an idle printer does."""

    name = "murmur"

    def __init__(self, interface: str, address: str, every: float = 10.0) -> None:
        self.interface = interface
        self.address = address
        self.every = every

    def command(self) -> list[str]:
        ask = f"busybox arping -q -c1 -w1 -I {self.interface} {self.address}"
        return ["sh", "-c", f"while :; do {ask}; sleep {self.every}; done"]

    def ready(self) -> bool:
        return True
