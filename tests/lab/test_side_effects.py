"""What the kernel does besides what it is asked for, and that is put right again."""

import time
from typing import Any

import pytest
from lab import Host
from lab.daemon import Daemon
from lab.host import wait_for


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    """The daemon in a host with a cable (eth0, by DHCP) and a bridge without ports."""
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


# With the last address


def test_routes_of_others_outlive_the_last_address_as_they_were(daemon):
    """The kernel takes them with it; whatever they say is said again, also of routing daemons."""
    host = daemon.host
    link = {"name": "spare0", "kind": "bridge", "addresses": ["10.9.0.1/24"]}
    daemon.call("net.apply", links=[link])
    ours = ["dev", "spare0", "proto"]
    host.run("ip", "route", "add", "203.0.113.0/24", *ours, "static", "initcwnd", "20", "mtu",
             "lock", "1300")  # fmt: skip
    host.run("ip", "route", "add", "198.51.100.0/24", *ours, "bird")
    shown = [host.output("ip", "route", "show", *ours, who) for who in ("static", "bird")]
    assert "initcwnd" in shown[0] and shown[1]
    daemon.call("net.apply", links=[{"name": "spare0"}])
    assert [host.output("ip", "route", "show", *ours, who) for who in ("static", "bird")] == shown
    assert host.addresses("spare0") == []


def test_several_routes_to_one_destination_with_one_metric_are_all_put_back(daemon):
    """In their order: the kernel sends by the first one."""
    host = daemon.host
    daemon.call("net.apply", links=[{"name": "spare0", "kind": "bridge",
                                     "addresses": ["10.9.0.1/24"]}])  # fmt: skip
    there = ["198.51.100.0/24", "dev", "spare0", "metric", "7"]
    for number in ("3", "1", "2"):
        host.run("ip", "route", "append", *there, "via", f"192.0.2.{number}", "onlink")
    before = host.output("ip", "route", "show", "dev", "spare0", "metric", "7")
    assert before.count("\n") == 3
    daemon.call("net.apply", links=[{"name": "spare0"}])
    assert host.output("ip", "route", "show", "dev", "spare0", "metric", "7") == before


# The first address of a network

TWO = ["10.9.0.5/24", "10.9.0.2/24"]
SPARE: dict[str, Any] = {"name": "spare0"}


def addresses(host: Host, link: str = "spare0") -> str:
    return host.output("ip", "-4", "-o", "addr", "show", "dev", link)


@pytest.fixture(params=[False, True], ids=["with the others", "alone"])
def two(daemon, request) -> Daemon:
    """A network with two addresses; the first one goes with the others, or alone."""
    host = daemon.host
    host.run("ip", "link", "add", "spare0", "type", "bridge")
    host.run("ip", "link", "set", "spare0", "up")
    for address in TWO:
        host.run("ip", "addr", "add", address, "dev", "spare0")
    SPARE["promote_secondaries"] = request.param
    daemon.call("net.apply", links=[{**SPARE, "addresses": TWO}], take_over=True)
    host.run("ip", "route", "add", "198.51.100.0/24", "via", "10.9.0.9", "src", "10.9.0.2")
    return daemon


def test_first_address_is_the_first_after_a_rollback(two):
    host = two.host
    before, routes = addresses(host), host.output("ip", "route")
    bad = {"destination": "203.0.113.0/24", "gateway": "192.0.2.99"}
    refused = two.refusal("net.apply", links=[{**SPARE, "addresses": TWO[1:],
                                               "routes": [bad]}])  # fmt: skip
    assert refused["code"] and two.events("tx.rolled_back"), refused
    assert addresses(host) == before and host.output("ip", "route") == routes


def test_first_address_is_the_first_when_nobody_confirmed_its_removal(two):
    host = two.host
    before, routes = addresses(host), host.output("ip", "route")
    made = two.call("net.apply", links=[{**SPARE, "addresses": TWO[1:]}],
                    confirm_within=1)  # fmt: skip
    assert made["state"] == "pending" and TWO[0] not in addresses(host)
    wait_for(lambda: addresses(host) == before, 4, what="the former addresses")
    assert host.output("ip", "route") == routes


def test_first_address_after_a_restart(two):
    host = two.host
    before = addresses(host)
    two.call("net.apply", links=[{**SPARE, "addresses": TWO[1:]}], confirm_within=1)
    two.kill()
    time.sleep(1)
    two.start()
    wait_for(lambda: addresses(host) == before, 4, what="the former addresses")


# The MTU of what lies on a link


def mtu(host: Host, link: str) -> int:
    return host.ip("link", "show", "dev", link)[0]["mtu"]


def test_mtu_of_an_upper_link_comes_back(daemon):
    """Where nobody confirmed that of the lower one; and stays where somebody did."""
    host = daemon.host
    upper = {"name": "mv0", "kind": "macvlan", "macvlan": {"parent": "spare0", "mode": "bridge"}}
    daemon.call("net.apply", links=[{"name": "spare0", "kind": "bridge"}, upper])
    smaller: dict[str, Any] = {"links": [{"name": "spare0", "kind": "bridge", "mtu": 1300}]}
    daemon.call("net.apply", **smaller, confirm_within=1)
    assert mtu(host, "mv0") == 1300
    wait_for(lambda: mtu(host, "spare0") == mtu(host, "mv0") == 1500, 4)
    made = daemon.call("net.apply", **smaller, confirm_within=1)
    daemon.call("tx.confirm", transaction=made["transaction"])
    time.sleep(1.2)
    assert mtu(host, "mv0") == 1300
