"""Takeover from the managers that Debian has: left alone while they run, taken without loss after."""

from dataclasses import dataclass
from typing import Any, Callable

import pytest
from conftest import RaiseLab
from takeover import (
    run_ifupdown,
    start_connman,
    kill_all_of,
    processes_of,
    start_dhclient,
    start_dhcpcd,
    start_networkd,
    start_networkmanager,
    start_udhcpc,
    traffic,
    wait_for_address,
    write_networkd,
    write_networkmanager,
)
from test_takeover import OUTSIDE, kernel

from lab import Host, topologies
from lab.host import wait_for
from lab.servers import Udhcpd


@dataclass(frozen=True)
class Manager:
    """One to take over from. `process`: as the kernel calls it; `owner`: who adoption says it was."""

    name: str
    start: Callable[[Host], Any]
    process: str
    command: str
    prepare: Callable[[Host], Any] = lambda host: None
    writes: bool = False  # something is not as our DHCP client has it, and is changed


DHCP_MANAGERS = [
    Manager(
        "networkd",
        start_networkd,
        "systemd-network",
        "systemctl disable --now systemd-networkd.service systemd-networkd.socket",
        lambda host: write_networkd(host, "DHCP=ipv4"),
    ),
    Manager(
        "NetworkManager",
        start_networkmanager,
        "NetworkManager",
        "systemctl disable --now NetworkManager.service",
        lambda host: write_networkmanager(host, "method=auto"),
    ),
    Manager("dhcpcd", start_dhcpcd, "dhcpcd", "kill -KILL"),
    Manager("dhclient", start_dhclient, "dhclient", "kill -KILL"),
    Manager("udhcpc", start_udhcpc, "busybox", "kill", writes=True),
]


@pytest.mark.parametrize("manager", DHCP_MANAGERS, ids=lambda manager: manager.name)
def test_lease_is_taken_over(raise_lab: RaiseLab, start_daemon: Any, manager: Manager) -> None:
    lab = raise_lab(topologies.home, lease_time=120)
    host = lab["host"]
    manager.prepare(host)
    manager.start(host)
    address = wait_for_address(host)
    wait_for(lambda: host.pings(OUTSIDE), what="the outside")
    before = kernel(host)
    with traffic(host, lab["internet"], OUTSIDE) as running:
        daemon = start_daemon(host)
        running.settle()
        assert kernel(host) == before, "a manager that runs is not fought"
        found = daemon.status()["managers"]
        assert [one["name"] for one in found] == [manager.name]
        assert found[0]["command"].startswith(manager.command) and "eth0" in found[0]["links"]
        assert daemon.wait_for_event("manager.running")
        link = daemon.interface("eth0")
        assert link["ownership"] == "foreign" and "manager" in link["ownership_reason"]
        assert " ".join(daemon.run_client("status").stdout.split()).count("stop it with") == 1
        refusal = daemon.refusal("net.adopt")
        assert refusal["code"] == "manager.running" and manager.command in refusal["hint"]
        plan = daemon.call("net.adopt", dry_run=True, while_running=True)
        assert f"dhcp/eth0" in {one["resource"] for one in plan["taken"]}
        kill_all_of(host, processes_of(host, manager.process))
        daemon.wait_for_event("manager.ended")
        wait_for(lambda: daemon.interface("eth0").get("dhcp"), what="the DHCP client")
        wait_for(lambda: daemon.lease()["state"] == "bound", what="the lease")
        wait_for(lambda: daemon.interface("eth0")["addresses"], what="the address")
        running.settle()
    assert daemon.lease()["address"] == address
    assert host.addresses("eth0") == [address]
    if not manager.writes:
        assert kernel(host) == before


STATIC_NETWORKD = (
    "Address=192.168.1.60/24",
    "Address=2001:db8:1::60/64",
    "Gateway=192.168.1.1",
    "DNS=1.1.1.1",
    "[Route]",
    "Destination=10.8.0.0/16",
    "Gateway=192.168.1.1",
    "Metric=300",
)
STATIC_NETWORKMANAGER = (
    "method=manual",
    "address1=192.168.1.60/24,192.168.1.1",
    "route1=10.8.0.0/16,192.168.1.1,300",
)
STATIC_MANAGERS = [
    Manager(
        "networkd",
        start_networkd,
        "systemd-network",
        "adopted:networkd",
        lambda host: write_networkd(host, *STATIC_NETWORKD),
    ),
    Manager(
        "NetworkManager",
        start_networkmanager,
        "NetworkManager",
        "adopted:NetworkManager",
        lambda host: write_networkmanager(host, *STATIC_NETWORKMANAGER),
    ),
    Manager(
        "netplan",
        start_networkd,
        "systemd-network",
        "adopted:netplan",
        lambda host: write_networkd(
            host, *STATIC_NETWORKD, path="/run/systemd/network/10-netplan-eth0.network"
        ),
    ),
    Manager(
        "ifupdown",
        lambda host: run_ifupdown(
            host,
            "static",
            "address 192.168.1.60/24",
            "gateway 192.168.1.1",
            "up ip route add 10.8.0.0/16 via 192.168.1.1 metric 300",
        ),
        "",
        "adopted:ifupdown",
    ),
]


@pytest.mark.parametrize("manager", STATIC_MANAGERS, ids=lambda manager: manager.name)
def test_static_configuration_is_taken_over(
    raise_lab: RaiseLab, start_daemon: Any, manager: Manager
) -> None:
    lab = raise_lab(topologies.home)
    host = lab["host"]
    manager.prepare(host)
    manager.start(host)
    wait_for_address(host)
    wait_for(lambda: "10.8.0.0/16" in host.output("ip", "route"), what="the static route")
    wait_for(lambda: host.pings(OUTSIDE), what="the outside")
    before = kernel(host)
    with traffic(host, lab["internet"], OUTSIDE) as running:
        if manager.process:
            kill_all_of(host, processes_of(host, manager.process))
        daemon = start_daemon(host)
        wait_for(lambda: daemon.events("adopt.taken"), what="the adoption")
        running.settle()
        assert kernel(host) == before
        daemon.restart()
        running.settle()
        assert kernel(host) == before
    link = daemon.interface("eth0")
    assert link["method"] == "static" and link["ownership"] == "ours"
    adoption = adoption_of(daemon)
    owners = {change["after"]["owner"] for change in adoption["changes"]}
    assert manager.command in owners, owners
    taken = {change["id"] for change in adoption["changes"]}
    assert "address/eth0/192.168.1.60/24" in taken
    assert any(id.startswith("route/254/10.8.0.0/16/300") for id in taken), taken
    assert any(id.startswith("route/254/0.0.0.0/0/") for id in taken), taken


def adoption_of(daemon: Any) -> dict[str, Any]:
    history = daemon.call("tx.history", limit=20, changes=True)["transactions"]
    return next(one for one in history if one["tool"] == "net.adopt")


def test_ifupdown_with_dhclient(raise_lab: RaiseLab, start_daemon: Any) -> None:
    lab = raise_lab(topologies.home, lease_time=120)
    host = lab["host"]
    run_ifupdown(host, "dhcp")
    address = wait_for_address(host)
    kill_all_of(host, processes_of(host, "dhclient"))
    before = kernel(host)
    with traffic(host, lab["internet"], OUTSIDE) as running:
        daemon = start_daemon(host)
        wait_for(lambda: daemon.lease()["state"] == "bound", what="the lease")
        running.settle()
        assert kernel(host) == before
    assert daemon.lease()["address"] == address


def test_connman(raise_lab: RaiseLab, start_daemon: Any) -> None:
    # It takes no answer whose checksum is left to the hardware, as dnsmasq's is on a veth.
    lab = raise_lab(topologies.home, dhcp=Udhcpd, lease_time=120)
    host = lab["host"]
    start_connman(host)
    address = wait_for_address(host)
    wait_for(lambda: host.pings(OUTSIDE), what="the outside")
    with traffic(host, lab["internet"], OUTSIDE) as running:
        daemon = start_daemon(host)
        assert [one["name"] for one in daemon.status()["managers"]] == ["connman"]
        running.settle()
        kill_all_of(host, processes_of(host, "connmand"))
        daemon.wait_for_event("adopt.taken")
        wait_for(lambda: daemon.lease()["state"] == "bound", what="the lease")
        running.settle()
    assert host.addresses("eth0") == [address]


@pytest.mark.parametrize("name", ["networkd", "dhcpcd"])
def test_manager_started_later_is_told_of_when_it_touches_a_link(
    raise_lab: RaiseLab, start_daemon: Any, name: str
) -> None:
    """Not at the next look at the processes, which is a minute away."""
    lab = raise_lab(topologies.home, lease_time=120)
    host = lab["host"]
    manager = next(one for one in DHCP_MANAGERS if one.name == name)
    daemon = start_daemon(host)
    daemon.wait_until_online()
    assert not daemon.events("manager.running")
    manager.prepare(host)
    manager.start(host)
    event = daemon.wait_for_event("manager.running", timeout=30)
    assert event["data"]["name"] == name
    assert [one["name"] for one in daemon.status()["managers"]] == [name]
