"""The lab itself: real clients get what they would get outside, and it leaves nothing."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab import Lab, reaper, topologies
from lab.host import Host, wait_for
from lab.servers import Dnsmasq, Kea, Udhcpd, Unsupported
from peer import get_lease

REPOSITORY = Path(__file__).parents[2]
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
API = "api.anthropic.com"


def https_get(host: Host, name: str, path: str = "/", data: str | None = None) -> object:
    """A request over HTTPS with the certificate verified by the host's authorities."""
    program = (
        "import sys, urllib.request as r\n"
        "data = sys.argv[2].encode() if len(sys.argv) > 2 else None\n"
        "print(r.urlopen(r.Request(sys.argv[1], data), timeout=10).read().decode())\n"
    )
    arguments = [f"https://{name}{path}", *([data] if data else [])]
    return json.loads(host.output(sys.executable, "-I", "-c", program, *arguments))


def test_home_works_with_each_dhcp_server(raise_lab, dhcp_server):
    lab = raise_lab(topologies.home, dhcp=dhcp_server)
    host = lab["host"]
    lease = get_lease(host)

    assert lease["ip"].startswith("192.168.1.1") and lease["router"] == "192.168.1.1"
    assert lease["domain"] == "home.arpa" and lease["lease"] == "3600"
    assert host.addresses("eth0") == [f"{lease['ip']}/24"]
    assert host.pings("1.1.1.1") and host.pings("8.8.8.8")
    addresses = host.output("getent", "ahostsv4", API)
    assert addresses.startswith(topologies.API)
    assert https_get(host, API)["status"] == "ok"
    assert https_get(host, API, "/v1/messages", "{}")["type"] == "message"


def test_internet_sees_the_router_not_the_host(home):
    host = home["host"]
    get_lease(host)
    with home["internet"].capture("isp", "icmp") as capture:
        assert host.pings("1.1.1.1")
        echo = capture.wait_for("echo request")[0]
    assert "198.51.100.2 > 1.1.1.1" in echo.text


def test_dns_over_tls(home):
    host = home["host"]
    get_lease(host)
    for address, names in topologies.RESOLVERS.items():
        tls = [f"+tls-ca={BUNDLE}", f"+tls-host={names[0]}", "+short"]
        answer = host.output("kdig", f"@{address}", *tls, API)
        assert answer.strip() == topologies.API
        wrong_name = ["kdig", f"@{address}", f"+tls-ca={BUNDLE}", "+tls-host=other.example", API]
        assert "WARNING" in host.run(*wrong_name, check=False).stderr
        options = ["-connect", f"{address}:853", "-servername", names[0], "-verify_return_error"]
        session = host.run("openssl", "s_client", *options, "-verify_hostname", names[0], input="")
        assert "Verify return code: 0 (ok)" in session.stdout


def test_dns_tree_refers_from_the_root_down(home):
    host = home["host"]
    get_lease(host)
    root = host.output("kdig", "+norec", f"@{topologies.ROOT}", API)
    assert "ns.com." in root and topologies.COM in root and topologies.API not in root
    com = host.output("kdig", "+norec", f"@{topologies.COM}", API)
    assert "ns.anthropic.com." in com and topologies.API not in com
    assert "NXDOMAIN" in host.output("kdig", "@1.1.1.1", "no-such-name.com")


def test_dhcp_options_arrive(raise_lab, dhcp_server):
    options = {
        "lease_time": 7200,
        "mtu": 1400,
        "ntp": ("192.0.2.123",),
        "search": ("home.arpa", "example.com"),
        "routes": (("10.0.0.0/8", "192.168.1.1"), ("0.0.0.0/0", "192.168.1.1")),
        "captive_portal": "https://portal.example/api",
        "v6_only_wait": 1800,
    }
    lab = raise_lab(topologies.home, dhcp=dhcp_server, **options)
    lease = get_lease(lab["host"])

    assert lease["lease"] == "7200"
    assert lease["mtu"] == "1400"
    assert lease["ntpsrv"] == "192.0.2.123"
    assert lease["search"] == "home.arpa example.com"
    assert lease["staticroutes"] == "10.0.0.0/8 192.168.1.1 0.0.0.0/0 192.168.1.1"
    assert lease["opt114"] == b"https://portal.example/api".hex()
    assert lease["opt108"] == (1800).to_bytes(4, "big").hex()


def test_servers_say_what_they_cannot_do(raise_lab):
    for server in (Kea, Udhcpd):
        with pytest.raises(Unsupported, match="rapid_commit"):
            Lab(topologies.home, dhcp=server, rapid_commit=True).__enter__()
    with pytest.raises(Unsupported, match="120"):
        Lab(topologies.home, dhcp=Dnsmasq, lease_time=60).__enter__()


def test_short_leases(raise_lab):
    for server in (Kea, Udhcpd):
        lab = raise_lab(topologies.home, dhcp=server, lease_time=3)
        assert get_lease(lab["host"])["lease"] == "3"


def test_pulled_cable_takes_the_carrier_away(home):
    host = home["host"]
    get_lease(host)
    assert host.has_carrier("eth0")
    host.pull("eth0")
    wait_for(lambda: not host.has_carrier("eth0"), 2)
    assert not host.pings("192.168.1.1", 1)
    host.plug("eth0")
    wait_for(lambda: host.has_carrier("eth0"), 2)
    assert host.pings("192.168.1.1")


def test_cable_loses_and_filters(home):
    host = home["host"]
    get_lease(host)
    cable = host.cable("eth0")
    cable.lose(100)
    assert not host.pings("192.168.1.1", 1)
    cable.lose(50)
    # An ARP request that is lost would hold up all packets for a second.
    router = home["router"]
    host.run("ip", "neigh", "replace", "192.168.1.1", "dev", "eth0", "nud", "permanent",
             "lladdr", router.mac("lan"))  # fmt: skip
    result = host.output("ping", "-qnc200", "-i0.005", "-W1", "192.168.1.1", check=False)
    assert 20 <= int(result.split(" received")[0].split()[-1]) <= 80
    cable.filter(from_host="ip daddr 1.1.1.1 drop")
    assert host.pings("8.8.8.8") and not host.pings("1.1.1.1", 1)
    cable.clear()
    assert host.pings("1.1.1.1")


def test_counters(home):
    host = home["host"]
    get_lease(host)
    before = host.counters("eth0")
    assert host.pings("192.168.1.1")
    after = host.counters("eth0")
    assert after["tx_packets"] > before["tx_packets"]
    assert after["rx_bytes"] >= before["rx_bytes"] + 84


def test_two_uplinks(raise_lab):
    lab = raise_lab(topologies.two_uplinks)
    host = lab["host"]
    for interface, network, router in (("eth0", 1, "a"), ("eth1", 2, "b")):
        assert get_lease(host, interface)["ip"].startswith(f"192.168.{network}.")
        with lab["internet"].capture(f"isp_{router}", "icmp") as capture:
            assert host.pings("1.1.1.1")
            capture.wait_for("echo request")


def test_silent_lan_has_no_dhcp_but_a_way_out(raise_lab):
    lab = raise_lab(topologies.silent, murmur_every=0.2)
    host = lab["host"]
    host.run("ip", "link", "set", "eth0", "up")
    with host.capture("eth0", "arp or udp port 67 or udp port 68") as capture:
        capture.wait_for("who-has 192.168.178.1 .*tell 192.168.178.30")
    discover = ["-i", "eth0", "-n", "-q", "-t", "2", "-T", "1", "-s", "/bin/true"]
    assert host.run("busybox", "udhcpc", *discover, check=False).returncode != 0
    host.run("ip", "addr", "add", "192.168.178.77/24", "dev", "eth0")
    host.run("ip", "route", "add", "default", "via", "192.168.178.1")
    assert host.pings("1.1.1.1")


def test_hostile_lan_is_hostile(raise_lab):
    lab = raise_lab(topologies.hostile)
    host = lab["host"]
    host.run("ip", "link", "set", "eth0", "up")
    script = ["-s", "/bin/true", "-i", "eth0", "-n", "-q", "-t", "3", "-T", "1"]
    with host.capture("eth0") as capture:
        host.run("busybox", "udhcpc", *script)
        capture.wait_for("192.168.1.1.67 > .*DHCP-Message.*: Offer")
        capture.wait_for("192.168.1.66.67 > .*DHCP-Message.*: Offer")
        capture.wait_for("02:ba:db:ad:ba:d0", count=50)
    host.run("ip", "addr", "add", "192.168.1.250/24", "dev", "eth0")
    arping = ["busybox", "arping", "-c1", "-w1", "-I", "eth0", "192.168.1.100"]
    assert "1 response" in host.output(*arping)


def test_hosts_write_only_their_own_files(raise_lab):
    lab = raise_lab(topologies.wire)
    for host in lab.hosts.values():
        for path in ("/etc/resolv.conf", "/etc/lab-was-here", "/run/x", "/var/lib/x"):
            host.run("sh", "-c", f"echo {host.name} > {path}.new; mv {path}.new {path}")
    for host in lab.hosts.values():
        assert host.read("/etc/resolv.conf") == host.read("/var/lib/x") == f"{host.name}\n"
    assert not any(map(os.path.exists, ("/etc/lab-was-here", "/run/x", "/var/lib/x")))


def test_hosts_can_join_a_running_lab(home):
    lan = home.switches["lan"]
    guest = home.host("guest", eth0=lan.at("192.168.1.250/24"))
    home.build()
    assert guest.pings("192.168.1.1")
    guest.cable("eth0").move(home.switches["isp"])
    assert not guest.pings("192.168.1.1", 1)


def test_two_labs_at_once(raise_lab):
    first, second = raise_lab(topologies.home), raise_lab(topologies.home)
    for lab in (first, second):
        get_lease(lab["host"])
        assert lab["host"].pings("1.1.1.1")
    first.destroy()
    assert second["host"].pings("1.1.1.1")


def test_lab_is_quick(raise_lab):
    started = time.monotonic()
    raise_lab(topologies.home)
    assert time.monotonic() - started < 3  # a few hundred ms on an idle machine


def start_lab_elsewhere() -> tuple[subprocess.Popen, list[str]]:
    """The home lab in a process of its own; returns it and the lab's namespaces."""
    command = [sys.executable, "-m", "lab", "home", "--", "sh", "-c", "echo up; exec sleep 1000"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "up\n"
    process.stdout.close()
    return process, reaper.namespaces(f"{reaper.PREFIX}.{process.pid}")


def test_next_start_reaps_after_kill_9():
    process, names = start_lab_elsewhere()
    assert len(names) == 4
    members = reaper.processes_in(names)
    assert len(members) > 10 and reaper.reap() == []
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Lab(topologies.wire):
        assert reaper.namespaces(f"{reaper.PREFIX}.{process.pid}") == []
        assert all(reaper.is_zombie(pid) for pid in members)


def test_failed_start_leaves_nothing():
    def broken(lab: Lab) -> None:
        lab.host("host", eth0=lab.switch("lan").at("192.168.1.1/99"))

    lab = Lab(broken)
    with pytest.raises(RuntimeError, match="192.168.1.1/99"):
        lab.__enter__()
    assert reaper.namespaces(lab.name) == []


def machine_state() -> dict[str, str]:
    """What the lab must not change of the machine that it runs on."""

    def output(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def lasting(*command: str) -> str:
        """Without the lifetimes of addresses and routes that a DHCP client renews meanwhile."""
        lines = output(*command).splitlines()
        return "\n".join(line for line in lines if "lft" not in line)

    resolver = Path("/etc/resolv.conf")
    return {
        "addresses": lasting("ip", "addr"),
        "links": output("ip", "-d", "link"),
        "routes": output("ip", "route", "show", "table", "all"),
        "routes6": output("ip", "-6", "route", "show", "table", "main"),
        "rules": output("ip", "rule") + output("ip", "-6", "rule"),
        "ruleset": output("nft", "list", "ruleset"),
        "sysctls": output("sysctl", "net.ipv4.conf", "net.ipv6.conf", "net.ipv4.ip_forward"),
        "resolv.conf": hashlib.sha256(resolver.read_bytes()).hexdigest(),
        "etc": str(sorted((e.name, e.stat().st_mtime) for e in os.scandir("/etc"))),
        "mounts": "\n".join(
            line.split(" ", 2)[2]
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if "/run/netns" not in line
        ),
    }


def test_machine_is_as_it_was():
    before = machine_state()
    for topology in (topologies.home, topologies.two_uplinks, topologies.hostile):
        with Lab(topology) as lab:
            get_lease(lab["host"])
            lab["host"].flap("eth0", 0.05)
            lab["host"].cable("eth0").lose(10)
        assert reaper.namespaces(lab.name) == []
    assert machine_state() == before
