"""Send garbage into an Ethernet segment: garbage.py INTERFACE FRAMES_PER_SECOND SEED.

Random frames, and frames that look right at first: ARP of wrong lengths, DHCP with options that run
past the end, IP whose header lies about its length, LLDP that stops in the middle.
"""

import random
import socket
import struct
import sys
import time

BROADCAST = b"\xff" * 6
LLDP_GROUP = bytes.fromhex("0180c200000e")


def noise(chance: random.Random, most: int) -> bytes:
    return chance.randbytes(chance.randrange(most))


def ethernet(kind: int, payload: bytes, destination: bytes = BROADCAST) -> bytes:
    return destination + bytes.fromhex("02badbadbad0") + struct.pack("!H", kind) + payload


def random_frame(chance: random.Random) -> bytes:
    return ethernet(chance.randrange(0x600, 0x10000), noise(chance, 1400))


def broken_arp(chance: random.Random) -> bytes:
    header = struct.pack("!HHBBH", 1, 0x0800, *chance.randbytes(2), chance.randrange(4))
    return ethernet(0x0806, header + noise(chance, 24))


def lying_ip(chance: random.Random) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x40 | chance.randrange(16), 0, chance.randrange(0xFFFF),
                         0, chance.randrange(0xFFFF), 64, 17, 0)  # fmt: skip
    return ethernet(0x0800, header + noise(chance, 80))


def broken_dhcp(chance: random.Random) -> bytes:
    bootp = bytes([2, 1, 6, 0]) + chance.randbytes(232) + bytes.fromhex("63825363")
    bootp += bytes([53, 1, chance.choice([2, 5, 6])])
    bootp += bytes([chance.randrange(1, 255), chance.randrange(256)]) + noise(chance, 60)
    udp = struct.pack("!HHHH", 67, 68, 8 + len(bootp), 0) + bootp
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    ip += socket.inet_aton("192.168.1.66") + BROADCAST[:4]
    return ethernet(0x0800, ip[:10] + checksum(ip) + ip[12:] + udp)


def broken_lldp(chance: random.Random) -> bytes:
    return ethernet(0x88CC, bytes([2, 7, 4]) + noise(chance, 20), LLDP_GROUP)


def checksum(header: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


KINDS = [random_frame, broken_arp, lying_ip, broken_dhcp, broken_lldp]


def main(interface: str, rate: str, seed: str) -> None:
    chance = random.Random(int(seed))
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    print("started", flush=True)
    while True:
        sender.send(chance.choice(KINDS)(chance).ljust(60, b"\0")[:1514])
        time.sleep(1 / float(rate))


if __name__ == "__main__":
    main(*sys.argv[1:])
