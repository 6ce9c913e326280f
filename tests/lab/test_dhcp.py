"""The DHCP client against a server that does what a test says, and against real ones."""

import re
import time
from contextlib import contextmanager
from typing import Iterator

import pytest
from lab import Host, Lab, packets, topologies
from lab.arp import ArpStation
from lab.daemon import Daemon
from lab.host import wait_for
from lab.packets import DECLINE, DISCOVER, RELEASE, REQUEST
from lab.scripted_dhcp import Replies, Request, ScriptedDhcp
from lab.servers import Kea, Udhcpd

ADDRESS = "192.168.1.50"
LEASE = f"{ADDRESS}/24"


@pytest.fixture
def wire(raise_lab) -> Lab:
    return raise_lab(topologies.wire)


@contextmanager
def scripted(lab: Lab, **options: object) -> Iterator[ScriptedDhcp]:
    """The scripted server on the wire."""
    with ScriptedDhcp(lab["server"], "lan", **options) as server:
        yield server


def has(host: Host, *addresses: str) -> bool:
    """Whether these are the addresses of eth0."""
    return host.addresses("eth0") == list(addresses)


def wait_for_lease(host: Host, address: str = LEASE, timeout: float = 5.0) -> None:
    wait_for(lambda: has(host, address), timeout, what=f"{address}; {host.addresses('eth0')}")


# Asking


def test_first_resend_comes_after_half_a_second(wire, start_daemon):
    """Seen where they are sent: a switch loses what comes before its port is up."""
    with scripted(wire) as server:
        server.script = lambda request: []
        with wire["host"].capture("eth0", "udp dst port 67") as capture:
            start_daemon(wire["host"])
            capture.wait_for("DHCP-Message.*Discover", count=2)
            server.script = server.obliging
            wait_for_lease(wire["host"])
        first, second = capture.matching("DHCP-Message.*Discover")[:2]
    assert 0.4 < second.time - first.time < 0.65


def test_agent_says_who_the_client_is_and_that_it_releases(wire, start_daemon):
    """In net.configure: the client's identity and name, IPv6-only, the release at the end."""
    host = wire["host"]
    with scripted(wire) as server:
        daemon = start_daemon(host)
        wait_for_lease(host)
        before = len(server.requests)
        wishes = {"identity": "mac", "hostname": "box", "allow_ipv6_only": True, "release": True}
        daemon.call("net.configure", link="eth0", method="dhcp", **wishes)
        wait_for(lambda: len(server.requests) > before, 3)
        options = server.requests[before].message.options
        assert options[packets.CLIENT_ID][0] == 1 and len(options[packets.CLIENT_ID]) == 7
        assert options[12] == b"box"
        assert packets.V6_ONLY_PREFERRED in options[packets.PARAMETER_LIST]
        wait_for_lease(host)
        time.sleep(0.3)
        daemon.call("net.configure", link="eth0", method="off")
        server.wait_for(RELEASE)


def test_no_initial_delay_and_what_is_asked_for(wire, start_daemon):
    with scripted(wire) as server:
        started = time.time()
        start_daemon(wire["host"])
        wait_for_lease(wire["host"])
        discover, request = server.requests[:2]
    assert discover.at - started < 1.0 and request.at - discover.at < 0.1
    assert not discover.message.broadcast  # unicast replies before there is an address
    asked = set(discover.message.options[packets.PARAMETER_LIST])
    assert {1, 3, 6, 15, 26, 42, 51, 58, 59, 114, 119, 121} <= asked
    assert packets.RAPID_COMMIT in discover.message.options
    assert discover.message.options[packets.CLIENT_ID][0] == 255
    wanted = request.message.options
    assert packets.address_text(wanted[packets.REQUESTED_ADDRESS]) == ADDRESS
    assert packets.address_text(wanted[packets.SERVER_ID]) == "192.168.1.1"


def test_lost_acknowledgement_is_asked_for_again(wire, start_daemon):
    with scripted(wire) as server:

        def lose_the_first_request(request: Request) -> Replies:
            if request.type == DISCOVER or len(server.of_type(REQUEST)) > 1:
                yield from server.obliging(request)

        server.script = lose_the_first_request
        start_daemon(wire["host"])
        wait_for_lease(wire["host"])
        first, second = server.of_type(REQUEST)[:2]
    assert 0.4 < second.at - first.at < 0.65


def test_no_server_is_reported(wire, start_daemon):
    daemon = start_daemon(wire["host"])
    daemon.wait_for_event("dhcp.no_answer", timeout=12)
    lease = daemon.lease()
    assert lease["state"] == "selecting" and lease["tries"] >= 2
    assert "no DHCP server answered" in lease["trouble"]
    assert daemon.status()["online"]["state"] == "no"


def test_server_that_comes_late_is_found(wire, start_daemon):
    daemon = start_daemon(wire["host"])
    time.sleep(0.7)
    with scripted(wire):
        wait_for_lease(wire["host"], timeout=4)
    wait_for(lambda: daemon.lease()["trouble"] == "", 2)


def test_rapid_commit_takes_two_messages(raise_lab, start_daemon):
    lab = raise_lab(topologies.home, rapid_commit=True)
    with lab["router"].capture("lan", "udp port 67") as capture:
        daemon = start_daemon(lab["host"])
        daemon.wait_until_online()
        seen = [re.search(r"DHCP-Message.*?: (\w+)", packet.text) for packet in capture.packets()]
    assert [match.group(1) for match in seen if match] == ["Discover", "ACK"]


def test_corrupted_replies_are_ignored(wire, start_daemon):
    with scripted(wire) as server:

        def corrupt(request: Request) -> Replies:
            offer = server.offer(request)
            payload = offer.pack()
            yield 0.0, server.frame(request, offer, payload[:200])
            yield 0.0, server.frame(request, offer, b"\x02" * 300)
            yield 0.0, server.frame(request, offer, payload[:-1] + b"\x79\xff")
            wrong = server.offer(request)
            wrong.xid ^= 1
            yield 0.0, wrong
            yield 0.02, offer if request.type == DISCOVER else server.ack(request)

        server.script = corrupt
        daemon = start_daemon(wire["host"])
        wait_for_lease(wire["host"])
    assert daemon.running


def test_offer_without_what_is_needed_is_passed_over(wire, start_daemon):
    with scripted(wire) as server:

        def script(request: Request) -> Replies:
            if request.type == DISCOVER:
                yield 0.0, server.offer(request, "192.168.1.60", option_54=None)
                yield 0.0, server.offer(request, "192.168.1.255")
                yield 0.0, server.offer(request, "0.0.0.0")
                yield 0.0, server.offer(request, "127.0.0.1")
                yield 0.05, server.offer(request)
            else:
                yield 0.0, server.ack(request)

        server.script = script
        start_daemon(wire["host"])
        wait_for_lease(wire["host"])
        wanted = server.wait_for(REQUEST).message.options[packets.REQUESTED_ADDRESS]
    assert packets.address_text(wanted) == ADDRESS


# What a lease brings


def test_classless_routes_override_the_router(raise_lab, start_daemon, dhcp_server):
    routes = (("10.0.0.0/8", "192.168.1.7"), ("0.0.0.0/0", "192.168.1.1"))
    lab = raise_lab(topologies.home, dhcp=dhcp_server, router="192.168.1.254", routes=routes)
    host = lab["host"]
    daemon = start_daemon(host)
    daemon.wait_until_online()
    found = {r["dst"]: r for r in host.ip("route", "show") if "gateway" in r}
    assert found["default"]["gateway"] == "192.168.1.1"
    assert found["10.0.0.0/8"]["gateway"] == "192.168.1.7"
    assert {r["protocol"] for r in found.values()} == {"161"}
    assert len(host.default_routes()) == 1
    assert daemon.lease()["gateway"] == "192.168.1.1"


def test_mtu_is_applied_and_restored_without_a_flap(raise_lab, start_daemon, dhcp_server):
    lab = raise_lab(topologies.home, dhcp=dhcp_server, mtu=1400)
    host = lab["host"]
    daemon = start_daemon(host)
    daemon.wait_until_online()
    assert host.ip("link", "show", "eth0")[0]["mtu"] == 1400
    assert len(daemon.events("link.carrier")) == 1  # the one of bringing it up
    daemon.call("net.configure", link="eth0", method="off")
    assert host.ip("link", "show", "eth0")[0]["mtu"] == 1500


def test_search_list_and_name_servers_reach_resolv_conf(raise_lab, start_daemon, dhcp_server):
    search, servers = ("home.arpa", "example.com"), ("192.168.1.1", "8.8.8.8")
    lab = raise_lab(topologies.home, dhcp=dhcp_server, search=search, dns=servers)
    host = lab["host"]
    daemon = start_daemon(host)
    daemon.wait_until_online()
    lines = host.read("/etc/resolv.conf").splitlines()
    assert "search home.arpa example.com" in lines
    assert [x for x in lines if x.startswith("nameserver")] == [f"nameserver {s}" for s in servers]
    assert host.output("getent", "ahostsv4", "www").startswith(topologies.WWW)
    assert daemon.status()["dns"] == list(servers)


def test_ntp_and_portal_are_reported(raise_lab, start_daemon, dhcp_server):
    url = "https://portal.example/api"
    lab = raise_lab(topologies.home, dhcp=dhcp_server, ntp=("192.0.2.123",), captive_portal=url)
    daemon = start_daemon(lab["host"])
    daemon.wait_until_online()
    assert daemon.lease()["ntp"] == ["192.0.2.123"] and daemon.lease()["portal"] == url


def test_host_lease_with_gateway_outside_of_its_prefix(wire, start_daemon):
    """As hosting providers give them: /32 and a gateway on the link."""
    with scripted(wire) as server:
        server.options[packets.SUBNET_MASK] = packets.address_bytes("255.255.255.255")
        start_daemon(wire["host"])
        wait_for_lease(wire["host"], f"{ADDRESS}/32")
        wait_for(lambda: wire["host"].default_routes(), 2)
    assert "onlink" in wire["host"].default_routes()[0]["flags"]


def test_ipv6_only_is_obeyed_only_where_it_was_asked_for(wire, start_daemon):
    """RFC 8925 section 3.2: a client that did not ask for the option has to ignore it."""
    with scripted(wire) as server:
        server.options[packets.V6_ONLY_PREFERRED] = packets.seconds(300)
        start_daemon(wire["host"])
        wait_for_lease(wire["host"])
        asked = server.requests[0].message.options[packets.PARAMETER_LIST]
    assert packets.V6_ONLY_PREFERRED not in asked


# Renewal, rebinding, expiry


# Leases shorter than ten seconds are used as if they were of ten.


def lifetime(host: Host) -> int:
    """Seconds that the kernel keeps the address yet."""
    return host.ip("-4", "addr", "show", "dev", "eth0")[0]["addr_info"][0]["valid_life_time"]


@pytest.mark.parametrize("server", [Kea, Udhcpd], ids=["kea", "udhcpd"])
def test_renewal_keeps_everything(raise_lab, start_daemon, server):
    lab = raise_lab(topologies.home, dhcp=server, lease_time=10)
    host = lab["host"]
    daemon = start_daemon(host)
    daemon.wait_until_online()
    before = host.addresses("eth0"), host.default_routes()
    with host.monitor("address", "route") as monitor:
        with lab["router"].capture("lan", "udp port 67") as capture:
            daemon.wait_for_event("dhcp.renewed", timeout=7)
        wait_for(lambda: lifetime(host) > 7, 1)
        assert (host.addresses("eth0"), host.default_routes()) == before
    assert monitor.deleted("inet ") == [] and monitor.deleted("default") == []
    renewal = capture.matching("DHCP-Message.*Request")[0]
    assert "192.168.1.1.67" in renewal.text  # unicast
    assert not daemon.events("dhcp.lost")


def test_rebinding_asks_everybody_when_the_server_is_gone(wire, start_daemon):
    with scripted(wire) as server:
        server.options |= lease_of(20, renew=5, rebind=6)

        def only_broadcasts(request: Request) -> Replies:
            if not request.unicast:
                yield from server.obliging(request)

        server.script = only_broadcasts
        daemon = start_daemon(wire["host"])
        wait_for_lease(wire["host"])
        daemon.wait_for_event("dhcp.renewed", timeout=9)
        renewals = [r for r in server.of_type(REQUEST) if r.message.ciaddr == ADDRESS]
    assert renewals[0].unicast and not renewals[-1].unicast
    assert packets.SERVER_ID not in renewals[-1].message.options
    assert not daemon.events("dhcp.lost")


def lease_of(length: int, renew: int, rebind: int) -> dict[int, bytes]:
    """Options with these times in seconds."""
    return {
        packets.LEASE_TIME: packets.seconds(length),
        packets.RENEW_TIME: packets.seconds(renew),
        packets.REBIND_TIME: packets.seconds(rebind),
    }


def test_expired_lease_is_given_up_and_sought_again(wire, start_daemon):
    host = wire["host"]
    with scripted(wire) as server:
        server.options |= lease_of(10, renew=5, rebind=8)
        daemon = start_daemon(host)
        wait_for_lease(host)
        bound = time.monotonic()
        server.script = lambda request: []
        wait_for(lambda: has(host), 13)
        assert 9.5 < time.monotonic() - bound < 11
        assert host.default_routes() == []
        assert "nameserver" not in host.read("/etc/resolv.conf")
        assert "expired" in daemon.wait_for_event("dhcp.lost")["message"]
        assert not daemon.events("intent.converged")  # the kernel did not end it before us
        server.script = server.obliging
        wait_for_lease(host, timeout=8)


def test_nak_at_renewal_gives_another_address(wire, start_daemon):
    host = wire["host"]
    with scripted(wire) as server:
        server.options |= lease_of(20, renew=5, rebind=15)
        daemon = start_daemon(host)
        wait_for_lease(host)

        def renumber(request: Request) -> Replies:
            if request.message.ciaddr != "0.0.0.0":
                yield 0.0, server.nak(request)
            else:
                yield from server.obliging(request)

        server.grant = "192.168.1.51"
        server.script = renumber
        wait_for_lease(host, "192.168.1.51/24", timeout=15)
    assert "withdrew" in daemon.events("dhcp.lost")[0]["message"]
    assert host.default_routes()[0]["prefsrc"] == "192.168.1.51"


def test_nak_before_there_is_a_lease(wire, start_daemon):
    with scripted(wire) as server:

        def refuse_once(request: Request) -> Replies:
            if request.type == REQUEST and len(server.of_type(REQUEST)) == 1:
                yield 0.0, server.nak(request)
            else:
                yield from server.obliging(request)

        server.script = refuse_once
        daemon = start_daemon(wire["host"])
        daemon.wait_for_event("dhcp.refused")
        wait_for_lease(wire["host"], timeout=15)


def test_changed_options_are_taken_over(wire, start_daemon):
    host = wire["host"]
    with scripted(wire) as server:
        start_daemon(host)
        wait_for_lease(host)
        server.options[packets.DNS] = packets.address_bytes("192.168.1.2")
        server.options[packets.ROUTER] = packets.address_bytes("192.168.1.3")
        host.flap("eth0", 0.05)  # after which the lease is confirmed
        wait_for(lambda: "192.168.1.2" in host.read("/etc/resolv.conf"), 5)
        wait_for(lambda: host.default_routes()[0]["gateway"] == "192.168.1.3", 2)
    assert has(host, LEASE) and len(host.default_routes()) == 1


# The lease that is known


def reboot(lab: Lab, daemon: Daemon) -> None:
    """As a reboot: the kernel has nothing, the state directory knows a lease of another boot."""
    host = lab["host"]
    daemon.stop()
    host.run("ip", "addr", "flush", "dev", "eth0")
    host.run("ip", "link", "set", "eth0", "down")
    wait_for(lambda: host.default_routes() == [], 2)


def test_reboot_asks_for_the_known_lease_and_a_new_one_at_once(wire, start_daemon):
    """Seen where they are sent: a switch loses what comes before its port is up."""
    host = wire["host"]
    with scripted(wire):
        daemon = start_daemon(host)
        wait_for_lease(host)
        reboot(wire, daemon)
        with host.capture("eth0", "udp dst port 67") as capture:
            daemon.start()
            wait_for_lease(host)
            reboots = capture.wait_for("DHCP-Message.*Request")
            discovers = capture.wait_for("DHCP-Message.*Discover")
    assert f"Requested-IP (50), length 4: {ADDRESS}" in reboots[0].text
    assert "Server-ID" not in reboots[0].text
    assert abs(discovers[0].time - reboots[0].time) < 0.02


def test_reboot_in_a_network_that_ignores_the_known_lease(wire, start_daemon):
    """Peers wait 2 to 30 s for an answer that does not come; here the offer wins."""
    host = wire["host"]
    with scripted(wire) as server:
        daemon = start_daemon(host)
        wait_for_lease(host)
        reboot(wire, daemon)

        def silent_to_reboots(request: Request) -> Replies:
            if request.type == DISCOVER or packets.SERVER_ID in request.message.options:
                yield from server.obliging(request)

        server.grant = "192.168.1.77"
        server.script = silent_to_reboots
        started = time.monotonic()
        daemon.start()
        wait_for_lease(host, "192.168.1.77/24")
        assert time.monotonic() - started < 1


def test_reboot_with_a_refused_lease(wire, start_daemon):
    host = wire["host"]
    with scripted(wire) as server:
        daemon = start_daemon(host)
        wait_for_lease(host)
        reboot(wire, daemon)

        def refuse_reboots(request: Request) -> Replies:
            if request.type == REQUEST and packets.SERVER_ID not in request.message.options:
                yield 0.0, server.nak(request)
            else:
                yield from server.obliging(request)

        server.grant = "192.168.1.78"
        server.script = refuse_reboots
        started = time.monotonic()
        daemon.start()
        wait_for_lease(host, "192.168.1.78/24")
        assert time.monotonic() - started < 2


def test_same_machine_in_a_new_namespace_gets_its_address_back(raise_lab, start_daemon):
    """The state directory and the MAC make the machine."""
    lab = raise_lab(topologies.home)
    host = lab["host"]
    daemon = start_daemon(host)
    daemon.wait_until_online()
    address, mac = host.addresses("eth0"), host.mac("eth0")
    daemon.stop()
    clone = lab.host("again", eth0=lab.switches["lan"].at(mac=mac))
    host.pull("eth0")
    lab.build()
    clone.path("/var/lib/aios").mkdir(parents=True)
    clone.run("cp", "-a", host.path("/var/lib/aios/net"), "/var/lib/aios/")
    start_daemon(clone).wait_until_online()
    assert clone.addresses("eth0") == address


def test_release_is_not_sent_unless_asked_for(wire, start_daemon):
    with scripted(wire) as server:
        daemon = start_daemon(wire["host"])
        wait_for_lease(wire["host"])
        daemon.call("net.configure", link="eth0", method="off")
        time.sleep(0.2)
        assert server.of_type(RELEASE) == []


# Conflicts


def test_address_in_use_elsewhere_is_declined(wire, start_daemon):
    """It is configured at once, probed beside use, and given up when somebody else has it."""
    host = wire["host"]
    rival = wire.host("rival", lan=wire.switches["lan"].at(up=True))
    wire.build()
    with scripted(wire) as server, ArpStation(rival, "lan") as holder:
        holder.hold(ADDRESS)

        def next_one(request: Request) -> Replies:
            if server.of_type(DECLINE):
                server.grant = "192.168.1.51"
            yield from server.obliging(request)

        server.script = next_one
        daemon = start_daemon(host)
        decline = server.wait_for(DECLINE)
        wanted = decline.message.options[packets.REQUESTED_ADDRESS]
        assert packets.address_text(wanted) == ADDRESS
        daemon.wait_for_event("dhcp.conflict", words=rival.mac("lan"))
        wait_for(lambda: ADDRESS not in str(host.addresses("eth0")), 2)
        wait_for_lease(host, "192.168.1.51/24", timeout=20)
        assert decline.at - server.of_type(REQUEST)[0].at < 1


def test_use_does_not_wait_for_the_probes(wire, start_daemon):
    with scripted(wire) as server:
        with wire["host"].monitor("address") as monitor:
            start_daemon(wire["host"])
            wait_for_lease(wire["host"])
            configured = time.time()
            wait_for(lambda: server.probes(ADDRESS) or server.announcements(ADDRESS), 3)
            wait_for(lambda: len(server.announcements(ADDRESS)) >= 1, 10)
        assert monitor.lines(ADDRESS)
        assert configured - server.of_type(REQUEST)[0].at < 0.5
        assert server.announcements(ADDRESS)[0].at > server.of_type(REQUEST)[0].at


def test_address_is_defended(wire, start_daemon):
    host = wire["host"]
    with scripted(wire) as server:
        daemon = start_daemon(host)
        wait_for_lease(host)
        wait_for(lambda: server.announcements(ADDRESS), 10)
        before = len(server.announcements(ADDRESS))
        server.announce(ADDRESS)
        daemon.wait_for_event("dhcp.conflict", words="defended")
        wait_for(lambda: len(server.announcements(ADDRESS)) > before, 2)
        assert has(host, LEASE) and server.of_type(DECLINE) == []


def test_two_conflicts_in_a_row_give_the_address_up(wire, start_daemon):
    """RFC 5227 section 2.4 (b): defended once in ten seconds."""
    host = wire["host"]
    with scripted(wire) as server:
        daemon = start_daemon(host)
        wait_for_lease(host)
        wait_for(lambda: server.announcements(ADDRESS), 10)
        server.announce(ADDRESS)
        daemon.wait_for_event("dhcp.conflict", words="defended")
        server.announce(ADDRESS)
        server.wait_for(DECLINE)
        wait_for(lambda: has(host), 2)
        assert host.default_routes() == []


def test_own_link_on_the_same_segment_is_no_rival(home, start_daemon):
    host = home["host"]
    home.plug_in(host, "eth1", home.switches["lan"])
    daemon = start_daemon(host)
    wait_for(lambda: host.addresses("eth0") and host.addresses("eth1"), 5)
    time.sleep(1)
    assert daemon.events("dhcp.conflict") == []


# What the network delivers


def test_partial_checksums_as_virtual_links_deliver_them(home, start_daemon):
    """A server on a veth leaves the UDP checksum to hardware that is not there."""
    for host, link in ((home["router"], "lan"), (home["host"], "eth0")):
        host.run("ethtool", "-K", link, "tx", "on", check=False)
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()


def test_offers_of_two_servers_one_is_used(wire, start_daemon):
    other = wire.host("other", lan=wire.switches["lan"].at(up=True))
    wire.build()
    with scripted(wire), ScriptedDhcp(other, "lan", "192.168.1.2", "192.168.1.90"):
        start_daemon(wire["host"])
        wait_for(lambda: wire["host"].addresses("eth0"), 5)
        time.sleep(0.2)
        assert len(wire["host"].addresses("eth0")) == 1
        assert len(wire["host"].default_routes()) == 1
