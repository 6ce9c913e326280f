"""Ethernet, ARP, IPv4, UDP and DHCP as bytes and back: enough to play the other side.

This is deliberately independent of the implementation under test.
"""

import socket
import struct
from dataclasses import dataclass, field
from typing import Iterator

BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"
ZERO_MAC = "00:00:00:00:00:00"
ETHERTYPE_IP = 0x0800
ETHERTYPE_ARP = 0x0806
MAGIC_COOKIE = bytes.fromhex("63825363")

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)

# Options (RFC 2132 and later)
SUBNET_MASK, ROUTER, DNS, HOST_NAME, DOMAIN, MTU, NTP = 1, 3, 6, 12, 15, 26, 42
REQUESTED_ADDRESS, LEASE_TIME, OVERLOAD, MESSAGE_TYPE, SERVER_ID = 50, 51, 52, 53, 54
PARAMETER_LIST, MESSAGE, MAX_SIZE, RENEW_TIME, REBIND_TIME, CLIENT_ID = 55, 56, 57, 58, 59, 61
RAPID_COMMIT, V6_ONLY_PREFERRED, CAPTIVE_PORTAL = 80, 108, 114
DOMAIN_SEARCH, CLASSLESS_ROUTES = 119, 121


def address_bytes(address: str) -> bytes:
    return socket.inet_aton(address)


def address_text(raw: bytes) -> str:
    return socket.inet_ntoa(raw)


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def mac_text(raw: bytes) -> str:
    return raw.hex(":")


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class Arp:
    """An ARP packet for IPv4 over Ethernet (RFC 826), and the Ethernet addresses around it."""

    operation: int
    sender_mac: str
    sender: str
    target_mac: str
    target: str
    source_mac: str = ""
    destination_mac: str = BROADCAST_MAC

    @property
    def is_probe(self) -> bool:
        """RFC 5227: a request from nobody."""
        return self.operation == 1 and self.sender == "0.0.0.0"

    @property
    def is_announcement(self) -> bool:
        """RFC 5227: a packet about the sender's own address."""
        return self.sender == self.target

    def pack(self) -> bytes:
        """The whole frame."""
        return (
            mac_bytes(self.destination_mac)
            + mac_bytes(self.source_mac or self.sender_mac)
            + struct.pack("!HHHBBH", ETHERTYPE_ARP, 1, ETHERTYPE_IP, 6, 4, self.operation)
            + mac_bytes(self.sender_mac)
            + address_bytes(self.sender)
            + mac_bytes(self.target_mac)
            + address_bytes(self.target)
        )

    @classmethod
    def unpack(cls, frame: bytes) -> "Arp | None":
        """The packet in a frame, or None if there is no ARP for IPv4 in it."""
        if len(frame) < 42 or frame[12:20] != bytes.fromhex("0806000108000604"):
            return None
        return cls(
            operation=int.from_bytes(frame[20:22], "big"),
            sender_mac=mac_text(frame[22:28]),
            sender=address_text(frame[28:32]),
            target_mac=mac_text(frame[32:38]),
            target=address_text(frame[38:42]),
            source_mac=mac_text(frame[6:12]),
            destination_mac=mac_text(frame[:6]),
        )


@dataclass
class Datagram:
    """A UDP datagram in an IPv4 packet in an Ethernet frame."""

    source_mac: str
    destination_mac: str
    source: str
    destination: str
    source_port: int
    destination_port: int
    payload: bytes

    def pack(self, udp_checksum: int | None = None) -> bytes:
        """The whole frame; the UDP checksum can be given, for instance a wrong one or 0."""
        length = 8 + len(self.payload)
        ends = address_bytes(self.source) + address_bytes(self.destination)
        ports = struct.pack("!HHH", self.source_port, self.destination_port, length)
        if udp_checksum is None:
            pseudo_header = ends + struct.pack("!BBH", 0, socket.IPPROTO_UDP, length)
            udp_checksum = checksum(pseudo_header + ports + b"\0\0" + self.payload) or 0xFFFF
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0)
        ip_checksum = checksum(header + ends)
        return (
            mac_bytes(self.destination_mac)
            + mac_bytes(self.source_mac)
            + struct.pack("!H", ETHERTYPE_IP)
            + header[:10]
            + struct.pack("!H", ip_checksum)
            + ends
            + ports
            + struct.pack("!H", udp_checksum)
            + self.payload
        )

    @classmethod
    def unpack(cls, frame: bytes) -> "Datagram | None":
        """The datagram in a frame, or None if there is no unfragmented one in it."""
        if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_UDP:
            return None
        udp = 14 + (frame[14] & 15) * 4
        source_port, destination_port, length = struct.unpack("!HHH", frame[udp : udp + 6])
        return cls(
            source_mac=mac_text(frame[6:12]),
            destination_mac=mac_text(frame[:6]),
            source=address_text(frame[26:30]),
            destination=address_text(frame[30:34]),
            source_port=source_port,
            destination_port=destination_port,
            payload=frame[udp + 8 : udp + length],
        )


@dataclass
class DhcpMessage:
    """A DHCP message (RFC 2131). Options are raw bytes by code, sent in the order of the dict."""

    op: int = 1
    xid: int = 0
    secs: int = 0
    flags: int = 0
    ciaddr: str = "0.0.0.0"
    yiaddr: str = "0.0.0.0"
    siaddr: str = "0.0.0.0"
    giaddr: str = "0.0.0.0"
    chaddr: str = ZERO_MAC
    sname: bytes = b""
    file: bytes = b""
    options: dict[int, bytes] = field(default_factory=dict)

    @property
    def type(self) -> int:
        """The message type (option 53), 0 for BOOTP."""
        return (self.options.get(MESSAGE_TYPE) or b"\0")[0]

    @property
    def broadcast(self) -> bool:
        """Whether the client asks for a broadcast reply."""
        return bool(self.flags & 0x8000)

    def address(self, code: int) -> str | None:
        """The value of an option that is one address."""
        raw = self.options.get(code)
        return address_text(raw) if raw and len(raw) == 4 else None

    def pack(self) -> bytes:
        """The payload of the datagram. Long options are split as RFC 3396 says."""
        head = struct.pack("!BBBBIHH", self.op, 1, 6, 0, self.xid, self.secs, self.flags)
        addresses = (self.ciaddr, self.yiaddr, self.siaddr, self.giaddr)
        head += b"".join(map(address_bytes, addresses))
        head += mac_bytes(self.chaddr).ljust(16, b"\0")
        head += self.sname.ljust(64, b"\0") + self.file.ljust(128, b"\0")
        return (head + MAGIC_COOKIE + pack_options(self.options)).ljust(300, b"\0")

    @classmethod
    def unpack(cls, payload: bytes) -> "DhcpMessage | None":
        """The message in a datagram's payload, or None if it is none."""
        if len(payload) < 240 or payload[236:240] != MAGIC_COOKIE:
            return None
        op, _, _, _, xid, secs, flags = struct.unpack("!BBBBIHH", payload[:12])
        addresses = [address_text(payload[i : i + 4]) for i in range(12, 28, 4)]
        return cls(
            op,
            xid,
            secs,
            flags,
            *addresses,
            chaddr=mac_text(payload[28:34]),
            sname=payload[44:108].rstrip(b"\0"),
            file=payload[108:236].rstrip(b"\0"),
            options=unpack_options(payload[240:]),
        )


def pack_options(options: dict[int, bytes]) -> bytes:
    """Options as code, length, value, and the end option."""
    return b"".join(part for item in options.items() for part in split_option(*item)) + b"\xff"


def split_option(code: int, value: bytes) -> Iterator[bytes]:
    """One option in pieces of at most 255 octets (RFC 3396)."""
    for start in range(0, max(len(value), 1), 255):
        piece = value[start : start + 255]
        yield bytes([code, len(piece)]) + piece


def unpack_options(raw: bytes) -> dict[int, bytes]:
    """Options by code, pieces of the same code joined. Stops where the bytes make no sense."""
    options: dict[int, bytes] = {}
    at = 0
    while at < len(raw) and raw[at] != 255:
        if raw[at] == 0:
            at += 1
            continue
        if at + 2 > len(raw):
            break
        code, length = raw[at], raw[at + 1]
        options[code] = options.get(code, b"") + raw[at + 2 : at + 2 + length]
        at += 2 + length
    return options


def seconds(value: int) -> bytes:
    """A time as an option's value."""
    return value.to_bytes(4, "big")


def domain_list(*names: str) -> bytes:
    """Domain names as an option's value (RFC 3397), without compression."""
    labels = ([*name.split("."), ""] for name in names)
    return b"".join(bytes([len(label)]) + label.encode() for name in labels for label in name)
