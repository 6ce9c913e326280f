"""Where no DHCP server answers: an address of 169.254/16 (RFC 3927), or the one that somebody said
is free (method auto); given up for a lease."""

import time
from ipaddress import ip_address, ip_network

import pytest
from lab import Host, Lab, topologies
from lab.arp import ArpStation
from lab.daemon import Daemon, ToolError
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


FALLBACK = {"addresses": ["192.168.1.77/24"], "gateway": "192.168.1.1", "dns": ["192.168.1.1"]}


def test_fallback_is_used_at_once_and_a_late_server_takes_over_without_loss(wire, start_daemon):
    host = wire["host"]
    wire["server"].run("ip", "addr", "replace", "192.168.1.1/24", "dev", "lan")
    daemon = start_daemon(host)
    daemon.call("net.configure", link="eth0", method="auto", **FALLBACK)
    wait_for(lambda: host.addresses("eth0") == ["192.168.1.77/24"], 2)
    [route] = host.default_routes()
    assert route["gateway"] == "192.168.1.1" and lease_state(daemon) == "selecting"
    assert "192.168.1.1" in host.read("/etc/resolv.conf")
    daemon.restart()
    assert host.addresses("eth0") == ["192.168.1.77/24"]

    with host.pinger("192.168.1.1") as pinger, ScriptedDhcp(wire["server"], "lan"):
        pinger.wait_for_answers(20)
        wait_for(lambda: host.addresses("eth0") == ["192.168.1.50/24"], SILENCE)
        pinger.wait_for_answers(20)
    assert pinger.lost() == 0
    assert len(host.default_routes()) == 1


def test_fallback_that_somebody_has_is_given_up(wire, start_daemon):
    host = wire["host"]
    daemon = start_daemon(host)
    with ArpStation(wire["server"], "lan") as holder:
        holder.hold("192.168.1.77")
        daemon.call("net.configure", link="eth0", method="auto", **FALLBACK)
        daemon.wait_for_event("link_local.lost", timeout=10)
        wait_for(lambda: not host.addresses("eth0") or link_local_address(host), 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"addresses": ["192.168.1.77/24", "192.168.1.78/24"]},
        {"addresses": ["2001:db8::7/64"]},
        {"addresses": ["192.168.1.0/24"]},
        {"gateway": "192.168.2.1"},
        {"dns": ["2001:db8::1"]},
    ],
)
def test_fallbacks_that_make_no_sense(wire, start_daemon, wrong):
    daemon = start_daemon(wire["host"])
    with pytest.raises(ToolError):
        daemon.call("net.configure", link="eth0", method="auto", **{**FALLBACK, **wrong})
