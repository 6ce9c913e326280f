"""A hostile LAN: a rogue DHCP server, a squatter on half of the pool, garbage on the wire."""

import os
import time

import pytest
from lab import topologies
from lab.daemon import Daemon
from lab.host import wait_for
from lab.packets import BROADCAST_MAC, Datagram
from lab.scripted_dhcp import ScriptedDhcp


def memory(daemon: Daemon) -> int:
    """Resident kilobytes."""
    assert daemon.process
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def processor_time(daemon: Daemon) -> float:
    """Seconds that it has computed."""
    assert daemon.process
    with open(f"/proc/{daemon.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_daemon_lives_in_a_hostile_lan(raise_lab, start_daemon):
    """Whichever server was first: there is one lease, conflicts are told, nothing falls over."""
    lab = raise_lab(topologies.hostile)
    host = lab["host"]
    daemon = start_daemon(host)
    wait_for(lambda: daemon.events("dhcp.bound"), 10)
    before = memory(daemon)
    time.sleep(3)
    assert daemon.running
    assert len(host.addresses("eth0")) <= 1 and len(host.default_routes()) <= 1
    lease = daemon.lease()
    assert lease["state"] in ("bound", "paused", "selecting", "requesting")
    assert memory(daemon) - before < 2000
    assert daemon.status()["synchronised"]
    assert processor_time(daemon) < 2


def test_rogue_server_cannot_take_a_lease_over(raise_lab, start_daemon):
    """A NAK, an ACK or an offer from somebody else does not touch a lease that is held."""
    lab = raise_lab(topologies.wire)
    host = lab["host"]
    rogue = lab.host("rogue", lan=lab.switches["lan"].at(up=True))
    lab.build()
    with ScriptedDhcp(lab["server"], "lan") as server:
        daemon = start_daemon(host)
        wait_for(lambda: host.addresses("eth0") == ["192.168.1.50/24"], 5)
        after = daemon.last_event()
        request = server.of_type(3)[0]
        with ScriptedDhcp(rogue, "lan", "192.168.1.66", "192.168.1.99") as attacker:
            for reply in (attacker.nak(request), attacker.ack(request), attacker.offer(request)):
                attacker.send(attacker.frame(request, reply))
            time.sleep(0.3)
        assert host.addresses("eth0") == ["192.168.1.50/24"]
        assert daemon.events("dhcp", after) == []


def test_garbage_on_the_dhcp_port(raise_lab, start_daemon):
    lab = raise_lab(topologies.wire)
    host = lab["host"]
    with ScriptedDhcp(lab["server"], "lan") as server:
        daemon = start_daemon(host)
        wait_for(lambda: host.addresses("eth0") == ["192.168.1.50/24"], 5)
        after = daemon.last_event()
        for size in (0, 1, 43, 200, 239, 240, 241, 300, 1400):
            for seed in range(20):
                payload = bytes((seed * 37 + i * 11) % 256 for i in range(size))
                frame = Datagram(server.mac, BROADCAST_MAC, "192.168.1.1", "255.255.255.255",
                                 67, 68, payload).pack()  # fmt: skip
                server.send(frame)
        time.sleep(0.3)
        assert host.addresses("eth0") == ["192.168.1.50/24"]
        assert daemon.running and daemon.events("dhcp.lost", after) == []


def test_flood_of_broken_frames_costs_little(raise_lab, start_daemon):
    lab = raise_lab(topologies.hostile)
    daemon = start_daemon(lab["host"])
    wait_for(lambda: daemon.events("dhcp.bound"), 10)
    used = processor_time(daemon)
    time.sleep(2)
    assert processor_time(daemon) - used < 0.4


@pytest.mark.parametrize("address", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1"])
def test_addresses_that_nobody_can_have(raise_lab, start_daemon, address):
    lab = raise_lab(topologies.wire)
    with ScriptedDhcp(lab["server"], "lan", grant=address) as server:
        daemon = start_daemon(lab["host"])
        server.wait_for(1, count=2)
        assert lab["host"].addresses("eth0") == [] and lab["host"].default_routes() == []
        assert daemon.running


def test_names_from_the_network_cannot_write_into_resolv_conf(raise_lab, start_daemon):
    lab = raise_lab(topologies.wire)
    host = lab["host"]
    with ScriptedDhcp(lab["server"], "lan") as server:
        server.options[15] = b"evil\nnameserver 6.6.6.6"
        server.options[12] = b"$(reboot)"
        start_daemon(host)
        wait_for(lambda: "nameserver" in host.read("/etc/resolv.conf"), 5)
    assert "6.6.6.6" not in host.read("/etc/resolv.conf")


def test_storm_of_conflicts_is_answered_in_measure(raise_lab, start_daemon):
    """Somebody who claims the address a hundred times a second does not make us flood the wire."""
    lab = raise_lab(topologies.wire)
    host = lab["host"]
    with ScriptedDhcp(lab["server"], "lan") as server:
        daemon = start_daemon(host)
        wait_for(lambda: host.addresses("eth0") == ["192.168.1.50/24"], 5)
        for _ in range(100):
            server.announce("192.168.1.50")
            time.sleep(0.01)
        claims = [s for s in server.received if s.packet.sender == "192.168.1.50"
                  and s.packet.sender_mac == host.mac("eth0")]  # fmt: skip
        assert len(claims) <= 5
        assert daemon.running and daemon.events("dhcp.conflict")
        assert len(daemon.events("dhcp.conflict")) <= 10
