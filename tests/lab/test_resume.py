"""What a module that is loaded anew, and a machine that slept, are for the network."""

import signal
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pytest
from lab import Host, topologies
from lab.daemon import Daemon
from lab.host import wait_for
from lab.servers import Udhcpd

PAIR = {"name": "spare0", "addresses": ["10.9.0.1/24", "10.9.0.2/24"], "mtu": 1400,
        "routes": [{"destination": "203.0.113.0/24", "gateway": "10.9.0.9"}],
        "settings": {"rp_filter": 2, "arp_ignore": 1}}  # fmt: skip
SOON = 0.1


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def load(host: Host) -> None:
    """The driver makes the link; its name is the same, its index is not."""
    host.run("ip", "link", "add", "spare0", "type", "veth", "peer", "name", "spare1")


def state_of(host: Host) -> list[Any]:
    """What intent says of the link, in the kernel's words."""
    link = host.ip("link", "show", "dev", "spare0")[0]
    settings = [host.output("cat", f"/proc/sys/net/ipv4/conf/spare0/{name}").strip()
                for name in ("rp_filter", "arp_ignore")]  # fmt: skip
    return [link["mtu"], "UP" in link["flags"], sorted(host.addresses("spare0")), settings,
            host.output("ip", "-4", "route", "show", "dev", "spare0")]  # fmt: skip


def within(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Asking takes time, too, and others use the machine."""
    start = time.monotonic()
    wait_for(condition, 5, what=what)
    assert time.monotonic() - start < seconds + 0.4, f"{what} took {time.monotonic() - start:.3f} s"


def test_module_that_is_loaded_anew(daemon):
    """The link goes, with all that was on it, and comes back with its name and another index."""
    host = daemon.host
    load(host)
    host.run("ip", "link", "set", "spare1", "up")
    daemon.call("net.apply", links=[PAIR], take_over=True)
    before = state_of(host)
    for _ in range(3):
        host.run("ip", "link", "del", "spare0")
        time.sleep(0.05)
        load(host)
        host.run("ip", "link", "set", "spare1", "up")
        within(lambda: state_of(host) == before, SOON, "the state of the link")
    assert daemon.call("net.export")["links"]


def test_bridge_and_its_port_whose_modules_are_loaded_anew(daemon):
    """The port goes with its driver, the bridge stays, and has it again."""
    host = daemon.host
    load(host)
    links = [{"name": "br0", "kind": "bridge", "addresses": ["10.9.0.1/24"]},
             {"name": "spare0", "controller": "br0"}]  # fmt: skip
    daemon.call("net.apply", links=links, take_over=True)
    host.run("ip", "link", "del", "spare0")
    load(host)
    within(lambda: host.ip("link", "show", "dev", "spare0")[0].get("master") == "br0", SOON,
           "the port")  # fmt: skip
    assert host.addresses("br0") == ["10.9.0.1/24"]


@contextmanager
def asleep(daemon: Daemon) -> Iterator[None]:
    """All links are down, and nothing runs: the daemon neither, whose clock goes on."""
    host, process = daemon.host, daemon.process
    assert process
    links = [link["ifname"] for link in host.ip("link", "show") if link["ifname"] != "lo"]
    process.signal(signal.SIGSTOP)
    try:
        for link in links:
            host.run("ip", "link", "set", link, "down")
        yield
        for link in links:
            host.run("ip", "link", "set", link, "up")
    finally:
        process.signal(signal.SIGCONT)


def test_resume(daemon):
    host = daemon.host
    load(host)
    host.run("ip", "link", "set", "spare1", "up")
    daemon.call("net.apply", links=[PAIR], take_over=True)
    before, routes = state_of(host), host.default_routes()
    with asleep(daemon):
        time.sleep(1)
    within(lambda: state_of(host) == before, SOON, "the state of the link")
    within(lambda: host.default_routes() == routes, SOON, "the default route")
    assert daemon.lease()["state"] == "bound"


def test_lease_that_expired_in_the_sleep_is_not_used(raise_lab, start_daemon):
    """Somebody else may have the address now: it goes at once, and is asked for anew. The kernel's
    own count of its lifetime stands still while the machine sleeps."""
    lab = raise_lab(topologies.home, dhcp=Udhcpd, lease_time=5)
    host, daemon = lab["host"], start_daemon(lab["host"])
    daemon.wait_until_online()
    [address] = host.addresses("eth0")
    lab["router"].run("ip", "link", "set", "lan", "down")
    with asleep(daemon):
        host.run("ip", "addr", "change", address, "dev", "eth0", "valid_lft", "forever",
                 "preferred_lft", "forever")  # fmt: skip
        time.sleep(11)  # udhcpd gives no lease for less than 10 s
        assert host.addresses("eth0") == [address]
    within(lambda: host.addresses("eth0") == [], SOON, "the end of the address")
    assert host.default_routes() == []
    lab["router"].run("ip", "link", "set", "lan", "up")
    wait_for(lambda: host.addresses("eth0") and host.default_routes(), 20, what="a new lease")
