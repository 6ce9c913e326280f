"""Takeover of what others have configured: not a packet lost, nothing written that is so already."""

import re
import time
from typing import Any

import pytest
from conftest import RaiseLab
from takeover import kill_all_of, processes_of, traffic, wait_for_address

from lab import Host, Lab, topologies
from lab.daemon import Daemon
from lab.host import wait_for

OUTSIDE = "198.51.100.1"  # the first host beyond the router


def resources(daemon: Daemon) -> dict[str, str]:
    """What net.adopt would take, or has taken: id and owner."""
    return {one["resource"]: one["owner"] for one in daemon.call("net.adopt", dry_run=True)["taken"]}


def owner_of(daemon: Daemon, transaction_tool: str = "net.adopt") -> dict[str, Any]:
    """The newest transaction of a tool."""
    history = daemon.call("tx.history", limit=20)["transactions"]
    return next(one for one in history if one["tool"] == transaction_tool)


def kernel(host: Host) -> tuple[Any, ...]:
    """Addresses, routes and rules as they are, without lifetimes that run."""
    listing = host.output("ip", "-4", "addr", "show", "dev", "eth0")
    listing = re.sub(r"(valid_lft|preferred_lft) \d+sec", r"\1 Nsec", listing)
    routes = host.output("ip", "-4", "route", "show", "table", "all")
    return listing, routes, host.output("ip", "rule")


def set_static(host: Host) -> None:
    for words in (
        "link set eth0 up",
        "addr add 192.168.1.50/24 dev eth0",
        "addr add 192.168.1.51/32 dev eth0",
        "route add default via 192.168.1.1",
        "route add 10.9.0.0/16 via 192.168.1.1 metric 7",
        "rule add from 10.1.0.0/16 lookup 100 priority 500",
    ):
        host.run("ip", *words.split())
    host.write("/etc/resolv.conf", "search lan.example\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n")
    wait_for(lambda: host.pings(OUTSIDE), what="the outside")


def test_static_configuration_is_adopted_as_it_is(home: Lab, start_daemon: Any) -> None:
    host = home["host"]
    set_static(host)
    before = kernel(host)
    with traffic(host, home["internet"], OUTSIDE):
        with host.monitor("link", "address", "route", "rule") as monitor:
            daemon = start_daemon(host)
            time.sleep(0.5)
        assert kernel(host) == before
        assert not monitor.lines(r"eth0|lookup 100"), monitor.lines()
    interface = daemon.interface("eth0")
    assert interface["method"] == "static" and "dhcp" not in interface
    assert daemon.status()["dns"] == ["1.1.1.1", "8.8.8.8"]
    assert daemon.events("adopt.taken")
    adoption = owner_of(daemon)
    daemon.call("tx.undo", transaction=adoption["number"])
    assert kernel(host) == before
    daemon.restart()
    time.sleep(0.3)
    assert kernel(host) == before, "an adoption that was undone is not done again"
    with traffic(host, home["internet"], OUTSIDE):
        assert daemon.call("net.adopt")["state"] == "committed", "but for who asks"
        assert kernel(host) == before
        static = {"addresses": ["192.168.1.50/24"], "gateway": "192.168.1.1"}
        daemon.call("net.configure", link="eth0", method="static", **static)
    assert host.addresses("eth0") == ["192.168.1.50/24"], "what intent takes away goes"


def test_dry_run_says_what_would_be_taken(home: Lab, start_daemon: Any) -> None:
    host = home["host"]
    set_static(host)
    before = kernel(host)
    daemon = start_daemon(host, "--no-boot-detection")
    result = daemon.cli("adopt", "--dry-run")
    taken = {one["resource"]: one["owner"] for one in result["taken"]}
    assert result["state"] == "planned"
    assert taken["address/eth0/192.168.1.50/24"].startswith("adopted:")
    assert {"link/eth0", "route/254/0.0.0.0/0/0", "route/254/10.9.0.0/16/7"} <= set(taken)
    assert all(change["type"] == "resolver" for change in result["changes"])
    assert kernel(host) == before
    assert not daemon.call("tx.history", limit=5)["transactions"]


# DHCP clients of others


def run_dhclient(host: Host) -> None:
    host.popen("/sbin/dhclient", "-4", "-d", "-pf", "/run/dhclient.eth0.pid",
               "-lf", "/var/lib/dhcp/dhclient.eth0.leases", "eth0")  # fmt: skip


@pytest.mark.parametrize("lease_time", [120])
def test_lease_of_dhclient_goes_on(
    raise_lab: RaiseLab, start_daemon: Any, lease_time: int
) -> None:
    lab = raise_lab(topologies.home, lease_time=lease_time)
    host = lab["host"]
    run_dhclient(host)
    address = wait_for_address(host)
    kill_all_of(host, processes_of(host, "dhclient"))
    before = kernel(host)
    with traffic(host, lab["internet"], OUTSIDE) as running:
        with host.capture("eth0", "udp dst port 67") as capture:
            daemon = start_daemon(host)
            wait_for(lambda: daemon.lease()["state"] == "bound", what="the lease")
            running.settle()
        assert not capture.packets(), "the server is not asked: the lease goes on"
        assert kernel(host) == before
        daemon.restart()
        running.settle()
        assert kernel(host) == before
        daemon.stop()
        running.settle()
        assert kernel(host) == before
        daemon.start()
        daemon.kill()
        running.settle()
        assert kernel(host) == before
    daemon.start()
    assert daemon.lease()["address"] == address
    assert daemon.lease()["server"] == "192.168.1.1"
    undone = owner_of(daemon)["number"]
    daemon.call("tx.undo", transaction=undone)
    assert kernel(host) == before
