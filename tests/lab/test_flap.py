"""Cables that come and go: a short flap costs nothing, a long one is cleaned up and comes back."""

import time

import pytest
from lab import Host, topologies
from lab.daemon import Daemon
from lab.host import wait_for
from lab.scripted_dhcp import Replies, Request, ScriptedDhcp
from lab.packets import DISCOVER, REQUEST

HOLD_TIME = 10.0  # seconds that a link may be without carrier before its lease is withdrawn


@pytest.fixture
def online(home, start_daemon) -> tuple[Host, Daemon]:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return home["host"], daemon


@pytest.mark.parametrize("seconds", [0.2, 1.5])
def test_flap_loses_no_address_and_no_route(online, seconds):
    host, daemon = online
    before = host.ip("route", "show", "table", "all"), host.addresses("eth0")
    after = daemon.last_event()
    assert host.pings("192.168.1.1")  # now the kernel knows the gateway's MAC, as after any use
    with host.monitor("address", "route") as monitor:
        host.flap("eth0", seconds)
        daemon.wait_for_event("link.attachment", after, words="same as before")
        daemon.wait_for_event("dhcp.renewed", after)
        wait_for(daemon.online, 5)
        assert host.pings("1.1.1.1")
    assert monitor.deleted("inet 192|default|192.168") == []
    routes, addresses = host.ip("route", "show", "table", "all"), host.addresses("eth0")
    assert addresses == before[1]
    assert [r for r in routes if "fe80" not in r["dst"] and "ff00" not in r["dst"]] == [
        r for r in before[0] if "fe80" not in r["dst"] and "ff00" not in r["dst"]
    ]
    kinds = [event["kind"] for event in daemon.events("link.carrier", after)]
    assert kinds == ["link.carrier_lost", "link.carrier_gained"]


def test_gateway_is_asked_by_arp_and_dhcp_confirms(online):
    host, daemon = online
    assert host.pings("192.168.1.1")
    with host.capture("eth0", "arp or udp port 67") as capture:
        host.flap("eth0", 0.2)
        request = capture.wait_for("DHCP-Message.*Request")[0]
        arp = capture.wait_for(r"Request who-has 192\.168\.1\.1 .*tell 192\.168\.1\.1\d\d")[0]
        capture.wait_for("DHCP-Message.*ACK")
    assert "Requested-IP" in request.text and "Server-ID" not in request.text  # INIT-REBOOT
    assert abs(arp.time - request.time) < 0.1
    assert not capture.matching("Discover")


def test_use_goes_on_at_once_after_a_flap(online):
    host, daemon = online
    with host.pinger("1.1.1.1") as pinger:
        pinger.wait_for_answers(10)
        host.pull("eth0")
        time.sleep(0.2)
        answered = len(pinger.answered())
        host.plug("eth0")
        pinger.wait_for_answers(10, timeout=3)
    # 20 in the flap itself, and those until the kernel has noticed the carrier
    assert answered >= 10 and pinger.lost() <= 60


def test_cable_out_for_long_withdraws_and_comes_back(online):
    host, daemon = online
    address = host.addresses("eth0")
    pulled = time.monotonic()
    host.pull("eth0")
    wait_for(lambda: not host.addresses("eth0"), HOLD_TIME + 3, interval=0.05)
    assert HOLD_TIME - 0.5 < time.monotonic() - pulled < HOLD_TIME + 1
    assert host.default_routes() == []
    wait_for(lambda: "nameserver" not in host.read("/etc/resolv.conf"), 1)
    assert daemon.status()["online"]["state"] == "no"
    reason = daemon.call("tx.history", limit=1)["transactions"][0]["reason"]
    assert "hold time" in reason
    plugged = time.monotonic()
    host.plug("eth0")
    wait_for(daemon.online, 5)
    assert time.monotonic() - plugged < 2
    assert host.addresses("eth0") == address and host.pings("1.1.1.1")


def test_move_to_another_network_while_the_cable_is_out(raise_lab, start_daemon):
    """There the address is refused, and a new one is used."""
    lab = raise_lab(topologies.two_uplinks)
    host = lab["host"]
    lab.unplug(host, "eth1")
    daemon = start_daemon(host)
    daemon.wait_until_online()
    assert host.addresses("eth0")[0].startswith("192.168.1.")
    after = daemon.last_event()
    host.pull("eth0")
    time.sleep(0.3)
    host.cable("eth0").move(lab.switches["lan-b"])
    host.plug("eth0")
    wait_for(lambda: host.addresses("eth0")[:1] and new_network(host), 5)
    wait_for(lambda: daemon.status()["online"]["state"] == "yes", 5)
    assert len(host.addresses("eth0")) == 1
    assert [r["gateway"] for r in host.default_routes()] == ["192.168.2.1"]
    assert "192.168.1.1" not in host.read("/etc/resolv.conf")
    assert daemon.lease()["server"] == "192.168.2.1"
    assert daemon.events("dhcp.lost", after)


def new_network(host: Host) -> bool:
    return all(address.startswith("192.168.2.") for address in host.addresses("eth0"))


def test_move_to_a_network_whose_server_ignores_unknown_leases(raise_lab, start_daemon):
    """No NAK comes: the lease stays for some seconds, then another is used in its place."""
    lab = raise_lab(topologies.wire)
    host = lab["host"]
    other = lab.switch("other")
    lab.host("elsewhere", lan=other.at(up=True))
    lab.build()
    with ScriptedDhcp(lab["server"], "lan", "192.168.1.1", "192.168.1.50"):
        daemon = start_daemon(host)
        wait_for(lambda: host.addresses("eth0") == ["192.168.1.50/24"], 5)

    with ScriptedDhcp(lab["elsewhere"], "lan", "192.168.1.1", "192.168.1.77") as server:

        def only_offers(request: Request) -> Replies:
            wanted = request.message.options.get(50)
            if request.type == DISCOVER:
                yield 0.0, server.offer(request)
            elif wanted == bytes([192, 168, 1, 77]):
                yield 0.0, server.ack(request)

        server.script = only_offers
        host.pull("eth0")
        host.cable("eth0").move(other)
        time.sleep(0.2)
        host.plug("eth0")
        wait_for(lambda: host.addresses("eth0") == ["192.168.1.77/24"], 20)
        assert server.of_type(REQUEST)
    assert daemon.lease()["address"] == "192.168.1.77/24"


def test_quick_flapping_ends_right(online):
    host, daemon = online
    before = host.addresses("eth0")
    after = daemon.last_event()
    with host.monitor("address", "route") as monitor:
        for _ in range(20):
            host.flap("eth0", 0.02)
            time.sleep(0.02)
        wait_for(lambda: daemon.lease()["state"] == "bound", 10)
        wait_for(daemon.online, 10)
    assert host.addresses("eth0") == before and host.pings("1.1.1.1")
    assert monitor.deleted("inet 192|default|192.168") == []
    assert len(host.default_routes()) == 1
    assert daemon.status()["troubles"] == []
    assert daemon.events("link.carrier_gained", after)


def test_flapping_before_the_first_lease_ends_right(home, start_daemon):
    host = home["host"]
    daemon = start_daemon(host)
    for _ in range(10):
        host.flap("eth0", 0.005)
        time.sleep(0.005)
    wait_for(daemon.online, 10)
    assert len(host.addresses("eth0")) == 1 and len(host.default_routes()) == 1


def test_flap_while_the_daemon_is_away(online):
    """It finds out at its start that the cable was out."""
    host, daemon = online
    before = host.addresses("eth0")
    daemon.stop()
    host.flap("eth0", 0.3)
    daemon.start()
    daemon.wait_until_online()
    assert host.addresses("eth0") == before and host.pings("1.1.1.1")


def test_start_without_cable_keeps_the_lease_for_the_hold_time(online):
    host, daemon = online
    before = host.addresses("eth0")
    daemon.stop()
    host.pull("eth0")
    daemon.start()
    time.sleep(0.3)
    host.plug("eth0")
    daemon.wait_until_online()
    assert host.addresses("eth0") == before and host.pings("1.1.1.1")
