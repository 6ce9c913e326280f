"""Every kind of link, port, setting, rule and route as intent, in the kernel's own words."""

import json
import sys

import pytest
from lab import Host
from lab.daemon import Daemon
from lab.host import wait_for


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    """The daemon in a host with a cable (eth0, by DHCP) and a pair of its own (pa, pb)."""
    host = home["host"]
    host.run("ip", "link", "add", "pa", "type", "veth", "peer", "name", "pb")
    daemon = start_daemon(host)
    daemon.wait_until_online()
    return daemon


def route_to(host: Host, destination: str, *where: str) -> dict:
    routes = host.ip("route", "show", destination, *where)
    return routes[0] if routes else {}


# Routes


def test_multipath_route(daemon):
    host = daemon.host
    host.run("ip", "addr", "add", "198.18.0.1/24", "dev", "pa")
    host.run("ip", "link", "set", "pa", "up")
    host.run("ip", "link", "set", "pb", "up")
    gateway = host.default_routes()[0]["gateway"]
    hops = [{"link": "eth0", "gateway": gateway}, {"link": "pa", "gateway": "198.18.0.2", "weight": 3}]
    answer = daemon.call("net.route_add", destination="203.0.113.0/24", nexthops=hops)
    assert answer["state"] == "committed"
    found = route_to(host, "203.0.113.0/24")["nexthops"]
    assert [(h["dev"], h["gateway"], h["weight"]) for h in found] == [
        ("eth0", gateway, 1),
        ("pa", "198.18.0.2", 3),
    ]
    listed = daemon.call("net.route_list", destination="203.0.113.0/24")["routes"]
    assert listed[0]["nexthops"] == 2 and listed[0]["resource"].startswith("route/")
    hops[1]["weight"] = 7
    changed = daemon.call("net.route_add", destination="203.0.113.0/24", nexthops=hops)
    assert route_to(host, "203.0.113.0/24")["nexthops"][1]["weight"] == 7
    daemon.call("tx.undo", transaction=changed["transaction"])
    assert route_to(host, "203.0.113.0/24")["nexthops"][1]["weight"] == 3
    daemon.call("net.route_del", destination="203.0.113.0/24")
    assert route_to(host, "203.0.113.0/24") == {}


@pytest.mark.parametrize(
    "arguments, code, parameter",
    [
        ({"nexthops": [{"link": "eth0"}]}, "parameter.range", "nexthops"),
        ({"nexthops": [{"link": "eth0"}, {"link": "gone"}]}, "link.unknown", "link"),
        ({"link": "eth0", "nexthops": [{"link": "eth0"}, {"link": "pa"}]},
         "parameter.conflict", "nexthops"),
        ({"type": "prohibit", "nexthops": [{"link": "eth0"}, {"link": "pa"}]},
         "parameter.conflict", "nexthops"),
    ],
)  # fmt: skip
def test_multipath_refusals(daemon, arguments, code, parameter):
    refusal = daemon.refusal("net.route_add", destination="203.0.113.0/24", **arguments)
    assert (refusal["code"], refusal["parameter"]) == (code, parameter)


def test_routes_that_drop_and_routes_onlink(daemon):
    host = daemon.host
    for kind in ("blackhole", "unreachable", "prohibit"):
        daemon.call("net.route_add", destination="203.0.113.0/24", type=kind, table=1000, metric=5)
        assert route_to(host, "203.0.113.0/24", "table", "1000")["type"] == kind
    source = host.addresses("eth0")[0].split("/")[0]
    daemon.call(
        "net.route_add", destination="198.51.100.0/24", link="eth0", gateway="198.18.9.9",
        onlink=True, source=source, metric=77, table=2000,
    )  # fmt: skip
    route = route_to(host, "198.51.100.0/24", "table", "2000")
    assert (route["prefsrc"], route["metric"], route["flags"]) == (source, 77, ["onlink"])


# What intent holds is made when the daemon starts, as after a restart of the machine


REMEMBER = """
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    for resource in json.load(sys.stdin):
        values = (resource["id"], "", json.dumps(resource))
        database.execute("INSERT OR REPLACE INTO intent VALUES (?, ?, ?)", values)
"""
OF_AN_ADMINISTRATOR = {"owner": "uid:0", "reason": "", "goal": "", "parent": "", "created": 1,
                       "transaction": 1}  # fmt: skip


def remember(daemon: Daemon, *resources: tuple[str, str, dict]) -> None:
    """Write resources (type, key, specification) into the intent of a daemon that is stopped.

    Inside the host: SQLite follows links, and that from /proc to a host's files leads astray.
    """
    rows = [
        {"id": f"{kind}/{key}", "type": kind, "spec": spec} | OF_AN_ADMINISTRATOR
        for kind, key, spec in resources
    ]
    path = f"{daemon.state}/aiosnet.db"
    daemon.host.run(sys.executable, "-c", REMEMBER, path, input=json.dumps(rows))


def device(name: str, kind: str, **options: object) -> tuple[str, str, dict]:
    return "device", name, {"name": name, "kind": kind} | ({kind: options} if options else {})


def details(host: Host, name: str) -> dict:
    """What `ip -d` says of the kind of a link."""
    return host.ip("-d", "link", "show", name)[0]["linkinfo"]


def restart_with(daemon: Daemon, *resources: tuple[str, str, dict]) -> None:
    daemon.stop()
    remember(daemon, *resources)
    daemon.start()


def test_every_kind_is_made_at_the_start(daemon):
    host = daemon.host
    restart_with(
        daemon,
        device("br7", "bridge", stp=True, forward_delay=4, ageing_time=20, priority=4096),
        device("ve7", "veth", peer="ve8"),
        device("mv7", "macvlan", parent="ve7", mode="private"),
        device("vx7", "vxlan", id=7, parent="ve7", local="192.0.2.1", remote="192.0.2.2"),
        device("dm7", "dummy"),
        device("bo7", "bond", mode="active-backup"),
        device("vl7", "vlan", id=7, parent="ve7"),
        ("port", "ve8", {"link": "ve8", "controller": "br7"}),
        ("setting", "ve7/proxy_arp", {"link": "ve7", "name": "proxy_arp", "value": 1}),
        ("rule", "ipv4/700", {"family": "ipv4", "priority": 700, "from": "192.0.2.0/24",
                              "table": 700}),
    )  # fmt: skip
    bridge = details(host, "br7")
    assert bridge["info_kind"] == "bridge"
    data = bridge["info_data"]
    assert (data["stp_state"], data["priority"]) == (1, 4096)
    assert (data["forward_delay"], data["ageing_time"]) == (400, 2000)
    assert details(host, "mv7")["info_data"]["mode"] == "private"
    tunnel = details(host, "vx7")["info_data"]
    assert (tunnel["id"], tunnel["local"], tunnel["remote"]) == (7, "192.0.2.1", "192.0.2.2")
    assert (tunnel["port"], tunnel["link"]) == (4789, "ve7")
    assert host.ip("link", "show", "ve8")[0]["master"] == "br7"
    assert host.output("cat", "/proc/sys/net/ipv4/conf/ve7/proxy_arp").strip() == "1"
    rules = host.ip("rule", "show", "priority", "700")
    assert [(rule["src"], rule["srclen"], rule["table"]) for rule in rules] == [
        ("192.0.2.0", 24, "700")
    ]
    failures = [event["message"] for event in daemon.events("resource.failed")]
    for name, feature in {"dm7": "dummy", "bo7": "bonding", "vl7": "8021q"}.items():
        made = name in [link["ifname"] for link in host.ip("link")]
        assert made or any(f"module {feature}" in words for words in failures), failures
    with host.monitor() as monitor:
        daemon.restart()
    assert not [line for line in monitor.lines() if "br7" in line or "ve7" in line]


def test_device_goes_back_to_a_parent_that_is_not_there(daemon):
    """Withdrawing that is no change of what cannot be changed: the device goes, and waits."""
    host, last = daemon.host, daemon.last_event()
    macvlan = {"name": "mv9", "kind": "macvlan"}
    answer = daemon.call("net.apply", links=[macvlan | {"macvlan": {"parent": "absent0"}}])
    assert "device/mv9" in [entry["resource"] for entry in answer["waiting"]]
    daemon.call("net.apply", links=[macvlan | {"macvlan": {"parent": "pa"}}], confirm_within=1)
    assert host.has_interface("mv9")
    wait_for(lambda: not host.has_interface("mv9"), 5, what="the end of the unconfirmed device")
    assert not daemon.events("tx.rollback_failed", after=last)
    host.run("ip", "link", "add", "absent0", "type", "veth", "peer", "name", "absent1")
    wait_for(lambda: host.has_interface("mv9"), 5, what="the device on its parent")


def has_address(host: Host, name: str) -> bool:
    """Of the lease's network; the link need not be there."""
    links = [link for link in host.ip("-4", "addr") if link.get("ifname") == name]
    held = [address["local"] for link in links for address in link["addr_info"]]
    return any(local.startswith("192.168.1.") for local in held)


def test_online_through_a_bridge(daemon):
    host = daemon.host
    restart_with(
        daemon,
        device("br0", "bridge"),
        ("link", "br0", {"name": "br0", "up": True}),
        ("port", "eth0", {"link": "eth0", "controller": "br0"}),
        ("dhcp", "br0", {"link": "br0"}),
    )
    wait_for(lambda: has_address(host, "br0"), 15, what="a lease through the bridge")
    wait_for(lambda: not has_address(host, "eth0"), 15, what="the end of the port's own lease")
    assert "UP" in host.ip("link", "show", "eth0")[0]["flags"]
    assert [route["dev"] for route in host.default_routes()] == ["br0"]
    wait_for(daemon.online, 15)
    host.run("ip", "link", "del", "br0")
    wait_for(lambda: has_address(host, "br0"), 20, what="the bridge that somebody removed")
    # Its address comes back before the port, if the kernel was still taking the old one apart.
    wait_for(lambda: host.ip("link", "show", "eth0")[0].get("master") == "br0", 10)
    wait_for(daemon.online, 20)
