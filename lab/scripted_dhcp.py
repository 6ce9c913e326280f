"""A DHCP server that does what a test says: late, lost, refused or corrupted replies.

    def script(request: Request) -> Replies:
        if request.message.type == DISCOVER:
            yield 0.0, server.offer(request, "192.168.1.50")
        else:
            yield 1.5, server.nak(request)

    with ScriptedDhcp(lab["server"], "lan", "192.168.1.1") as server:
        server.script = script
        ...
        server.wait_for(REQUEST, count=2)
"""

import socket
from dataclasses import dataclass, replace
from typing import Callable, Iterable

from . import packets
from .arp import ArpStation
from .host import Host
from .packets import ACK, DISCOVER, NAK, OFFER, REQUEST, Datagram, DhcpMessage


@dataclass(frozen=True)
class Request:
    """A message from a client: when it came (seconds of the epoch), and what it came in."""

    at: float
    datagram: Datagram
    message: DhcpMessage

    @property
    def type(self) -> int:
        return self.message.type

    @property
    def unicast(self) -> bool:
        """Whether it was sent to one server, as when a lease is renewed."""
        return self.datagram.destination != "255.255.255.255"


Reply = DhcpMessage | bytes
Replies = Iterable[tuple[float, Reply]]
Script = Callable[[Request], Replies]


class ScriptedDhcp(ArpStation):
    """The server. Its script maps each request to replies: (delay in seconds, message or frame).

    Also answers ARP for its own address, so it needs no address in the kernel. Without a script of
    the test's it grants `grant` to everybody."""

    def __init__(
        self, host: Host, interface: str, address: str = "192.168.1.1", grant: str = "192.168.1.50"
    ) -> None:
        super().__init__(host, interface)
        self.address = address
        self.grant = grant
        self.script: Script = self.obliging
        self.options: dict[int, bytes] = {
            packets.SUBNET_MASK: packets.address_bytes("255.255.255.0"),
            packets.ROUTER: packets.address_bytes(address),
            packets.DNS: packets.address_bytes(address),
            packets.LEASE_TIME: packets.seconds(3600),
        }
        self.requests: list[Request] = []
        self.hold(address)
        # Bound, so that the kernel does not answer unicast requests with port unreachable.
        with host.entered():
            self._absorber = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._absorber.bind(("0.0.0.0", 67))

    def __enter__(self) -> "ScriptedDhcp":
        super().__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._absorber.close()
        super().__exit__(*details)

    # Replies

    def reply(
        self, request: Request, message_type: int, address: str = "0.0.0.0", **options: bytes | None
    ) -> DhcpMessage:
        """A reply to a request with the server's options; keywords such as option_51=b"..." set
        or (None) take away some."""
        changes = {int(k.removeprefix("option_")): v for k, v in options.items()}
        identity = {
            packets.MESSAGE_TYPE: bytes([message_type]),
            packets.SERVER_ID: packets.address_bytes(self.address),
        }
        if client_id := request.message.options.get(packets.CLIENT_ID):
            identity[packets.CLIENT_ID] = client_id  # RFC 6842
        settings = {} if message_type == NAK else self.options
        merged = {**identity, **settings, **changes}
        return replace(
            request.message,
            op=2,
            secs=0,
            yiaddr=address,
            siaddr="0.0.0.0",
            sname=b"",
            file=b"",
            options={code: value for code, value in merged.items() if value is not None},
        )

    def offer(
        self, request: Request, address: str | None = None, **options: bytes | None
    ) -> DhcpMessage:
        return self.reply(request, OFFER, address or self.grant, **options)

    def ack(
        self, request: Request, address: str | None = None, **options: bytes | None
    ) -> DhcpMessage:
        return self.reply(request, ACK, address or self.grant, **options)

    def nak(self, request: Request, **options: bytes | None) -> DhcpMessage:
        return self.reply(request, NAK, **options)

    def obliging(self, request: Request) -> Replies:
        """The script of a good server."""
        if request.type == DISCOVER:
            yield 0.0, self.offer(request)
        elif request.type == REQUEST:
            yield 0.0, self.ack(request)

    def frame(self, request: Request, reply: DhcpMessage, payload: bytes | None = None) -> bytes:
        """A reply as the frame that RFC 2131 section 4.1 asks for; the payload can be another."""
        message = request.message
        to_all = message.broadcast or reply.type == NAK
        if message.ciaddr != "0.0.0.0" and reply.type != NAK:
            destination, to_all = message.ciaddr, False
        else:
            destination = "255.255.255.255" if to_all else reply.yiaddr
        return Datagram(
            source_mac=self.mac,
            destination_mac=packets.BROADCAST_MAC if to_all else request.datagram.source_mac,
            source=self.address,
            destination=destination,
            source_port=67,
            destination_port=68,
            payload=reply.pack() if payload is None else payload,
        ).pack()

    # What came in

    def of_type(self, message_type: int) -> list[Request]:
        """Requests of one type so far."""
        return [request for request in self.requests if request.type == message_type]

    def wait_for(self, message_type: int, count: int = 1, timeout: float = 10.0) -> Request:
        """Wait for the count-th message of a type."""

        def arrived() -> Request | None:
            found = self.of_type(message_type)
            return found[count - 1] if len(found) >= count else None

        found = self.wait(arrived, timeout, f"DHCP message {message_type}, number {count}")
        assert found
        return found

    def on_frame(self, frame: bytes, at: float) -> None:
        super().on_frame(frame, at)
        datagram = Datagram.unpack(frame)
        if datagram is None or datagram.destination_port != 67:
            return
        message = DhcpMessage.unpack(datagram.payload)
        if message is None or message.op != 1:
            return
        request = Request(at, datagram, message)
        self.requests.append(request)
        for delay, reply in self.script(request):
            raw = reply if isinstance(reply, bytes) else self.frame(request, reply)
            self.send(raw, delay)
