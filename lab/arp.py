"""ARP as a test wants it: hold an address, defend it, watch probes and announcements."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable

from .packets import BROADCAST_MAC, ZERO_MAC, Arp
from .wire import Station

if TYPE_CHECKING:
    from .host import Host


@dataclass(frozen=True)
class SeenArp:
    """An ARP packet that came in, and when (seconds of the epoch, by the kernel)."""

    at: float
    packet: Arp


class ArpStation(Station):
    """Answers for the addresses that it holds, and remembers all ARP packets that come in."""

    def __init__(self, host: "Host", interface: str) -> None:
        super().__init__(host, interface)
        self.received: list[SeenArp] = []
        self._held: dict[str, str] = {}
        self._defended: set[str] = set()

    def hold(self, address: str, mac: str | None = None, defend: bool = True) -> None:
        """Answer for an address, with this MAC or the interface's own.

        With defend, also object when another host announces the address (RFC 5227)."""
        self._held[address] = mac or self.mac
        if defend:
            self._defended.add(address)

    def let_go(self, address: str) -> None:
        """Hold it no more."""
        self._held.pop(address, None)
        self._defended.discard(address)

    def announce(self, address: str, mac: str | None = None) -> None:
        """Say that the address is ours: a conflict for whoever uses it."""
        mac = mac or self.mac
        self.send(Arp(1, mac, address, ZERO_MAC, address, self.mac).pack())

    def probe(self, address: str) -> None:
        """Ask who has it, for nobody (RFC 5227)."""
        self.send(Arp(1, self.mac, "0.0.0.0", ZERO_MAC, address).pack())

    def probes(self, address: str | None = None) -> list[SeenArp]:
        """Probes seen, for one address or all."""
        return [
            seen
            for seen in self.received
            if seen.packet.is_probe and address in (None, seen.packet.target)
        ]

    def announcements(self, address: str | None = None) -> list[SeenArp]:
        """Announcements seen, of one address or all."""
        return [
            seen
            for seen in self.received
            if seen.packet.is_announcement and address in (None, seen.packet.sender)
        ]

    def on_frame(self, frame: bytes, at: float) -> None:
        packet = Arp.unpack(frame)
        if packet is None:
            return
        self.received.append(SeenArp(at, packet))
        if packet.operation == 1 and packet.target in self._held and not packet.is_announcement:
            self._reply(packet)
        elif packet.sender in self._defended:
            self.announce(packet.sender, self._held[packet.sender])

    def _reply(self, request: Arp) -> None:
        mac = self._held[request.target]
        # A probe has no sender to answer to: RFC 5227 lets the answer be broadcast.
        destination = BROADCAST_MAC if request.is_probe else request.source_mac
        reply = Arp(2, mac, request.target, request.sender_mac, request.sender, self.mac)
        reply.destination_mac = destination
        self.send(reply.pack())


class ProxyArp(Station):
    """Answers with its own MAC whatever is asked, also probes, as some routers do; but for the
    addresses in `but_for`, of which the kernel is left to speak.

    The kernel's own proxy_arp is milder: it answers neither probes nor for what is on that link."""

    def __init__(
        self, host: "Host", interface: str, but_for: Iterable[str] = (), delay: float = 0.0
    ) -> None:
        super().__init__(host, interface)
        self.answered: list[Arp] = []
        self._but_for = set(but_for)
        self._delay = delay

    def probes(self) -> list[Arp]:
        """The probes that were answered."""
        return [packet for packet in self.answered if packet.is_probe]

    def on_frame(self, frame: bytes, at: float) -> None:
        packet = Arp.unpack(frame)
        if not packet or packet.operation != 1 or packet.is_announcement:
            return
        if packet.target in self._but_for:
            return
        self.answered.append(packet)
        reply = Arp(2, self.mac, packet.target, packet.sender_mac, packet.sender, self.mac)
        reply.destination_mac = packet.source_mac
        self.send(reply.pack(), self._delay)
