"""Takeover from the managers that Debian has: left alone while they run, taken without loss after."""

from dataclasses import dataclass
from typing import Any, Callable

import pytest
from conftest import RaiseLab
from takeover import (
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
