"""From nothing to online: a host that nobody configured, and what it does with new links."""

import re
import time

import pytest
from lab import Host, topologies
from lab.daemon import Daemon
from lab.host import wait_for

PROTOCOL = "161"  # the mark of our routes and addresses (rtm_protocol)


def kernel_state(host: Host) -> str:
    """Addresses, routes and rules, without lifetimes that go by."""
    commands = [["addr"], ["route", "show", "table", "all"], ["rule"], ["-6", "rule"]]
    text = "\n".join(host.output("ip", "-d", *command) for command in commands)
    return re.sub(r"(valid_lft|preferred_lft) \d+sec|tentative ?", "", text)


def default_route(host: Host, link: str = "eth0") -> dict:
    """The default route by a link."""
    return next(route for route in host.default_routes() if route["dev"] == link)


@pytest.fixture
def online(home, start_daemon) -> tuple[Host, Daemon]:
    """The home lab with a daemon in its bare host that is online."""
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return home["host"], daemon


def test_bare_host_comes_online(raise_lab, start_daemon, dhcp_server):
    lab = raise_lab(topologies.home, dhcp=dhcp_server)
    host = lab["host"]
    daemon = start_daemon(host)
    assert daemon.wait_until_online() < 5

    address = host.addresses("eth0")[0]
    assert re.fullmatch(r"192\.168\.1\.1\d\d/24", address)
    route = default_route(host)
    assert route["gateway"] == "192.168.1.1" and route["metric"] == 100
    assert route["protocol"] == PROTOCOL and route["prefsrc"] == address.split("/")[0]
    prefix = next(r for r in host.ip("route", "show", "dev", "eth0") if "/" in r["dst"])
    assert prefix["dst"] == "192.168.1.0/24" and prefix["metric"] == 100
    resolver = host.read("/etc/resolv.conf").splitlines()
    assert "nameserver 192.168.1.1" in resolver and "search home.arpa" in resolver
    assert host.output("getent", "ahostsv4", "api.anthropic.com").startswith(topologies.API)
    assert host.pings("8.8.8.8")

    status = daemon.status()
    assert status["online"]["state"] == "yes" and status["troubles"] == []
    assert 0 < status["online_after"] < 2000
    assert 0 < status["online"]["ping"] < 1000 and 0 < status["online"]["lookup"] < 3000
    assert status["uplinks"] == [
        {"link": "eth0", "family": "ipv4", "gateway": "192.168.1.1", "metric": 100, "in_use": True}
    ]
    assert status["dns"] == ["192.168.1.1"]
    assert [link["addresses"] for link in status["links"]] == [[address]]


def test_online_is_verified_and_not_assumed(raise_lab, start_daemon):
    lab = raise_lab(topologies.home)
    host = lab["host"]
    lab["router"].run("nft", "add table ip wall; add chain ip wall forward "
                      "{ type filter hook forward priority 0; policy drop; }")  # fmt: skip
    lab["router"].servers[0].kill()  # the DNS forwarder
    daemon = start_daemon(host)
    daemon.wait_for_event("online.no", timeout=10, words="192.168.1.1 answers")
    assert daemon.status()["online"]["state"] == "no"
    lab["router"].run("nft", "delete table ip wall")
    daemon.wait_for_event("online.partial", timeout=10)
    lab["router"].servers[0].start()
    daemon.wait_until_online(15)


def test_connectivity_check_is_configurable(raise_lab, start_daemon):
    lab = raise_lab(topologies.home)
    options = ["--ping-target", "8.8.8.8", "--lookup-name", "www.example.com"]
    daemon = start_daemon(lab["host"], *options)
    daemon.wait_until_online()
    message = daemon.events("online.yes")[0]["message"]
    assert "8.8.8.8 answers" in message and "www.example.com resolves" in message


def test_cable_that_is_plugged_in_after_the_start(home, start_daemon):
    host = home["host"]
    host.pull("eth0")
    daemon = start_daemon(host)
    wait_for(lambda: daemon.interface("eth0")["state"] == "no carrier", 2)
    assert daemon.status()["online"]["state"] != "yes"
    plugged = time.monotonic()
    host.plug("eth0")
    wait_for(daemon.online, 5)
    assert time.monotonic() - plugged < 3


def test_link_that_appears_is_configured(home, online):
    host, daemon = online
    home.plug_in(host, "eth1", home.switches["lan"])
    wait_for(lambda: host.addresses("eth1"), 3)
    wait_for(lambda: len(host.default_routes()) == 2, 3)
    routes = host.default_routes()
    assert [(r["dev"], r["metric"]) for r in routes] == [("eth0", 100), ("eth1", 101)]
    link = daemon.interfaces()["eth1"]
    assert link["method"] == "dhcp" and link["ownership"] == "ours"
    assert daemon.events("link.appeared")[-1]["data"] == {"link": "eth1"}


def test_link_that_vanishes_is_forgotten(home, online):
    host, daemon = online
    home.plug_in(host, "eth1", home.switches["lan"])
    wait_for(lambda: host.addresses("eth1"), 3)
    home.unplug(host, "eth1")
    daemon.wait_for_event("link.vanished", words="eth1")

    def forgotten() -> bool:
        return not any("eth1" in resource for resource in wanted(daemon))

    wait_for(forgotten, 3, what=f"no eth1 in intent; {daemon.status()}")
    assert daemon.status()["troubles"] == []
    assert any("eth0" in resource for resource in wanted(daemon))
    assert host.pings("1.1.1.1")
    home.plug_in(host, "eth1", home.switches["lan"])
    wait_for(lambda: host.addresses("eth1"), 3)


def wanted(daemon: Daemon) -> set[str]:
    """The ids of resources in intent, from the history of what changed."""
    transactions = daemon.call("tx.history", limit=1000, changes=True)["transactions"]
    resources = set()
    for transaction in reversed(transactions):
        for change in transaction.get("changes", []):
            (resources.add if change["after"] else resources.discard)(change["id"])
    return resources


FOREIGN = {
    "veth1234": "link add veth1234 type veth peer name vethinside1",
    "docker0": "link add docker0 type bridge",
    "tap0": "tuntap add tap0 mode tap",
    "tun0": "tuntap add tun0 mode tun",
}


@pytest.mark.parametrize("before", [True, False], ids=["before the daemon", "while it runs"])
def test_links_of_others_are_left_alone(home, start_daemon, before):
    host = home["host"]
    if before:
        make_foreign(host)
    daemon = start_daemon(host)
    daemon.wait_until_online()
    if not before:
        make_foreign(host)
        wait_for(lambda: "tun0" in daemon.interfaces(), 3)
        time.sleep(0.3)
    links = daemon.interfaces()
    for name in (*FOREIGN, "vethport"):
        assert links[name]["ownership"] == "foreign" and links[name]["method"] == "none", name
        assert len(links[name]["ownership_reason"]) > 5
        assert host.addresses(name) == [] or name == "docker0"
        assert "UP" not in flags(host, name) or name in ("docker0", "vethport")
    kinds = {name: links[name]["kind"] for name in FOREIGN}
    assert kinds == {"veth1234": "veth", "docker0": "bridge", "tap0": "tun", "tun0": "tun"}
    assert "container" in links["veth1234"]["ownership_reason"]
    assert "bridge" in links["docker0"]["ownership_reason"]
    assert "port" in links["vethport"]["ownership_reason"]
    assert links["vethport"]["master"] == "docker0"
    assert host.addresses("docker0") == ["172.17.0.1/16"]
    assert [r["dev"] for r in host.default_routes()] == ["eth0"]


def flags(host: Host, link: str) -> list[str]:
    return host.ip("link", "show", "dev", link)[0]["flags"]


def make_foreign(host: Host) -> None:
    """Links as container engines and virtual machines make them."""
    for command in FOREIGN.values():
        host.run("ip", *command.split())
    host.run("ip", "link", "add", "vethport", "type", "veth", "peer", "name", "vethinside")
    host.run("ip", "link", "set", "vethport", "master", "docker0", "up")
    host.run("ip", "link", "set", "vethinside", "up")
    host.run("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
    host.run("ip", "link", "set", "docker0", "up")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart_writes_nothing(online, end):
    host, daemon = online
    before = kernel_state(host)
    with host.monitor() as monitor:
        getattr(daemon, end)()
        daemon.start()
        daemon.wait_until_online()
        time.sleep(0.3)
    assert monitor.lines() == []
    assert kernel_state(host) == before
    assert daemon.lease()["state"] == "bound"
    assert daemon.status()["troubles"] == []


def test_lease_goes_on_after_a_restart(online):
    host, daemon = online
    before = daemon.lease()
    with host.capture("eth0", "udp port 67") as capture:
        daemon.restart()
        daemon.wait_until_online()
    assert capture.packets() == []
    after = daemon.lease()
    assert after["address"] == before["address"] and after["server"] == before["server"]
    assert after["expires"][:19] == before["expires"][:19]


def test_sigterm_leaves_the_network_as_it_is(online):
    host, daemon = online
    before = kernel_state(host)
    resolver = host.read("/etc/resolv.conf")
    with host.monitor() as monitor:
        assert daemon.stop() == 0
    assert monitor.lines() == []
    assert kernel_state(host) == before and host.read("/etc/resolv.conf") == resolver
    assert host.pings("1.1.1.1")


def test_kill_9_and_restart_lose_no_packet(online):
    host, daemon = online
    with host.pinger("1.1.1.1") as pinger:
        pinger.wait_for_answers(10)
        for _ in range(3):
            daemon.kill()
            pinger.wait_for_answers(5)
            daemon.start()
            pinger.wait_for_answers(5)
    assert len(pinger.answered()) >= 40 and pinger.lost() == 0


def test_several_daemons_exclude_each_other_on_one_socket(online):
    host, daemon = online
    rival = Daemon(host, state="/var/lib/aios/rival")
    rival.start(wait=False)
    assert rival.process and rival.process.popen.wait(5) != 0
    assert daemon.online()


def test_other_identity_for_each_interface(home, start_daemon):
    """Clones of a machine must not share a client id: the MAC is part of it (RFC 4361)."""
    host = home["host"]
    home.plug_in(host, "eth1", home.switches["lan"])
    with home["router"].capture("lan", "udp port 67") as capture:
        daemon = start_daemon(host)
        wait_for(lambda: host.addresses("eth0") and host.addresses("eth1"), 5)
        daemon.wait_until_online()
    ids = {}
    for packet in capture.matching("DHCP-Message.*Request"):
        found = re.search(r"Client-ID \(61\), length \d+: ([^,]+, [0-9a-f:]+)", packet.text)
        assert found, packet.text
        ids[packet.text[:17]] = found.group(1)
    assert set(ids) == {host.mac("eth0"), host.mac("eth1")}
    assert len(set(ids.values())) == 2
    assert all(value.startswith("hardware-type 255") for value in ids.values())
