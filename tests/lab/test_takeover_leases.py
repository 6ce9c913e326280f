"""What follows a takeover: the manager stopped in its usual way, and the lease renewed."""

from typing import Any

import pytest
from conftest import RaiseLab
from takeover import (
    kill_all_of,
    processes_of,
    start_networkd,
    traffic,
    wait_for_address,
    write_networkd,
)
from test_takeover import OUTSIDE
from test_takeover_managers import DHCP_MANAGERS, Manager

from lab import Host, topologies
from lab.host import wait_for
from lab.servers import Kea, Udhcpd


def by_name(name: str) -> Manager:
    return next(manager for manager in DHCP_MANAGERS if manager.name == name)


def stop_gracefully(host: Host, command: str) -> None:
    for pid in processes_of(host, command):
        host.run("kill", "-TERM", pid)
    wait_for(lambda: not processes_of(host, command), what=f"the end of {command}")


KEEPING = Manager(
    "networkd",
    start_networkd,
    "systemd-network",
    "",
    lambda host: write_networkd(host, "DHCP=ipv4", "KeepConfiguration=dhcp-on-stop"),
)


@pytest.mark.parametrize("manager", [KEEPING, by_name("NetworkManager")], ids=lambda one: one.name)
def test_stopped_in_the_usual_way(
    raise_lab: RaiseLab, start_daemon: Any, manager: Manager
) -> None:
    lab = raise_lab(topologies.home, lease_time=120)
    host = lab["host"]
    manager.prepare(host)
    manager.start(host)
    address = wait_for_address(host)
    daemon = start_daemon(host)
    daemon.call("net.adopt", while_running=True)
    wait_for(lambda: daemon.lease()["state"] == "bound", what="the lease")
    with traffic(host, lab["internet"], OUTSIDE):
        stop_gracefully(host, manager.process)
        daemon.wait_for_event("manager.ended")
    assert host.addresses("eth0") == [address]


def test_what_a_manager_takes_away_comes_back(raise_lab: RaiseLab, start_daemon: Any) -> None:
    """Without KeepConfiguration networkd removes a lease's address when it ends."""
    lab = raise_lab(topologies.home, lease_time=120)
    host = lab["host"]
    by_name("networkd").prepare(host)
    start_networkd(host)
    address = wait_for_address(host)
    daemon = start_daemon(host)
    daemon.call("net.adopt", while_running=True)
    stop_gracefully(host, "systemd-network")
    daemon.wait_for_event("intent.converged")
    assert host.addresses("eth0") == [address]
    assert host.pings(OUTSIDE)


@pytest.mark.parametrize(
    "name, server",
    [("networkd", Kea), ("dhcpcd", Udhcpd), ("NetworkManager", Kea)],
    ids=lambda one: getattr(one, "name", one),
)
def test_lease_is_renewed_under_the_same_identity(
    raise_lab: RaiseLab, start_daemon: Any, name: str, server: type
) -> None:
    lab = raise_lab(topologies.home, dhcp=server, lease_time=10)
    host, manager = lab["host"], by_name(name)
    manager.prepare(host)
    manager.start(host)
    address = wait_for_address(host)
    wait_for(lambda: host.pings(OUTSIDE), what="the outside")
    with traffic(host, lab["internet"], OUTSIDE) as running:
        kill_all_of(host, processes_of(host, manager.process))
        daemon = start_daemon(host)
        daemon.wait_for_event("dhcp.renewed", timeout=20)
        running.settle()
    assert host.addresses("eth0") == [address]
    assert daemon.lease()["address"] == address
    assert not daemon.events("dhcp.lost")
