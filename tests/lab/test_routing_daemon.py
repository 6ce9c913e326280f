"""Routes of a routing daemon: the mirror leaves them out, and every answer still counts them."""

import pytest

from lab.daemon import Daemon
from lab.host import wait_for
from tests.lab.test_access import session

ROUTES = 600
GATEWAY = "192.168.1.1"


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def add_routes(daemon: Daemon, *destinations: str, protocol: str = "bird") -> None:
    lines = [f"route add {to} via {GATEWAY} proto {protocol}\n" for to in destinations]
    daemon.host.run("ip", "-batch", "-", input="".join(lines))


def many_destinations() -> list[str]:
    return [f"203.0.{number // 256}.{number % 256}/32" for number in range(ROUTES)]


def test_they_are_listed_page_by_page(daemon):
    ours = daemon.call("net.route_list")["total"]
    add_routes(daemon, *many_destinations())
    wait_for(lambda: daemon.call("net.route_list")["total"] == ours + ROUTES, 5)
    pages = [
        daemon.call("net.route_list", offset=offset, limit=250)["routes"]
        for offset in range(0, ours + ROUTES, 250)
    ]
    listed = [route["destination"] for page in pages for route in page]
    assert len(listed) == ours + ROUTES and set(many_destinations()) <= set(listed)
    one = daemon.call("net.route_list", destination="203.0.1.7/32")["routes"]
    assert [route["origin"] for route in one] == ["bird"]
    covering = daemon.call("net.route_list", covers="203.0.1.7")["routes"]
    assert [route["destination"] for route in covering] == ["0.0.0.0/0", "203.0.1.7/32"]


@pytest.mark.parametrize("subject", ["203.0.113.0/24", "203.0.113.9", "eth0"])
def test_they_are_explained(daemon, subject):
    add_routes(daemon, "203.0.113.0/24")
    wait_for(lambda: daemon.call("net.route_list", destination="203.0.113.0/24")["total"], 5)
    explained = daemon.call("net.explain", subject=subject)["explanations"]
    makers = {one["object"]: one["made_by"] for one in explained}
    of_bird = [maker for text, maker in makers.items() if "203.0.113.0/24" in text]
    assert len(of_bird) == 1 and "BIRD" in of_bird[0]


def test_a_route_in_the_place_of_one_is_refused(daemon):
    add_routes(daemon, "203.0.113.0/24")
    before = daemon.host.output("ip", "route", "show", "203.0.113.0/24")
    wait_for(lambda: daemon.call("net.route_list", destination="203.0.113.0/24")["total"], 5)
    for dry_run in (True, False):
        error = daemon.refusal("net.route_add", destination="203.0.113.0/24", gateway=GATEWAY,
                               metric=0, dry_run=dry_run)  # fmt: skip
        assert error["code"] == "route.exists" and "metric" in error["hint"]
    add_routes(daemon, "203.0.113.0/25")  # now the kernel does not tell of the other one
    error = daemon.refusal("net.route_add", destination="203.0.113.0/24", gateway=GATEWAY, metric=0)
    assert error["code"] == "route.exists" and "metric" in error["hint"]
    assert daemon.host.output("ip", "route", "show", "203.0.113.0/24") == before
    hint = daemon.refusal("net.route_del", destination="203.0.113.0/24")["hint"]
    assert "BIRD" in hint
    daemon.call("net.route_add", destination="203.0.113.0/24", gateway=GATEWAY, metric=50)
    assert len(daemon.host.output("ip", "route", "show", "203.0.113.0/24").splitlines()) == 2


def test_ours_that_one_took_the_place_of_is_not_fought_for(daemon):
    host, route = daemon.host, {"destination": "203.0.113.0/24", "gateway": GATEWAY, "metric": 7}
    daemon.call("net.route_add", **route)
    theirs = ["203.0.113.0/24", "via", "192.168.1.66", "metric", "7", "proto", "bird"]
    host.run("ip", "route", "replace", *theirs)
    found = wait_for(lambda: daemon.status()["troubles"], 10)
    assert [trouble["resource"] for trouble in found] == ["route/254/203.0.113.0/24/7"]
    assert "proto bird" in host.output("ip", "route", "show", "203.0.113.0/24")
    host.run("ip", "route", "del", *theirs)
    wait_for(lambda: GATEWAY in host.output("ip", "route", "show", "203.0.113.0/24"), 20)
    wait_for(lambda: not daemon.status()["troubles"], 20)


def test_a_session_may_live_by_one(home, daemon):
    """The default route may go while a daemon's route leads to who is connected, and only then."""
    host = daemon.host
    address = host.addresses("eth0")[0]
    home["internet"].run("ip", "route", "add", "192.168.1.0/24", "via", "198.51.100.2")
    home["router"].run("nft", "flush ruleset")
    without_gateway = {"link": "eth0", "method": "static", "addresses": [address]}
    with session(host, home["internet"]):
        add_routes(daemon, "203.0.113.0/24")
        error = daemon.refusal("net.configure", **without_gateway)
        assert error["code"] == "guard.refused"
        add_routes(daemon, "198.51.100.0/24", "192.0.2.0/24")
        daemon.call("net.configure", **without_gateway)
        assert not host.default_routes()


def test_a_blackhole_below_is_no_way(home, daemon):
    """What is left when a route goes is asked from the kernel: here a daemon's blackhole."""
    home["internet"].run("ip", "route", "add", "192.168.1.0/24", "via", "198.51.100.2")
    home["router"].run("nft", "flush ruleset")
    route = {"destination": "198.51.100.0/24", "gateway": GATEWAY}
    with session(daemon.host, home["internet"]):
        daemon.call("net.route_add", **route)
        daemon.host.run("ip", "route", "add", "blackhole", "198.51.0.0/16", "proto", "bird")
        error = daemon.refusal("net.route_del", destination=route["destination"])
        assert error["code"] == "guard.refused" and "route" in error["message"]


def test_online_by_nothing_else(daemon):
    host = daemon.host
    add_routes(daemon, "0.0.0.0/1", "128.0.0.0/1")
    daemon.call("net.configure", link="eth0", method="static", addresses=host.addresses("eth0"),
                dns=[GATEWAY])  # fmt: skip
    assert not host.default_routes()
    wait_for(lambda: daemon.status()["online"]["state"] == "yes", 15)
    host.run("ip", "route", "flush", "proto", "bird")
    host.run("ip", "route", "add", "203.0.113.0/24", "via", GATEWAY)
    wait_for(lambda: daemon.status()["online"]["state"] == "no", 30)
