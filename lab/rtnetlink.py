"""What the kernel of a host announces (carrier, addresses, default routes), and how it routes."""

import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Callable, Iterator

if TYPE_CHECKING:
    from .host import Host

NETLINK_ROUTE = 0
GROUPS = 0x1 | 0x10 | 0x40  # RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE
RTM_NEWLINK, RTM_NEWADDR, RTM_DELADDR = 16, 20, 21
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
NLM_F_REQUEST = 1
IFLA_IFNAME, IFA_LOCAL = 3, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY = 1, 4, 5, 6
IFF_LOWER_UP = 1 << 16
RT_TABLE_MAIN, RTN_UNICAST = 254, 1
HEADER, LINK = struct.Struct("=IHHII"), struct.Struct("=BxHiII")
ADDRESS, ROUTE = struct.Struct("=BBBBI"), struct.Struct("=BBBBBBBBI")


@dataclass(frozen=True)
class Announcement:
    """One change. `what` is carrier, address or route; `there` whether it came or went."""

    at: float  # time.monotonic() when it was read
    link: str
    what: str
    there: bool
    text: str


def attributes(payload: bytes) -> dict[int, bytes]:
    found, offset = {}, 0
    while offset + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = payload[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, offset)
        yield kind, data[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def number(value: bytes | None) -> int:
    return struct.unpack("=I", value)[0] if value else 0


class KernelMonitor:
    """Listens in a host's namespace, in a thread; calls `on_news` when there is something."""

    def __init__(self, host: "Host", on_news: Callable[[], object] = lambda: None) -> None:
        with host.entered():
            self._announcements = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
            self._announcements.bind((0, GROUPS))
            self._requests = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
            self._requests.bind((0, 0))
            self._names = dict(socket.if_nameindex())
        self._announcements.settimeout(0.1)
        self._on_news = on_news
        self._heard: deque[Announcement] = deque()
        self._carrier: dict[int, bool] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "KernelMonitor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join()
        self._announcements.close()
        self._requests.close()

    def take(self) -> Iterator[Announcement]:
        """What was announced since the last call."""
        while self._heard:
            yield self._heard.popleft()

    def _listen(self) -> None:
        while not self._stopping:
            try:
                data = self._announcements.recv(1 << 16)
            except TimeoutError:
                continue
            now = time.monotonic()
            for kind, body in messages(data):
                announcement = self._parse(now, kind, body)
                if announcement:
                    self._heard.append(announcement)
                    self._on_news()

    def outgoing_link(self, destination: str) -> str | None:
        """The link by which the kernel would send to an address now."""
        body = ROUTE.pack(socket.AF_INET, 32, 0, 0, 0, 0, 0, 0, 0)
        body += struct.pack("=HH", 8, RTA_DST) + ip_address(destination).packed
        size = HEADER.size + len(body)
        self._requests.send(HEADER.pack(size, RTM_GETROUTE, NLM_F_REQUEST, 0, 0) + body)
        for kind, reply in messages(self._requests.recv(1 << 16)):
            if kind == RTM_NEWROUTE:
                return self._name(number(attributes(reply[ROUTE.size :]).get(RTA_OIF)))
        return None

    def _name(self, index: int) -> str:
        return self._names.get(index, f"link {index}")

    def _parse(self, now: float, kind: int, body: bytes) -> Announcement | None:
        if kind == RTM_NEWLINK:
            return self._parse_link(now, body)
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            return self._parse_address(now, kind == RTM_NEWADDR, body)
        if kind in (RTM_NEWROUTE, RTM_DELROUTE):
            return self._parse_route(now, kind == RTM_NEWROUTE, body)
        return None

    def _parse_link(self, now: float, body: bytes) -> Announcement | None:
        _, _, index, flags, _ = LINK.unpack_from(body)
        carrier = bool(flags & IFF_LOWER_UP)
        name = attributes(body[LINK.size :]).get(IFLA_IFNAME)
        if name:
            self._names[index] = name.rstrip(b"\0").decode()
        if self._carrier.get(index, False) == carrier:
            return None
        self._carrier[index] = carrier
        text = "carrier" if carrier else "no carrier"
        return Announcement(now, self._name(index), "carrier", carrier, text)

    def _parse_address(self, now: float, there: bool, body: bytes) -> Announcement | None:
        family, length, _, _, index = ADDRESS.unpack_from(body)
        local = attributes(body[ADDRESS.size :]).get(IFA_LOCAL)
        if family != socket.AF_INET or not local:
            return None
        text = f"{ip_address(local)}/{length}"
        return Announcement(now, self._name(index), "address", there, text)

    def _parse_route(self, now: float, there: bool, body: bytes) -> Announcement | None:
        family, length, _, _, table, _, _, kind, _ = ROUTE.unpack_from(body)
        found = attributes(body[ROUTE.size :])
        if (family, length, table, kind) != (socket.AF_INET, 0, RT_TABLE_MAIN, RTN_UNICAST):
            return None
        gateway = found.get(RTA_GATEWAY)
        text = "default" + (f" via {ip_address(gateway)}" if gateway else "")
        text += f" metric {number(found.get(RTA_PRIORITY))}"
        return Announcement(now, self._name(number(found.get(RTA_OIF))), "route", there, text)
