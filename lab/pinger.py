"""A ping that runs all the time, and knows of each packet whether it was answered."""

import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .packets import checksum

if TYPE_CHECKING:
    from .host import Host

ECHO_REQUEST, ECHO_REPLY = 8, 0
HEADER = struct.Struct("!BBHHH")
IDENTIFIER = 0x6169
PATIENCE = 1.0  # seconds after which a ping without answer is lost


@dataclass(frozen=True)
class Count:
    """The pings of a span of time. `silence` is the longest time without an answer, in seconds."""

    sent: int
    lost: int
    silence: float


class Pinger:
    """Pings an address from a host, in a thread. Use it in a `with` block."""

    def __init__(self, host: "Host", address: str, interval: float = 0.01) -> None:
        self.address = address
        self.interval = interval
        with host.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.setblocking(False)
        self._lock = threading.Lock()
        self._sent: list[float] = []
        self._answered: dict[int, float] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Pinger":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join()
        self._socket.close()

    def first_answer(self) -> float | None:
        """When the first answer came, by time.monotonic()."""
        with self._lock:
            return min(self._answered.values(), default=None)

    def answered(self) -> list[int]:
        """The numbers of the pings that were answered."""
        with self._lock:
            return sorted(self._answered)

    def lost(self) -> int:
        """How many were lost between the first and the last answer."""
        numbers = self.answered()
        return numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0

    def wait_for_answers(self, count: int, timeout: float = 5.0) -> None:
        """Wait for so many more answers."""
        wanted = len(self.answered()) + count
        deadline = time.monotonic() + timeout
        while len(self.answered()) < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.address} does not answer {count} more pings")
            time.sleep(self.interval)

    def count(self, start: float, end: float) -> Count:
        """The pings that were sent between two times; waits until the last of them had its time."""
        time.sleep(max(0.0, end + PATIENCE - time.monotonic()))
        with self._lock:
            numbers = [n for n, at in enumerate(self._sent) if start <= at < end]
            answers = sorted(self._answered[n] for n in numbers if n in self._answered)
        edges = [start, *answers, end]
        silence = max(late - early for early, late in zip(edges, edges[1:]))
        return Count(len(numbers), len(numbers) - len(answers), silence)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping:
            wait = due - time.monotonic()
            if wait > 0:
                if select.select([self._socket], [], [], wait)[0]:
                    self._receive()
                continue
            self._send()
            due = max(due + self.interval, time.monotonic())

    def _send(self) -> None:
        number = len(self._sent)
        header = HEADER.pack(ECHO_REQUEST, 0, 0, IDENTIFIER, number & 0xFFFF)
        packet = header[:2] + struct.pack("!H", checksum(header)) + header[4:]
        with self._lock:
            self._sent.append(time.monotonic())
        try:
            self._socket.sendto(packet, (self.address, 0))
        except OSError:
            pass  # no way there: it stays without an answer

    def _receive(self) -> None:
        try:
            data = self._socket.recv(2048)
        except BlockingIOError:
            return
        now = time.monotonic()
        kind, _, _, identifier, number = HEADER.unpack_from(data, (data[0] & 15) * 4)
        if kind != ECHO_REPLY or identifier != IDENTIFIER:
            return
        with self._lock:
            number += (len(self._sent) - 1 - number) & ~0xFFFF
            self._answered.setdefault(number, now)
