"""A thread that listens on one interface of a host and sends frames when they are due.

Python's own, in the test's process: the socket is made inside the host's namespace and stays there.
"""

import errno
import heapq
import itertools
import os
import selectors
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from .host import Host

ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
PACKET_OUTGOING = 4
RECEIVE_BUFFER = 4 << 20
T = TypeVar("T")


class Station:
    """The base of whatever plays a part on the wire. Use it in a `with` block."""

    hears_itself = False  # whether on_frame() also gets what the host itself sends

    def __init__(self, host: "Host", interface: str) -> None:
        self.host = host
        self.interface = interface
        self.mac = host.mac(interface)
        self.failure: BaseException | None = None
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, bytes]] = []
        self._order = itertools.count()
        self._wake_reader, self._wake_writer = os.pipe()
        self._stopping = False
        with host.entered():
            protocol = socket.htons(ETH_P_ALL)
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, protocol)
            self._socket.bind((interface, ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def on_frame(self, frame: bytes, at: float) -> None:
        """A frame came in; called in the station's thread."""
        raise NotImplementedError

    def send(self, frame: bytes, delay: float = 0.0) -> None:
        """Send a frame, now or after some seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), frame))
        os.write(self._wake_writer, b"x")

    def wait(self, condition: Callable[[], T], timeout: float = 10.0, what: str = "") -> T:
        """Wait until something true comes of a condition on what was received."""
        with self._changed:
            if value := self._changed.wait_for(self._checked(condition), timeout):
                return value
        raise TimeoutError(f"waited {timeout} s in vain for {what or condition}")

    def _checked(self, condition: Callable[[], T]) -> Callable[[], T]:
        def check() -> T:
            if self.failure:
                raise self.failure
            return condition()

        return check

    def __enter__(self) -> "Station":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        os.write(self._wake_writer, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
        if self.failure:
            raise self.failure

    def _serve(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._socket, selectors.EVENT_READ)
                selector.register(self._wake_reader, selectors.EVENT_READ)
                while not self._stopping:
                    for key, _ in selector.select(self._send_due()):
                        if key.fileobj is self._socket:
                            self._receive()
                        else:
                            os.read(self._wake_reader, 4096)
        except BaseException as failure:  # shown by the next wait() or at the end of the block
            with self._changed:
                self.failure = failure
                self._changed.notify_all()

    def _send_due(self) -> float | None:
        """Send what is due; returns the time until the next frame is."""
        with self._changed:
            while self._due and self._due[0][0] <= time.monotonic():
                self._socket.send(heapq.heappop(self._due)[2])
            return max(0.0, self._due[0][0] - time.monotonic()) if self._due else None

    def _receive(self) -> None:
        try:
            frame, ancillary, _, address = self._socket.recvmsg(65536, socket.CMSG_SPACE(16))
        except OSError as error:
            if error.errno == errno.ENETDOWN:  # the socket hears again when the interface is up
                return
            raise
        if address[2] == PACKET_OUTGOING and not self.hears_itself:
            return
        stamp = next(data for level, kind, data in ancillary if kind == SO_TIMESTAMPNS)
        whole, nanoseconds = struct.unpack("@qq", stamp)
        with self._changed:
            self.on_frame(frame, whole + nanoseconds / 1e9)
            self._changed.notify_all()
