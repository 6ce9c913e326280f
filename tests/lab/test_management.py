"""The guard rail management.path: whoever manages the host is reached by every change, or it is
refused with the step that would cut him off."""

import json
import time
from typing import Any

import pytest
from test_access import as_user, install_client, session
from test_proved import at_door, door, settled, visitor  # noqa: F401

from lab.daemon import Daemon
from lab.host import wait_for

ROUTER = "192.168.1.1"


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    host = home["host"]
    install_client(host)
    daemon = start_daemon(host, "--agent-user", "nobody")
    daemon.wait_until_online()
    return daemon


def kernel(daemon: Daemon) -> dict[str, Any]:
    host = daemon.host
    return {"routes": host.output("ip", "route", "show", "table", "all"),
            "rules": host.output("ip", "rule"), "addresses": host.addresses("eth0")}  # fmt: skip


def rule(**members: Any) -> dict[str, Any]:
    return {"family": "ipv4", "priority": 100, **members}


def route(destination: str, **members: Any) -> dict[str, Any]:
    return {"destination": destination, **members}


BLACKHOLES = [route("default", type="blackhole", table=100)]

# What would cut the router off, and the resource that a refusal names.
REFUSED = {
    "a rule that drops": (
        {"rules": [rule(to=f"{ROUTER}/32", action="blackhole")]}, "rule/ipv4/100"),
    "a rule that prohibits what comes from here": (
        {"rules": [rule(**{"from": "192.168.1.0/24"}, action="prohibit")]}, "rule/ipv4/100"),
    "a rule to a table that drops": (
        {"rules": [rule(to=f"{ROUTER}/32", table=100)], "routes": BLACKHOLES}, "rule/ipv4/100"),
    "a rule for what this host sends": (
        {"rules": [rule(incoming="lo", action="unreachable")]}, "rule/ipv4/100"),
    "a route that drops": (
        {"routes": [route(f"{ROUTER}/32", type="blackhole")]}, f"route/254/{ROUTER}/32/0"),
    "all nexthops are dead": (
        {"links": [{"name": "d0", "kind": "veth", "veth": {"peer": "d1"},
                    "addresses": ["203.0.113.1/24"], "ignore_dead_routes": False}],
         "routes": [route(f"{ROUTER}/32", nexthops=[{"link": "d0", "gateway": "203.0.113.2"},
                                                    {"link": "d0", "gateway": "203.0.113.3"}])]},
        f"route/254/{ROUTER}/32/0"),
    "its address is taken": (
        {"links": [{"name": "eth0", "addresses": [f"{ROUTER}/32"]}]},
        f"address/eth0/{ROUTER}/32"),
    "no answer to ARP": (
        {"links": [{"name": "eth0", "settings": {"arp_ignore": 8}}]}, "setting/eth0/arp_ignore"),
    "a port of a bridge": (
        {"links": [{"name": "br0", "kind": "bridge"}, {"name": "eth0", "controller": "br0"}]},
        "port/eth0"),
    "all that comes goes to a macvlan": (
        {"links": [{"name": "m0", "kind": "macvlan",
                    "macvlan": {"parent": "eth0", "mode": "passthru"}}]}, "device/m0"),
    "the link is set down": ({"links": [{"name": "eth0", "up": False}]}, "link/eth0"),
}  # fmt: skip


def apply(daemon: Daemon, layout: dict[str, Any], **options: Any) -> dict[str, Any]:
    return daemon.call("net.apply", **({"links": []} | layout), **options)


def as_agent(daemon: Daemon, tool: str, **arguments: Any) -> dict[str, Any]:
    """A call as the agent; the answer, or the refusal."""
    words = [f"{name}={value if isinstance(value, str) else json.dumps(value)}"
             for name, value in arguments.items()]  # fmt: skip
    result = as_user(daemon, "call", tool, "--json", *words)
    return json.loads(result.stdout) if result.returncode == 0 else json.loads(result.stderr)["error"]


def refusal(daemon: Daemon, layout: dict[str, Any], **options: Any) -> dict[str, Any]:
    return daemon.refusal("net.apply", **({"links": []} | layout), **options)


@pytest.mark.parametrize("layout, resource", REFUSED.values(), ids=REFUSED.keys())
def test_nobody_is_cut_off(home, daemon, layout, resource):
    before = kernel(daemon)
    with session(daemon.host, home["router"]):
        for options in ({"dry_run": True}, {}, {"confirm_within": 60}):
            error = refusal(daemon, layout, **options)
            assert error["code"] == "guard.refused", error
            assert error["guard"] == "management.path" and error["resource"] == resource, error
            assert ROUTER in error["message"] and "now by" in error["message"]
        assert kernel(daemon) == before


# What waits


LATE = {"destination": f"{ROUTER}/32", "link": "m0"}
LATE_ID = f"route/254/{ROUTER}/32/0"
WAITS = {"links": [{"name": "m0", "kind": "macvlan", "macvlan": {"parent": "late0"},
                    "ignore_dead_routes": False}], "routes": [LATE]}  # fmt: skip
MAKES_LATE = {"links": [{"name": "late0", "kind": "veth", "veth": {"peer": "late1"}}]}


def test_what_waits_is_judged_as_it_would_be(home, daemon):
    """Nobody is connected yet where it is the router's way that would change."""
    with session(daemon.host, home["router"]):
        settled()
        error = as_agent(daemon, "net.apply", **WAITS)
        assert error["code"] == "guard.unproved" and error["resource"] == LATE_ID
    settled()
    assert apply(daemon, WAITS)["waiting"]


def test_what_waits_is_part_of_the_plan_that_makes_its_link(home, daemon):
    before = kernel(daemon)
    assert apply(daemon, WAITS)["waiting"]
    with session(daemon.host, home["router"]):
        settled()
        error = refusal(daemon, MAKES_LATE)
        assert error["code"] == "guard.refused" and error["resource"] == LATE_ID, error
        assert kernel(daemon) == before
    settled()
    steps = apply(daemon, MAKES_LATE)["steps"]
    assert LATE_ID in [step["resource"] for step in steps]
    assert "m0" in daemon.host.output("ip", "route", "get", ROUTER)


def test_what_waits_is_not_made_over_somebody_at_work(home, daemon, door):
    """A link that somebody plugs in is no plan; but convergence asks the guard rails, too."""
    host = daemon.host
    assert apply(daemon, {"routes": [LATE | {"link": "late0"}]})["waiting"]
    with visitor(home["router"], at_door(daemon), size=16384):
        settled()
        last = daemon.last_event()
        host.run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "late1")
        daemon.wait_for_event("resource.failed", after=last, words="management.path")
        assert "eth0" in host.output("ip", "route", "get", ROUTER)
    wait_for(lambda: "late0" in host.output("ip", "route", "get", ROUTER), 10)


# What goes by itself


def test_nobody_builds_on_what_is_not_confirmed(home, daemon):
    """Each step alone is harmless: a route that goes again, then the removal of the one before."""
    host, internet = daemon.host, home["internet"]
    internet.run("ip", "route", "add", "192.168.1.0/24", "via", "198.51.100.2")
    home["router"].run("nft", "flush ruleset")
    address = host.addresses("eth0")[0]
    static = {"link": "eth0", "method": "static", "addresses": [address]}
    daemon.call("net.configure", **static, gateway=ROUTER)
    spare = {"destination": "198.51.100.0/24", "gateway": ROUTER}
    with session(host, internet):
        settled()
        number = daemon.call("net.route_add", **spare, confirm_within=60)["transaction"]
        error = daemon.refusal("net.configure", **static)
        assert error["code"] == "guard.refused" and f"transaction {number}" in error["message"]
        daemon.call("tx.confirm", transaction=number)
        daemon.call("net.configure", **static)
        assert host.pings("198.51.100.1")


def test_what_expires_does_not_go_while_somebody_needs_it(home, daemon):
    host, internet = daemon.host, home["internet"]
    internet.run("ip", "route", "add", "192.168.1.0/24", "via", "198.51.100.2")
    home["router"].run("nft", "flush ruleset")
    address = host.addresses("eth0")[0]
    static = {"link": "eth0", "method": "static", "addresses": [address]}
    daemon.call("net.configure", **static, gateway=ROUTER)
    with session(host, internet):
        settled()
        daemon.call("net.route_add", destination="198.51.100.0/24", gateway=ROUTER, expires_in=3)
        daemon.call("net.configure", **static)
        daemon.wait_for_event("intent.expiry_failed", words="management.path", timeout=8)
        assert host.pings("198.51.100.1")
