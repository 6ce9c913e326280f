"""Two uplinks: each keeps its own default route, and the one that works is used."""

import time

import pytest
from lab import Host, Lab, topologies
from lab.daemon import Daemon
from lab.host import wait_for

FAILOVER_PINGS = 5  # lost at most, at one every 10 ms


class Uplinks:
    """The lab with two uplinks, and a daemon that has both."""

    def __init__(self, lab: Lab, daemon: Daemon) -> None:
        self.lab = lab
        self.host: Host = lab["host"]
        self.daemon = daemon
        daemon.wait_until_online()
        wait_for(lambda: len(self.host.default_routes()) == 2, 5, what="two default routes")

    def used(self) -> str:
        """The link that the kernel sends packets to the Internet by."""
        return self.host.ip("route", "get", "1.1.1.1")[0]["dev"]

    def reported(self) -> str | None:
        """The link that net.status calls the uplink in use."""
        uplinks = self.daemon.status()["uplinks"]
        return next((uplink["link"] for uplink in uplinks if uplink["in_use"]), None)


@pytest.fixture
def uplinks(raise_lab, start_daemon) -> Uplinks:
    lab = raise_lab(topologies.two_uplinks)
    return Uplinks(lab, start_daemon(lab["host"]))


def test_each_uplink_has_its_own_default_route(uplinks):
    routes = uplinks.host.default_routes()
    assert sorted((r["dev"], r["gateway"]) for r in routes) == [
        ("eth0", "192.168.1.1"),
        ("eth1", "192.168.2.1"),
    ]
    assert sorted(r["metric"] for r in routes) == [100, 101]
    assert {r["protocol"] for r in routes} == {"161"}
    best = routes[0]["dev"]
    assert uplinks.used() == uplinks.reported() == best
    assert uplinks.daemon.interface(best)["uplink"]
    assert not uplinks.daemon.interface(routes[1]["dev"])["uplink"]
    resolver = uplinks.host.read("/etc/resolv.conf").splitlines()
    servers = [line.split()[1] for line in resolver if line.startswith("nameserver")]
    assert servers == [route["gateway"] for route in routes]


def test_metrics_stay_over_a_restart(uplinks):
    before = uplinks.host.default_routes()
    uplinks.daemon.restart()
    uplinks.daemon.wait_until_online()
    time.sleep(0.2)
    assert uplinks.host.default_routes() == before


def test_pulled_cable_hands_over_to_the_other_uplink(uplinks):
    host, daemon = uplinks.host, uplinks.daemon
    first, second = (route["dev"] for route in host.default_routes())
    after = daemon.last_event()
    with host.pinger("1.1.1.1") as pinger:
        pinger.wait_for_answers(10)
        host.pull(first)
        pinger.wait_for_answers(20)
        wait_for(lambda: uplinks.reported() == second, 2)
        assert uplinks.used() == second
        assert daemon.online()
        assert pinger.lost() <= FAILOVER_PINGS

        host.plug(first)
        wait_for(lambda: uplinks.used() == first, 3, what="the preferred uplink again")
        wait_for(lambda: uplinks.reported() == first, 2)
        pinger.wait_for_answers(20)
    assert pinger.lost() <= 2 * FAILOVER_PINGS
    kinds = [e["kind"] for e in daemon.events(after=after) if e["data"].get("link") == first]
    assert "link.carrier_lost" in kinds and "link.carrier_gained" in kinds
    assert not daemon.events("online.no", after)


def test_connections_go_on_by_the_uplink_that_is_left(uplinks):
    """What is new goes out by the other uplink with the other's address."""
    first, second = uplinks.host.default_routes()
    uplinks.host.pull(first["dev"])
    wait_for(lambda: uplinks.used() == second["dev"], 2)
    route = uplinks.host.ip("route", "get", "1.1.1.1")[0]
    assert route["prefsrc"] == second["prefsrc"]
    assert uplinks.host.output("getent", "ahostsv4", "api.anthropic.com")


def test_alternate_uplink_may_die(uplinks):
    host, daemon = uplinks.host, uplinks.daemon
    first, second = (route["dev"] for route in host.default_routes())
    after = daemon.last_event()
    with host.pinger("1.1.1.1") as pinger:
        pinger.wait_for_answers(5)
        host.pull(second)
        daemon.wait_for_event("link.carrier_lost", after, words=second)
        pinger.wait_for_answers(10)
        host.plug(second)
        daemon.wait_for_event("link.carrier_gained", after, words=second)
        pinger.wait_for_answers(10)
    assert pinger.lost() == 0
    assert uplinks.used() == uplinks.reported() == first
    assert not daemon.events("online.no", after)


def test_both_out_is_offline_and_one_back_is_online(uplinks):
    host, daemon = uplinks.host, uplinks.daemon
    first, second = (route["dev"] for route in host.default_routes())
    after = daemon.last_event()
    host.pull(first)
    host.pull(second)
    event = daemon.wait_for_event("online.no", after, timeout=5)
    assert event["data"]["state"] == "no" and event["message"]
    status = daemon.status()
    assert status["online"]["state"] == "no" and status["online"]["detail"]
    assert not any(uplink["in_use"] for uplink in status["uplinks"])
    host.plug(second)
    back = daemon.wait_for_event("online.yes", after, timeout=5)
    assert back["data"]["lasted_ms"] > 0
    assert uplinks.reported() == second and host.pings("1.1.1.1")
    host.plug(first)
    wait_for(lambda: uplinks.reported() == first, 5)


def test_uplink_that_vanishes_takes_its_route_along(uplinks):
    host = uplinks.host
    first, second = (route["dev"] for route in host.default_routes())
    uplinks.lab.unplug(host, first)
    wait_for(lambda: uplinks.reported() == second, 3)
    assert [route["dev"] for route in host.default_routes()] == [second]
    assert host.pings("1.1.1.1")
    resolver = "/etc/resolv.conf"
    wait_for(lambda: host.read(resolver).count("nameserver") == 1, 2)


def test_agent_chooses_the_preferred_uplink(uplinks):
    host = uplinks.host
    first, second = (route["dev"] for route in host.default_routes())
    uplinks.daemon.call("net.configure", link=second, method="dhcp", metric=50)
    wait_for(lambda: uplinks.used() == second, 3, what="the uplink that the agent prefers")
    assert [(r["dev"], r["metric"]) for r in host.default_routes()][0] == (second, 50)
    assert uplinks.reported() == second
    assert first in [route["dev"] for route in host.default_routes()]
