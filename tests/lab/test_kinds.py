"""Every kind of link, port, setting, rule and route as intent, in the kernel's own words."""

import pytest
from lab import Host
from lab.daemon import Daemon


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
