"""Where no DHCP server answers: an address of 169.254/16 (RFC 3927), given up for a lease."""

import time
from ipaddress import ip_address, ip_network

import pytest
from lab import Host, Lab, topologies
from lab.arp import ArpStation
from lab.daemon import Daemon
from lab.host import wait_for
from lab.scripted_dhcp import ScriptedDhcp

LINK_LOCAL = ip_network("169.254.0.0/16")
SILENCE = 25  # seconds in which nobody answers, with those of the probes and a slow machine's


@pytest.fixture
def wire(raise_lab) -> Lab:
    return raise_lab(topologies.wire)


def link_local_address(host: Host) -> str | None:
    found = [text.split("/")[0] for text in host.addresses("eth0")]
    return next((text for text in found if ip_address(text) in LINK_LOCAL), None)


def wait_for_link_local(host: Host) -> str:
    wait_for(lambda: link_local_address(host), SILENCE, what="a link-local address")
    return link_local_address(host) or ""


def lease_state(daemon: Daemon) -> str:
    return daemon.lease()["state"]


def test_taken_in_silence_kept_over_a_restart_and_given_up_for_a_lease(wire, start_daemon):
    host = wire["host"]
    daemon = start_daemon(host)
    address = wait_for_link_local(host)
    assert host.default_routes() == []
    [entry] = [a for a in host.ip("addr", "show", "dev", "eth0")[0]["addr_info"]
               if a["local"] == address]
    assert (entry["prefixlen"], entry["scope"]) == (16, "link")
    assert address in daemon.wait_for_event("link_local.in_use")["message"]
    assert lease_state(daemon) == "selecting"  # it goes on asking

    daemon.stop()
    assert link_local_address(host) == address
    daemon.start()
    wait_for(lambda: lease_state(daemon) == "selecting", 5)
    time.sleep(0.5)
    assert link_local_address(host) == address

    with ScriptedDhcp(wire["server"], "lan"):
        wait_for(lambda: host.addresses("eth0") == ["192.168.1.50/24"], SILENCE)
    assert link_local_address(host) is None


def test_somebody_elses_address_is_left_alone(wire, start_daemon):
    host = wire["host"]
    daemon = start_daemon(host)
    first = wait_for_link_local(host)
    daemon.call("net.configure", link="eth0", method="off", reason="again, and somebody has it")
    wait_for(lambda: not host.addresses("eth0"), 3)
    with ArpStation(wire["server"], "lan") as holder:
        holder.hold(first)
        daemon.call("net.configure", link="eth0", method="dhcp")
        second = wait_for_link_local(host)
        assert second != first
        holder.hold(second, defend=False)
        for _ in range(2):  # the first claim is answered, the second in a row is believed
            holder.announce(second)
            time.sleep(0.2)
        wait_for(lambda: link_local_address(host) not in (first, second, None), SILENCE)


def test_not_taken_where_it_is_not_wanted(wire, start_daemon):
    host = wire["host"]
    daemon = start_daemon(host)
    daemon.call("net.configure", link="eth0", method="dhcp", link_local=False)
    daemon.wait_for_event("dhcp.no_answer", timeout=15)
    time.sleep(8)
    assert link_local_address(host) is None
