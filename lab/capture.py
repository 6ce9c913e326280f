"""Packet captures on an interface of a host, read with tcpdump's words."""

import re
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .wire import Station

if TYPE_CHECKING:
    from .host import Host

PCAP_NANOSECONDS = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)


@dataclass(frozen=True)
class Packet:
    """One captured packet: time in seconds of the epoch, and tcpdump's words for it."""

    time: float
    text: str


class Capture(Station):
    """A capture that runs inside a `with` block; its packets can be read during and after it.

    It may begin before the interface is up, and goes on when the interface goes down meanwhile."""

    hears_itself = True

    def __init__(self, host: "Host", interface: str, filter: str = "") -> None:
        super().__init__(host, interface)
        self.filter = filter
        self.frames: list[tuple[float, bytes]] = []

    def __enter__(self) -> "Capture":
        super().__enter__()
        return self

    def on_frame(self, frame: bytes, at: float) -> None:
        self.frames.append((at, frame))

    def pcap(self) -> bytes:
        """The capture as a file."""
        records = [PCAP_NANOSECONDS]
        for at, frame in list(self.frames):
            whole, fraction = divmod(at, 1)
            header = struct.pack("=IIII", int(whole), int(fraction * 1e9), len(frame), len(frame))
            records.append(header + frame)
        return b"".join(records)

    def packets(self) -> list[Packet]:
        """What was seen so far and matches the filter."""
        reader = ["tcpdump", "-n", "-tt", "-e", "-v", "-r", "-", self.filter]
        result = subprocess.run(reader, input=self.pcap(), capture_output=True)
        if result.returncode != 0:
            raise RuntimeError(f"tcpdump: {result.stderr.decode()}")
        packets = []
        for entry in re.split(r"^(?=\d+\.\d+ )", result.stdout.decode(), flags=re.MULTILINE):
            stamp, _, text = entry.partition(" ")
            if text:
                packets.append(Packet(float(stamp), " ".join(text.split())))
        return packets

    def matching(self, pattern: str) -> list[Packet]:
        """Packets whose description matches a regular expression."""
        return [packet for packet in self.packets() if re.search(pattern, packet.text)]

    def wait_for(self, pattern: str, count: int = 1, timeout: float = 10.0) -> list[Packet]:
        """Wait until so many packets match."""

        def enough() -> list[Packet]:
            found = self.matching(pattern)
            return found if len(found) >= count else []

        return self.wait(enough, timeout, pattern)
