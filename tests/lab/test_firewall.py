"""The firewall, by real packets: what passes, what does not, and what puts it back."""

import json
import socket
import time
from contextlib import contextmanager
from typing import Any, Iterator

import pytest
from test_access import as_user, install_client

from lab import Host, Lab, topologies
from lab.daemon import Daemon
from lab.host import wait_for
from lab.servers import Kea

# Answers on the ports that it is told, TCP and UDP.
SERVER = """
import socket, sys, threading
def tcp(port):
    door = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        end, _ = door.accept()
        def serve(end=end):
            with end:
                while data := end.recv(100):
                    end.sendall(data)
        threading.Thread(target=serve, daemon=True).start()
def udp(port):
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.bind(("::", port))
    while True:
        data, peer = end.recvfrom(100)
        end.sendto(data, peer)
for port in map(int, sys.argv[1:]):
    threading.Thread(target=udp, args=(port,), daemon=True).start()
    threading.Thread(target=tcp, args=(port,), daemon=True).start()
threading.Event().wait()
"""

# Connects and says what came of it: open, refused, silent, forbidden.
CLIENT = """
import errno, socket, sys
kind, address, port, source = sys.argv[1:5]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
end = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
end.settimeout(0.4)
if source:
    end.bind((source, 0))
try:
    end.connect((address, int(port)))
    end.send(b"x")
    print("open" if end.recv(1) == b"x" else "refused")
except TimeoutError:
    print("silent")
except ConnectionRefusedError:
    print("refused")
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def serve(host: Host, *ports: int) -> None:
    host.popen("/usr/bin/python3", "-c", SERVER, *ports, name="ports")
    wait_for(lambda: all(host.listens("tcp", port) for port in ports), 5)


def tries(host: Host, address: str, port: int, kind: str = "tcp", source: str = "") -> str:
    return host.output("/usr/bin/python3", "-c", CLIENT, kind, address, port, source).strip()


def address_of(host: Host, interface: str = "eth0") -> str:
    return next(a for a in host.addresses(interface) if not a.startswith("169.254")).split("/")[0]


@pytest.fixture
def daemon(home: Lab, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    serve(home["host"], 22, 80, 443, 8080)
    return daemon


@pytest.fixture
def enforced(daemon: Daemon) -> Daemon:
    daemon.call("firewall.configure", mode="enforce")
    return daemon


def ruleset(host: Host) -> str:
    return host.output("nft", "list", "table", "inet", "aios_firewall")


def rule_ids(daemon: Daemon) -> list[str]:
    return [rule["rule"] for rule in daemon.call("firewall.rules")["rules"]]


# The default


def test_default_denies_all_but_management(home, enforced):
    host, router = home["host"], home["router"]
    address = address_of(host)
    status = enforced.call("firewall.status")
    assert (status["mode"], status["loaded"]) == ("enforce", True)
    assert status["management"] == ["192.168.1.0/24"]
    assert tries(router, address, 22) == "open"
    assert tries(router, address, 80) == "silent"
    assert tries(router, address, 80, "udp") == "silent"
    assert router.pings(address)
    counters = {c["name"]: c["packets"] for c in enforced.call("firewall.status")["counters"]}
    assert counters["in_drop"] >= 2


def test_management_only_from_its_networks(home, enforced):
    router, host = home["router"], home["host"]
    router.run("ip", "addr", "add", "10.77.0.1/32", "dev", "lan")
    host.run("ip", "route", "add", "10.77.0.1", "dev", "eth0")
    address = address_of(host)
    assert tries(router, address, 22, source="10.77.0.1") == "silent"
    enforced.call("firewall.configure", management=["192.168.1.0/24", "10.77.0.0/16"])
    assert tries(router, address, 22, source="10.77.0.1") == "open"


def test_boot_check_passes(home, enforced):
    """What the specification asks at each start: an echo to 1.1.1.1, a name, the API's port."""
    assert enforced.call("net.ping", host="1.1.1.1", count=1)["received"] == 1
    assert enforced.call("net.dns_lookup", domain="api.anthropic.com")
    assert enforced.call("net.ping", host="192.168.1.1", count=1)["received"] == 1


def test_own_packets_are_refused_at_once(home, enforced):
    host, router = home["host"], home["router"]
    serve(router, 25, 8443)
    begun = time.monotonic()
    assert tries(host, "192.168.1.1", 25) in ("refused", "ECONNRESET")
    assert tries(host, "192.168.1.1", 8443, "udp") in ("EHOSTUNREACH", "EACCES", "EPERM", "refused")
    assert time.monotonic() - begun < 0.8  # two interpreters' start included
    enforced.call("firewall.allow", chain="output", port=25)
    assert tries(host, "192.168.1.1", 25) == "open"


def test_lease_is_renewed_and_neighbours_are_found(raise_lab, start_daemon):
    lab = raise_lab(topologies.home, dhcp=Kea, lease_time=4)
    daemon = start_daemon(lab["host"])
    daemon.wait_until_online()
    daemon.call("firewall.configure", mode="enforce")
    lab["host"].run("ip", "neigh", "flush", "all")
    time.sleep(6)  # longer than the lease
    assert daemon.call("net.ping", host="192.168.1.1", count=1)["received"] == 1
    assert "dhcp.lost" not in daemon.log() and "lease ended" not in daemon.log()


def test_ipv6_lives(home, enforced):
    host, router = home["host"], home["router"]
    for end, interface, address in ((host, "eth0", "fd00:1::2"), (router, "lan", "fd00:1::1")):
        end.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=0")
        end.run("ip", "addr", "add", f"{address}/64", "dev", interface, "nodad")
    assert router.pings("fd00:1::2")
    assert host.pings("fd00:1::1")
    assert tries(router, "fd00:1::2", 22) == "silent"
    enforced.call("firewall.configure", management=["192.168.1.0/24", "fd00:1::/64"])
    assert tries(router, "fd00:1::2", 22) == "open"


# Rules


def test_allow_deny_and_remove(home, enforced):
    host, router = home["host"], home["router"]
    address = address_of(host)
    answer = enforced.call("firewall.allow", port=80, comment="nginx web server for goal-456")
    assert answer["state"] == "committed"
    assert tries(router, address, 80) == "open"
    assert tries(router, address, 80, "udp") == "silent"
    assert tries(router, address, 443) == "silent"
    enforced.call("firewall.deny", port=80, source="192.168.1.1")
    assert tries(router, address, 80) == "silent"
    enforced.call("firewall.remove", rule="firewall_rule/input/deny/tcp/80/from=192.168.1.1/32")
    assert tries(router, address, 80) == "open"
    enforced.call("firewall.remove", rule="firewall_rule/input/allow/tcp/80")
    assert tries(router, address, 80) == "silent"
    assert rule_ids(enforced) == []


def test_the_specification_s_own_call(home, enforced):
    """firewall.allow as the specification has it."""
    arguments = {"chain": "input", "protocol": "tcp", "port": 80, "source": "any",
                 "comment": "nginx web server for goal-456", "expires": None}  # fmt: skip
    assert enforced.call("firewall.allow", **arguments)["state"] == "committed"
    assert tries(home["router"], address_of(home["host"]), 80) == "open"


RULES: list[dict[str, Any]] = [
    {"port": 80},
    {"ports": ["80", "443"]},
    {"ports": ["79-81"]},
    {"port": 80, "source": "192.168.1.1"},
    {"port": 80, "source": "192.168.1.0/24"},
    {"port": 80, "source": "192.168.0.0/16", "family": "ipv4"},
    {"port": 80, "link": "eth0"},
    {"port": 80, "link": "eth0", "source": "192.168.1.0/24"},
    {"port": 80, "family": "ipv4"},
    {"protocol": "any", "source": "192.168.1.1"},
    {"protocol": "any"},
    {"protocol": "tcp"},
]


@pytest.mark.parametrize("rule", RULES, ids=[json.dumps(rule) for rule in RULES])
def test_every_shape_of_rule(home, enforced, rule):
    """Each kind of set, and rules of their own: it opens, and its end closes again."""
    router, address = home["router"], address_of(home["host"])
    answer = enforced.call("firewall.allow", **rule)
    assert answer["state"] == "committed", answer
    assert tries(router, address, 80) == "open"
    listed = enforced.call("firewall.rules")["rules"][0]
    assert listed["in_kernel"] and listed["packets"] == 1
    assert enforced.call("firewall.allow", **rule)["state"] == "unchanged"
    enforced.call("tx.undo", transaction=answer["transaction"])
    assert tries(router, address, 80) == "silent"
    denied = enforced.call("firewall.allow", port=80)
    enforced.call("firewall.deny", **rule)
    assert tries(router, address, 80) == "silent"
    assert denied["state"] == "committed"


@pytest.mark.parametrize(
    "rule",
    [
        {"port": 80, "source": "192.168.9.9"},
        {"port": 80, "source": "192.168.9.0/24"},
        {"port": 80, "family": "ipv6"},
        {"port": 80, "destination": "192.168.1.77"},
        {"ports": ["81-90"]},
        {"protocol": "udp", "port": 80},
    ],
    ids=json.dumps,
)
def test_other_rules_do_not_open(home, enforced, rule):
    enforced.call("firewall.allow", **rule)
    assert tries(home["router"], address_of(home["host"]), 80) == "silent"


def test_covered_rule_is_not_added(enforced):
    enforced.call("firewall.allow", port=80)
    answer = enforced.call("firewall.allow", port=80, source="192.168.1.7")
    assert answer["state"] == "unchanged"
    assert "firewall_rule/input/allow/tcp/80" in answer["note"]
    assert rule_ids(enforced) == ["firewall_rule/input/allow/tcp/80"]


def test_ranges_that_meet_stand_side_by_side(home, enforced):
    """The kernel has no two intervals that overlap: the second is a rule of its own."""
    router, address = home["router"], address_of(home["host"])
    enforced.call("firewall.allow", ports=["80-90"], source="192.168.0.0/16")
    enforced.call("firewall.allow", ports=["85-9000"], source="192.168.1.0/24")
    places = [rule["in_place"] for rule in enforced.call("firewall.rules")["rules"]]
    assert sorted(places) == [False, True]
    assert tries(router, address, 80) == "open"
    assert tries(router, address, 8080) == "open"
    assert tries(router, address, 443) == "open"
    for rule in rule_ids(enforced):
        enforced.call("firewall.remove", rule=rule)
    assert tries(router, address, 8080) == "silent"


def test_rules_share_elements(home, enforced):
    router, address = home["router"], address_of(home["host"])
    enforced.call("firewall.allow", ports=["80", "443"])
    enforced.call("firewall.allow", ports=["443", "8080"])
    enforced.call("firewall.remove", rule="firewall_rule/input/allow/tcp/80,443")
    assert [tries(router, address, port) for port in (80, 443, 8080)] == ["silent", "open", "open"]


def test_rule_outlives_those_that_say_the_same(home, enforced):
    """All its elements were there before it; they stay with it when the others go."""
    router, address = home["router"], address_of(home["host"])
    for port in (80, 443):
        enforced.call("firewall.allow", port=port)
    enforced.call("firewall.allow", ports=["80", "443"])
    enforced.restart()
    for port in (80, 443):
        enforced.call("firewall.remove", rule=f"firewall_rule/input/allow/tcp/{port}")
    assert [tries(router, address, port) for port in (80, 443)] == ["open", "open"]


def test_rule_expires(home, enforced):
    router, address = home["router"], address_of(home["host"])
    enforced.call("firewall.allow", port=80, expires_in=2)
    assert tries(router, address, 80) == "open"
    assert enforced.call("firewall.rules")["rules"][0]["expires_in"] <= 2
    enforced.kill()  # the kernel needs no daemon for it
    time.sleep(2.2)
    assert tries(router, address, 80) == "silent"
    enforced.start()
    assert rule_ids(enforced) == []


def test_all_or_none_of_many(home, enforced):
    rules = [{"port": port} for port in range(1000, 1200)]
    error = enforced.refusal("firewall.allow", rules=[*rules, {"ports": ["90-80"]}])
    assert error["parameter"] == "rules[200].port"
    assert rule_ids(enforced) == []
    assert enforced.call("firewall.allow", rules=rules)["steps_count"] == 200
    assert enforced.call("firewall.rules", limit=1)["total"] == 200


@pytest.mark.parametrize(
    "arguments, code, parameter",
    [
        ({"port": 0}, "parameter.range", "port"),
        ({"port": 65536}, "parameter.range", "port"),
        ({"ports": ["90-80"]}, "parameter.range", "port"),
        ({"ports": ["http"]}, "parameter.range", "port"),
        ({"ports": ["80; flush ruleset"]}, "parameter.range", "ports[0]"),
        ({"protocol": "any", "port": 80}, "parameter.conflict", "port"),
        ({"protocol": "quic"}, "parameter.range", "protocol"),
        ({"source": "192.168.1.1", "destination": "fd00::1"}, "parameter.conflict", "destination"),
        ({"source": "fd00::1", "family": "ipv4"}, "parameter.conflict", "source"),
        ({"source": "192.168.1.1/24"}, "prefix.host_bits", "source"),
        ({"source": "accept"}, "prefix.invalid", "source"),
        ({"port": 80, "expires": "2020-01-01T00:00:00Z"}, "parameter.range", "expires"),
        ({"port": 80, "expires": "tomorrow"}, "parameter.type", "expires"),
    ],
    ids=str,
)
def test_bad_input_changes_nothing(enforced, arguments, code, parameter):
    before = ruleset(enforced.host)
    error = enforced.refusal("firewall.allow", **arguments)
    assert (error["code"], error["parameter"]) == (code, parameter), error
    assert ruleset(enforced.host) == before


NASTY = "accept; flush ruleset; add table inet pwned"


def test_text_is_text(enforced):
    """What a caller writes is never read as nft's language."""
    enforced.call("firewall.allow", port=80, comment=NASTY, goal=NASTY)
    listed = enforced.call("firewall.rules")["rules"][0]
    assert (listed["reason"], listed["goal"]) == (NASTY, NASTY)
    assert "pwned" not in enforced.host.output("nft", "list", "tables")
    for key in ("source", "destination", "link"):
        enforced.refusal("firewall.allow", port=80, **{key: NASTY})
    enforced.refusal("firewall.allow", protocol=NASTY)
    enforced.refusal("firewall.remove", rule=NASTY)


# Why


def test_explain_names_the_rule(home, enforced):
    enforced.call("firewall.allow", port=80, reason="web", goal="goal-456")
    enforced.call("firewall.deny", port=80, source="10.9.0.0/16")

    def why(**packet: object) -> tuple[str, str]:
        answer = enforced.call("firewall.explain", **packet)
        return answer["verdict"], answer["decided_by"].get("resource") or answer["decided_by"]["rule"]

    assert why(port=80, source="192.168.1.9") == ("accepted", "firewall_rule/input/allow/tcp/80")
    assert why(port=80, source="10.9.1.1") == (
        "refused", "firewall_rule/input/deny/tcp/80/from=10.9.0.0/16")  # fmt: skip
    assert why(port=22, source="192.168.1.9")[0] == "accepted"
    assert why(port=22, source="10.1.1.1") == ("refused", "counter name in_drop drop")
    assert why(chain="output", port=443, destination="1.1.1.1")[0] == "accepted"
    assert why(chain="output", port=25, destination="1.1.1.1")[0] == "refused"
    assert why(chain="forward", port=80, source="10.1.1.1", destination="10.2.1.1")[0] == "refused"
    decided = enforced.call("firewall.explain", port=80, source="192.168.1.9")["decided_by"]
    assert (decided["reason"], decided["goal"]) == ("web", "goal-456")


def test_explain_sees_the_tables_of_others(home, enforced):
    enforced.call("firewall.allow", port=80)
    enforced.host.run("nft", "add table ip other { chain input { "
                      "type filter hook input priority 10 ; tcp dport 80 drop ; } ; }")  # fmt: skip
    answer = enforced.call("firewall.explain", port=80, source="192.168.1.9")
    assert (answer["verdict"], answer["decided_by"]["table"]) == ("refused", "other")
    assert tries(home["router"], address_of(home["host"]), 80) == "silent"


# Connections that stand


@contextmanager
def connection(client: Host, address: str, port: int = 80) -> Iterator[socket.socket]:
    with client.entered():
        end = socket.create_connection((address, port), timeout=0.6)
    with end:
        yield end


def lives(end: socket.socket) -> bool:
    try:
        end.sendall(b"x")
        return end.recv(1) == b"x"
    except OSError:
        return False


@pytest.mark.parametrize("how", ["remove", "deny", "expire", "deny elsewhere", "remove covered"])
def test_end_of_a_rule_cuts_what_stands(home, enforced, how):
    router, address = home["router"], address_of(home["host"])
    enforced.call("firewall.allow", port=80, **({"expires_in": 1} if how == "expire" else {}))
    if how == "remove covered":
        enforced.call("firewall.allow", port=80, source="192.168.1.0/24")
        enforced.call("firewall.allow", ports=["80", "81"])
    with connection(router, address) as end, connection(router, address, 22) as other:
        assert lives(end) and lives(other)
        if how.startswith("remove"):
            enforced.call("firewall.remove", rule="firewall_rule/input/allow/tcp/80")
        elif how == "deny":
            enforced.call("firewall.deny", port=80, source="192.168.1.0/24")
        elif how == "deny elsewhere":
            enforced.call("firewall.deny", port=80, source="192.168.1.77")
        else:
            time.sleep(1.5)
        assert lives(end) == (how in ("deny elsewhere", "remove covered"))
        assert lives(other)


def test_established_may_be_kept(home, enforced):
    router, address = home["router"], address_of(home["host"])
    enforced.call("firewall.allow", port=80)
    with connection(router, address) as end:
        assert lives(end)
        enforced.call("firewall.deny", port=80, keep_established=True)
        assert lives(end)
    assert tries(router, address, 80) == "silent"


# The guard rails: proved before, with a packet as the counterexample


@pytest.fixture
def watched(home: Lab, start_daemon) -> Daemon:
    """A daemon that somebody asks as an agent, too."""
    host = home["host"]
    install_client(host)
    daemon = start_daemon(host, "--agent-user", "nobody")
    daemon.wait_until_online()
    serve(host, 22, 23, 80)
    daemon.call("firewall.configure", mode="enforce")
    return daemon


def ask(daemon: Daemon, tool: str, **arguments: object) -> dict[str, Any]:
    """A call as the agent; the answer, or the refusal."""
    words = [f"{name}={value if isinstance(value, str) else json.dumps(value)}"
             for name, value in arguments.items()]  # fmt: skip
    result = as_user(daemon, "call", tool, "--json", *words, uid=65534)
    return json.loads(result.stdout) if result.returncode == 0 else json.loads(result.stderr)["error"]


@pytest.mark.parametrize(
    "denial",
    [
        {"port": 22},
        {"ports": ["20-25"]},
        {"protocol": "any"},
        {"port": 9090, "source": "192.168.1.0/24"},
        {"port": 22, "source": "192.168.1.77"},
        {"port": 22, "link": "eth0"},
        {"protocol": "any", "source": "192.168.0.0/16", "destination": "192.168.1.0/24"},
    ],
    ids=json.dumps,
)
def test_no_agent_locks_management_out(home, watched, denial):
    before = ruleset(watched.host)
    error = ask(watched, "firewall.deny", **denial)
    assert error.get("code") == "guard.refused", error
    assert error["guard"] == "firewall.management"
    assert "TCP" in error["message"] and "192.168.1." in error["message"]
    assert error["resource"].startswith("firewall_rule/input/deny/")
    assert ruleset(watched.host) == before
    assert tries(home["router"], address_of(watched.host), 22) == "open"


def test_agent_denies_what_is_not_management(home, watched):
    assert ask(watched, "firewall.deny", port=80)["state"] == "committed"
    assert ask(watched, "firewall.deny", protocol="any", source="10.0.0.0/8")["state"] == "committed"
    assert ask(watched, "firewall.configure", mode="off")["code"] == "role.insufficient"


def test_no_agent_opens_telnet(home, watched):
    for arguments in ({"port": 23}, {"protocol": "any"}, {"ports": ["20-30"], "source": "10.0.0.0/8"}):
        error = ask(watched, "firewall.allow", **arguments)
        assert (error.get("code"), error.get("guard")) == ("guard.refused", "firewall.telnet"), error
    assert ask(watched, "firewall.allow", port=23, source="192.168.1.1")["state"] == "committed"
    assert tries(home["router"], address_of(watched.host), 23) == "open"


@contextmanager
def connected(client: Host, address: str, source: str) -> Iterator[None]:
    """Somebody who manages the host."""
    with client.entered():
        end = socket.create_connection((address, 22), timeout=5, source_address=(source, 0))
    with end:
        end.sendall(b"x")
        assert end.recv(1) == b"x"
        time.sleep(1.1)  # who is connected is read once a second
        yield


def test_administrator_does_not_lock_himself_out(home, watched):
    """Who is connected comes in again after any change; others an administrator may deny."""
    router, address = home["router"], address_of(watched.host)
    with connected(router, address, "192.168.1.1"):
        error = watched.refusal("firewall.deny", port=22, source="192.168.1.1")
        assert (error["code"], error["guard"]) == ("guard.refused", "firewall.management")
        error = watched.refusal("firewall.configure", management=["10.0.0.0/8"])
        assert error["guard"] == "firewall.management"
        assert "192.168.1.1" in error["message"]
        watched.call("firewall.deny", port=22, source="192.168.1.77")
    assert tries(router, address, 22) == "open"


# What holds


def test_flush_is_noticed_and_mended(home, enforced):
    router, host = home["router"], home["host"]
    address = address_of(host)
    enforced.call("firewall.allow", port=80)
    enforced.call("firewall.allow", ports=["8000-9000"], source="192.168.1.0/24", link="eth0")
    before = ruleset(host)
    host.run("nft", "flush", "ruleset")
    wait_for(lambda: "aios_firewall" in host.output("nft", "list", "tables"), 0.5, interval=0.005)
    time.sleep(0.1)
    assert ruleset(host).count("accept") == before.count("accept")
    assert tries(router, address, 80) == "open"
    assert tries(router, address, 8080) == "open"
    assert tries(router, address, 443) == "silent"


@pytest.mark.parametrize(
    "meddling",
    [
        "delete table inet aios_firewall",
        "flush chain inet aios_firewall input",
        "add chain inet aios_firewall input { policy accept ; }",
        "insert rule inet aios_firewall input accept",
        "delete element inet aios_firewall input_allow_port { tcp . 80 }",
        "add element inet aios_firewall management4 { 10.0.0.0/8 }",
        "flush set inet aios_firewall management_ports",
    ],
)
def test_meddling_is_mended(home, enforced, meddling):
    router, host = home["router"], home["host"]
    enforced.call("firewall.allow", port=80)
    before = ruleset(host)
    host.run("nft", meddling)
    wait_for(lambda: ruleset(host) == before, 1, interval=0.01, what="the ruleset as it was")
    assert tries(router, address_of(host), 80) == "open"
    assert tries(router, address_of(host), 443) == "silent"


def test_others_tables_stay(home, enforced):
    host = home["host"]
    host.run("nft", "add table ip mine; add chain ip mine c; add rule ip mine c counter")
    enforced.call("firewall.allow", port=80)
    enforced.call("firewall.configure", mode="off")
    assert host.output("nft", "list", "tables").split("\n") == ["table ip mine", ""]
    enforced.call("firewall.configure", mode="enforce")
    assert tries(home["router"], address_of(host), 80) == "open"
    assert "table ip mine" in host.output("nft", "list", "tables")


@contextmanager
def announced(host: Host) -> Iterator[list[str]]:
    """What is done to the ruleset meanwhile."""
    lines: list[str] = []
    monitor = host.popen("nft", "monitor", name="nft-monitor")
    time.sleep(0.2)
    yield lines
    time.sleep(0.2)
    monitor.stop()
    lines += monitor.log().splitlines()


def test_restart_writes_nothing(home, enforced):
    host = home["host"]
    enforced.call("firewall.allow", port=80)
    enforced.call("firewall.allow", port=443, expires_in=600)
    enforced.call("firewall.deny", ports=["8000-9000"], source="10.0.0.0/8")
    enforced.call("firewall.allow", port=81, link="eth0", source="192.168.1.0/24")
    before = ruleset(host)
    with announced(host) as changes:
        enforced.restart()
        time.sleep(0.5)
    assert changes == []
    assert len(ruleset(host).splitlines()) == len(before.splitlines())


def test_starts_with_all_its_rules(home, enforced):
    """After a restart of the machine the table is there at once, with all that is allowed."""
    host, router = home["host"], home["router"]
    enforced.call("firewall.allow", port=80)
    enforced.stop()
    host.run("nft", "flush", "ruleset")
    enforced.start()
    assert tries(router, address_of(host), 80) == "open"
    assert tries(router, address_of(host), 443) == "silent"


def test_observe_counts_and_passes(home, daemon):
    host, router = home["host"], home["router"]
    daemon.call("firewall.configure", mode="observe")
    address = address_of(host)
    assert tries(router, address, 80) == "open"
    counters = {c["name"]: c["packets"] for c in daemon.call("firewall.status")["counters"]}
    assert counters["in_drop"] >= 1
    daemon.call("firewall.deny", port=80)
    assert tries(router, address, 80) == "silent"


def test_enforcing_needs_management(raise_lab, start_daemon):
    lab = raise_lab(topologies.home, dhcp=None)
    daemon = start_daemon(lab["host"])
    error = daemon.refusal("firewall.configure", mode="enforce")
    assert (error["code"], error["parameter"]) == ("parameter.missing", "management")
    error = daemon.refusal("firewall.configure", mode="enforce", management=["0.0.0.0/0"])
    assert error["parameter"] == "management"


def test_rollback_leaves_the_ruleset(home, enforced):
    before = ruleset(enforced.host)
    answer = enforced.call("firewall.allow", port=80, confirm_within=1)
    assert answer["state"] == "pending"
    assert tries(home["router"], address_of(home["host"]), 80) == "open"
    wait_for(lambda: ruleset(enforced.host) == before, 3)
