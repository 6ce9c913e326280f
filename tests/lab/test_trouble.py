"""What does not go as planned: it is said, tried again, and comes right by itself."""

import signal
import time

import pytest
from lab import topologies
from lab.daemon import STATE, Daemon, ToolError
from lab.host import wait_for


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def troubles(daemon: Daemon) -> str:
    return str(daemon.status()["troubles"])


# Places that somebody else holds


def test_foreign_default_route_of_our_metric(home, start_daemon):
    """Somebody's route holds the place of ours: it stays, and the host comes online all the same,
    or says why not and does so when the place is free."""
    host = home["host"]
    host.pull("eth0")
    daemon = start_daemon(host)
    wait_for(lambda: daemon.interface("eth0")["method"] == "dhcp", 2)
    host.run("ip", "addr", "add", "192.168.1.77/24", "dev", "eth0")
    foreign = ["default", "via", "192.168.1.99", "dev", "eth0", "metric", "100"]
    host.run("ip", "route", "add", *foreign, "proto", "static")
    host.plug("eth0")
    daemon.wait_for_event("dhcp.bound")
    wait_for(lambda: "192.168.1.1" in str(daemon.lease()["gateway"]), 2)
    time.sleep(0.5)
    assert any(r["gateway"] == "192.168.1.99" for r in host.default_routes())
    if not any(r["gateway"] == "192.168.1.1" for r in host.default_routes()):
        said = str(daemon.status()["troubles"]) + daemon.lease()["trouble"]
        assert "route" in said
    host.run("ip", "route", "del", *foreign)
    daemon.wait_until_online(10)
    assert troubles(daemon) == "[]" and daemon.lease()["trouble"] == ""


def test_address_of_the_lease_that_somebody_put_there_before(home, start_daemon):
    """As an installer or another DHCP client leaves it."""
    host = home["host"]
    mac = host.mac("eth0")
    daemon = start_daemon(host)
    daemon.wait_until_online()
    address = host.addresses("eth0")[0]
    daemon.stop()
    daemon.forget()
    host.run("ip", "addr", "flush", "dev", "eth0")
    host.run("ip", "addr", "add", address, "dev", "eth0")
    assert host.mac("eth0") == mac
    daemon.start()
    daemon.wait_until_online()
    assert address in host.addresses("eth0")
    assert troubles(daemon) == "[]"


def test_own_route_comes_back_with_its_link(daemon):
    host = daemon.host
    daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7")
    for _ in range(2):
        host.run("ip", "link", "set", "eth0", "down")
        wait_for(lambda: host.ip("route", "show", "10.9.0.0/16"), 2)
    wait_for(lambda: troubles(daemon) == "[]", 5)


def test_configured_link_that_is_away_comes_back_configured(home, daemon):
    host = daemon.host
    home.plug_in(host, "eth1", home.switches["lan"])
    wait_for(lambda: "eth1" in daemon.interfaces(), 2)
    daemon.call("net.configure", link="eth1", method="static", addresses=["192.168.1.9/24"])
    home.unplug(host, "eth1")
    daemon.wait_for_event("link.vanished", words="eth1")
    wait_for(lambda: "eth1" in troubles(daemon), 3)
    home.plug_in(host, "eth1", home.switches["lan"])
    wait_for(lambda: host.addresses("eth1") == ["192.168.1.9/24"], 3)
    wait_for(lambda: troubles(daemon) == "[]", 3)


def test_renamed_link_is_followed(home, daemon):
    host = daemon.host
    host.run("ip", "link", "set", "eth0", "down")
    host.run("ip", "link", "set", "eth0", "name", "lan0", check=False)
    if not host.has_interface("lan0"):  # it was up again before it could be renamed
        host.run("sh", "-c", "ip link set eth0 down && ip link set eth0 name lan0")
    wait_for(lambda: host.addresses("lan0"), 5)
    wait_for(daemon.online, 5)
    assert daemon.interface("lan0")["method"] == "dhcp"
    assert "eth0" not in troubles(daemon)


# A mirror that lost announcements


def test_overrun_is_noticed_and_mended(home, start_daemon):
    """More announcements than the buffer holds: the mirror is read anew, bounded, and says so."""
    host = home["host"]
    daemon = start_daemon(host, "--receive-buffer", "4096")
    daemon.wait_until_online()
    routes = "".join(f"route add 10.{n // 250}.{n % 250}.0/24 via 192.168.1.7\n"
                     for n in range(3000))  # fmt: skip
    assert daemon.process
    daemon.process.signal(signal.SIGSTOP)
    host.run("ip", "-batch", "-", input=routes)
    host.run("ip", "addr", "flush", "dev", "eth0", "scope", "global", check=False)
    daemon.process.signal(signal.SIGCONT)
    daemon.wait_for_event("observed.resynchronised")
    wait_for(lambda: host.addresses("eth0") and daemon.online(), 5)
    host.run("ip", "-batch", "-", input=routes)

    def true_mirror() -> bool:
        kernel = host.ip("-4", "route", "show")
        mirror = daemon.call("net.route_list", family="ipv4", table=254, limit=1)
        return mirror["total"] == len(kernel)

    wait_for(true_mirror, 5)
    wait_for(lambda: daemon.status()["synchronised"], 5)


def test_daemon_answers_while_the_kernel_is_busy(daemon):
    """Thousands of routes of somebody else come and go; reads go on quickly."""
    routes = "".join(f"route add 10.{n // 250}.{n % 250}.0/24 via 192.168.1.7\n"
                     for n in range(5000))  # fmt: skip
    batch = daemon.host.write("/run/lab/routes", routes)
    churn = daemon.host.popen("ip", "-batch", batch, name="churn")
    slowest = 0.0
    with daemon.client() as client:
        while churn.running:
            started = time.monotonic()
            client.call("net.interfaces")
            slowest = max(slowest, time.monotonic() - started)
    assert slowest < 0.25
    wait_for(lambda: daemon.call("net.route_list", limit=1)["total"] >= 5000, 5)


# Uplinks and name servers


def test_names_resolve_quickly_when_the_preferred_uplink_is_out(raise_lab, start_daemon):
    lab = raise_lab(topologies.two_uplinks)
    host = lab["host"]
    daemon = start_daemon(host)
    daemon.wait_until_online()
    wait_for(lambda: len(host.default_routes()) == 2, 5)
    first = host.default_routes()[0]
    host.pull(first["dev"])
    wait_for(lambda: first["dev"] not in str(host.ip("route", "get", "1.1.1.1")), 2)
    started = time.monotonic()
    assert host.output("getent", "ahostsv4", "api.anthropic.com").startswith(topologies.API)
    assert time.monotonic() - started < 1
    lookup = daemon.call("net.dns_lookup", domain="www.example.com")
    assert lookup["answers"]


def test_uplink_that_is_up_but_leads_nowhere_is_reported(daemon):
    """Carrier is there, packets are not: said within seconds, and when it is over."""
    host = daemon.host
    after = daemon.last_event()
    host.cable("eth0").lose(100)
    host.flap("eth0", 0.05)  # so that it is looked at now, and not at the next look
    event = daemon.wait_for_event("online.no", after, timeout=15)
    assert event["message"]
    host.cable("eth0").clear()
    daemon.wait_for_event("online.yes", event["sequence"], timeout=25)


def test_tries_go_on_without_end(raise_lab, start_daemon):
    """Nobody answers: the client asks again and again, ever more slowly."""
    lab = raise_lab(topologies.wire)
    with lab["host"].capture("eth0", "udp dst port 67") as capture:
        start_daemon(lab["host"])
        discovers = capture.wait_for("DHCP-Message.*Discover", count=4, timeout=8)
    times = [packet.time for packet in discovers]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert 0.4 < gaps[0] < 0.65 and 0.8 < gaps[1] < 1.25 and 1.6 < gaps[2] < 2.5


# A disk that cannot be written


def test_first_start_on_a_read_only_disk(home, start_daemon):
    """The host is online all the same; what is asked for is refused until the disk can be written,
    and then everything is as if it had been so from the start."""
    host = home["host"]
    host.path(STATE).mkdir(parents=True, exist_ok=True)
    host.run("mount", "-t", "tmpfs", "-o", "ro,mode=0700", "tmpfs", STATE)
    daemon = start_daemon(host)
    daemon.wait_until_online()
    route = {"destination": "198.51.100.0/24", "gateway": "192.168.1.1"}
    with pytest.raises(ToolError, match="store"):
        daemon.call("net.route_add", **route)
    host.run("mount", "-o", "remount,rw", STATE)
    daemon.call("net.route_add", **route)
    assert daemon.events("store.recovered")
    addresses = host.addresses("eth0")
    daemon.restart()
    daemon.wait_until_online()
    assert host.addresses("eth0") == addresses
    assert "198.51.100.0/24" in str(host.ip("route", "show"))
    assert "198.51.100.0/24" in str(daemon.call("net.route_list"))
