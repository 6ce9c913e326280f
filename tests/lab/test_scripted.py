"""The scripted DHCP server and the ARP station, proved by real clients."""

import time

import pytest
from lab import Host, topologies
from lab.arp import ArpStation
from lab.packets import (
    ACK,
    DISCOVER,
    DOMAIN_SEARCH,
    OFFER,
    REQUEST,
    Arp,
    Datagram,
    DhcpMessage,
    checksum,
    domain_list,
    pack_options,
    unpack_options,
)
from lab.scripted_dhcp import Replies, Request, ScriptedDhcp
from peer import get_lease


@pytest.fixture
def wire(raise_lab):
    return raise_lab(topologies.wire)


def test_obliging_server_grants(wire):
    with ScriptedDhcp(wire["server"], "lan") as server:
        server.options[DOMAIN_SEARCH] = domain_list("home.arpa", "example.com")
        lease = get_lease(wire["host"])
    assert lease["ip"] == "192.168.1.50" and lease["router"] == "192.168.1.1"
    assert lease["search"] == "home.arpa example.com"
    assert [request.type for request in server.requests] == [DISCOVER, REQUEST]
    assert server.requests[0].message.chaddr == wire["host"].mac("eth0")
    assert abs(server.requests[0].at - time.time()) < 10


def test_replies_come_late_and_refused_as_the_script_says(wire):
    with ScriptedDhcp(wire["server"], "lan") as server:

        def script(request: Request) -> Replies:
            if request.type == DISCOVER:
                yield 0.3, server.offer(request)
            elif len(server.of_type(REQUEST)) == 1:
                yield 0.0, server.nak(request)
            else:
                yield 0.0, server.ack(request, "192.168.1.51")

        server.script = script
        with wire["host"].capture("eth0", "udp") as capture:
            lease = get_lease(wire["host"])
            server.wait_for(REQUEST, count=2)
        offer, discover = capture.matching("Message.*Offer")[0], capture.matching("Discover")[0]
    assert lease["ip"] == "192.168.1.51"
    assert 0.29 < offer.time - discover.time < 1.0
    assert len(capture.matching("Message.*NACK")) == 1


def test_corrupted_reply_is_sent_as_it_is(wire):
    with ScriptedDhcp(wire["server"], "lan") as server:

        def script(request: Request) -> Replies:
            if request.type == DISCOVER and len(server.requests) == 1:
                yield 0.0, server.frame(request, server.offer(request), b"\x02\x01\x06" * 90)
            else:
                yield from server.obliging(request)

        server.script = script
        assert get_lease(wire["host"])["ip"] == "192.168.1.50"
        assert len(server.of_type(DISCOVER)) == 2


def test_failure_of_a_script_reaches_the_test(wire):
    def script(request: Request) -> Replies:
        raise AssertionError("seen by the test")
        yield

    with pytest.raises(AssertionError, match="seen by the test"):
        with ScriptedDhcp(wire["server"], "lan") as server:
            server.script = script
            wire["host"].run("ip", "link", "set", "eth0", "up")
            wire["host"].popen("busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-s", "/bin/true")
            server.wait_for(DISCOVER)


def ask_by_arp(host: Host, *options: str) -> bool:
    """busybox arping, once; whether anybody answered."""
    arping = ["busybox", "arping", "-c1", "-w1", "-I", "eth0", *options]
    return "1 response" in host.run(*arping, check=False).stdout


def test_arp_station_answers_and_defends(wire):
    host = wire["host"]
    with ArpStation(wire["server"], "lan") as station:
        station.hold("192.168.1.9")
        host.run("ip", "link", "set", "eth0", "up")
        assert ask_by_arp(host, "-D", "192.168.1.9")
        probe = station.wait(lambda: station.probes("192.168.1.9"))[0]
        assert probe.packet.sender_mac == host.mac("eth0")

        host.run("ip", "addr", "add", "192.168.1.9/24", "dev", "eth0")
        with host.capture("eth0", f"arp and ether src {station.mac}") as capture:
            ask_by_arp(host, "-U", "192.168.1.9")
            station.wait(lambda: station.announcements("192.168.1.9"))
            capture.wait_for("> ff:ff:ff:ff:ff:ff.*192.168.1.9")
        host.run("ip", "addr", "flush", "dev", "eth0")

        station.let_go("192.168.1.9")
        assert not ask_by_arp(host, "-D", "192.168.1.9")


def test_packets_survive_the_round_trip():
    arp = Arp(1, "02:00:00:00:00:01", "0.0.0.0", "00:00:00:00:00:00", "192.168.1.9")
    arp.source_mac = arp.sender_mac
    assert Arp.unpack(arp.pack()) == arp and arp.is_probe

    options = {53: bytes([OFFER]), 114: b"x" * 300, 80: b""}
    assert pack_options(options)[3:5] == bytes([114, 255])
    assert unpack_options(pack_options(options)) == options
    message = DhcpMessage(2, 0x12345678, yiaddr="192.0.2.1", chaddr=arp.sender_mac, options=options)
    ends = ("02:00:00:00:00:02", arp.sender_mac, "192.0.2.2", "192.0.2.1")
    datagram = Datagram(*ends, 67, 68, message.pack())
    frame = datagram.pack()
    assert Datagram.unpack(frame) == datagram
    assert DhcpMessage.unpack(datagram.payload) == message
    assert checksum(frame[14:34]) == 0
    pseudo_header = frame[26:34] + b"\0\x11" + frame[38:40]
    assert checksum(pseudo_header + frame[34:]) == 0
    assert ACK == 5
