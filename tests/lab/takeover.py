"""Other managers in a host of the lab, and what must not break while aiosnetd takes over."""

import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from lab import Host
from lab.host import wait_for
from lab.pinger import Pinger

PING_INTERVAL = 0.005
CHUNK = bytes(range(256)) * 4


class Transfer:
    """A TCP stream from a host to another that echoes it: each byte that was sent comes back."""

    def __init__(self, client: Host, server: Host, address: str, port: int = 5001) -> None:
        with server.entered():
            self._listener = socket.create_server((address, port))
        with client.entered():
            self._socket = socket.create_connection((address, port), timeout=10)
        self._peer, _ = self._listener.accept()
        self._stopping = False
        self.sent = self.received = 0
        self.failure: Exception | None = None
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._send, self._echo, self._receive)
        ]

    def __enter__(self) -> "Transfer":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        for thread in self._threads:
            thread.join(10)
        for end in (self._socket, self._peer, self._listener):
            end.close()

    def _run(self, step) -> None:  # type: ignore[no-untyped-def]
        try:
            while step():
                pass
        except OSError as failure:
            self.failure = failure

    def _send(self) -> None:
        def step() -> bool:
            if self._stopping:
                self._socket.shutdown(socket.SHUT_WR)
                return False
            self._socket.sendall(CHUNK)
            self.sent += len(CHUNK)
            time.sleep(PING_INTERVAL)
            return True

        self._run(step)

    def _echo(self) -> None:
        def step() -> bool:
            data = self._peer.recv(65536)
            if data:
                self._peer.sendall(data)
            else:
                self._peer.shutdown(socket.SHUT_WR)
            return bool(data)

        self._run(step)

    def _receive(self) -> None:
        def step() -> bool:
            data = self._socket.recv(65536)
            self.received += len(data)
            return bool(data)

        self._run(step)


@dataclass
class Traffic:
    """What runs meanwhile. After the block: `pings` sent and `lost` of them, counted one by one."""

    pinger: Pinger
    transfer: Transfer
    pings: int = 0
    lost: int = 0
    retransmitted: int = 0
    numbers: list[int] = field(default_factory=list)

    def settle(self, answers: int = 40) -> None:
        """Until so many more pings were answered."""
        self.pinger.wait_for_answers(answers, timeout=20)


@contextmanager
def traffic(host: Host, server: Host, address: str) -> Iterator[Traffic]:
    """A ping and a TCP stream from the host to the server while the block runs; nothing is lost."""
    with host.pinger(address, PING_INTERVAL) as pinger:
        with Transfer(host, server, address) as transfer:
            running = Traffic(pinger, transfer)
            running.settle()
            yield running
            running.settle()
        assert transfer.failure is None, f"the TCP stream broke: {transfer.failure}"
        assert transfer.sent == transfer.received > 0, "bytes of the TCP stream were lost"
    answered = pinger.answered()
    running.pings, running.lost = len(answered), pinger.lost()
    assert running.lost == 0, f"{running.lost} of {running.pings} pings were lost"


def has_address(host: Host, link: str = "eth0") -> bool:
    return bool(host.addresses(link)) and bool(host.default_routes())


def wait_for_address(host: Host, timeout: float = 30.0) -> str:
    """Wait until eth0 has an address and a default route; returns the address with its length."""
    wait_for(lambda: has_address(host), timeout, interval=0.05, what="an address of eth0")
    return host.addresses("eth0")[0]


def kill_all_of(host: Host, pids: list[int]) -> None:
    """SIGKILL to processes of the host."""
    for pid in pids:
        host.run("kill", "-KILL", pid, check=False)


def processes_of(host: Host, command: str) -> list[int]:
    """Pids in the host's network namespace by the name that the kernel shows."""
    ours = Path(f"/proc/{host.pid}/ns/net").readlink()
    found = []
    for process in Path("/proc").iterdir():
        try:
            if (
                process.name.isdigit()
                and (process / "comm").read_text().strip() == command
                and (process / "ns/net").readlink() == ours
            ):
                found.append(int(process.name))
        except OSError:
            continue
    return found
