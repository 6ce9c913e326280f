"""What can be reached, how, and what stands in the way: ports, paths and web servers behind a chain
of routers."""

from itertools import count
from typing import Any

import pytest
from lab import Lab
from lab.daemon import Daemon
from lab.host import Host, wait_for

ROUTERS = 4
SERVER = f"10.{ROUTERS}.0.2"
SERVER6 = f"2001:db8:{ROUTERS}::2"
NUMBERS = count()  # each process has a log of its own


def chain(lab: Lab) -> None:
    """host - r0 - r1 - r2 - r3 - server: segment N is 10.N.0.0/24, the near end has .1."""
    segments = [lab.switch(f"segment{n}") for n in range(ROUTERS + 1)]

    def port(number: int, last: int) -> Any:
        addresses = f"10.{number}.0.{last}/24", f"2001:db8:{number}::{last}/64"
        return segments[number].at(*addresses)

    hosts = [lab.host("host", eth0=port(0, 1))]
    for n in range(ROUTERS):
        hosts.append(lab.host(f"r{n}", left=port(n, 2), right=port(n + 1, 1)).forward())
        hosts[-1].sysctl(ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)
        for m in range(n):
            hosts[-1].routes.append(f"10.{m}.0.0/24 via 10.{n}.0.1")
            hosts[-1].routes.append(f"2001:db8:{m}::/64 via 2001:db8:{n}::1")
    hosts.append(lab.host("server", eth0=port(ROUTERS, 2)))
    hosts[-1].route("default", via=f"10.{ROUTERS}.0.1").sysctl(ipv4__icmp_ratelimit=0)
    hosts[-1].routes.append(f"default via 2001:db8:{ROUTERS}::1")
    for n, host in enumerate(hosts[:-2]):
        host.routes.append(f"default via 10.{n}.0.2")
        host.routes.append(f"default via 2001:db8:{n}::2")
    for host in hosts:
        host.sysctl(ipv6__conf__all__accept_dad=0, ipv6__conf__default__accept_dad=0)


@pytest.fixture(scope="module")
def lab():
    with Lab(chain) as lab:
        yield lab


@pytest.fixture(scope="module")
def daemon(lab):
    with Daemon(lab["host"]) as daemon:
        wait_for(lambda: lab["host"].pings(SERVER), 10)
        wait_for(lambda: lab["host"].pings(SERVER6), 15)
        yield daemon


@pytest.fixture
def server(lab) -> Host:
    return lab["server"]


@pytest.fixture
def rules(lab):
    """Loads nft rules into a host's input or forward chain for the length of the test."""
    loaded: list[Host] = []

    def load(name: str, hook: str, statements: str) -> None:
        table = f"chain c {{ type filter hook {hook} priority 0; {statements}; }};"
        lab[name].run("nft", "-f", "-", input=f"table inet test {{ {table} }}")
        loaded.append(lab[name])

    yield load
    for host in loaded:
        host.run("nft", "delete", "table", "inet", "test")


LISTEN = """
import socket, sys
host, port, kind, answers = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((host, port))
if kind == "tcp":
    s.listen()
print("ready", flush=True)
while True:
    if kind == "tcp":
        s.accept()
    else:
        _, peer = s.recvfrom(2000)
        if answers:
            s.sendto(b"answer", peer)
"""


@pytest.fixture
def listen():
    """Starts a listener in a host and waits until it stands."""
    processes = []

    def start(host: Host, address: str, port: int, kind: str, *answers: str) -> None:
        name = f"listener-{next(NUMBERS)}"
        process = host.popen("/usr/bin/python3", "-I", "-c", LISTEN, address, port, kind,
                             *answers, name=name)  # fmt: skip
        processes.append(process)
        wait_for(lambda: "ready" in process.log(), 10)

    yield start
    for process in processes:
        process.kill()


# net.check_port


@pytest.mark.parametrize("address", [SERVER, SERVER6])
def test_open_and_refused(daemon, server, listen, address):
    listen(server, address, 8080, "tcp")
    found = daemon.call("net.check_port", host=address, port=8080)
    assert (found["state"], found["address"], found["protocol"]) == ("open", address, "tcp")
    assert found["latency_ms"] > 0 and not found["local"] and "listeners" not in found
    found = daemon.call("net.check_port", host=address, port=8081)
    assert found["state"] == "refused" and "icmp_type" not in found, found


def test_filtered_tells_by_whom(daemon, server, rules, listen):
    listen(server, SERVER, 8080, "tcp")
    rules("r2", "forward", "tcp dport 8080 reject with icmp type admin-prohibited; "
          "tcp dport 8081 drop")  # fmt: skip
    found = daemon.call("net.check_port", host=SERVER, port=8080)
    assert (found["state"], found["from"]) == ("filtered", "10.2.0.2"), found
    assert (found["icmp_type"], found["icmp_code"]) == (3, 13)
    assert "administratively prohibited" in found["detail"]
    found = daemon.call("net.check_port", host=SERVER, port=8081, timeout=300)
    assert found["state"] == "filtered" and "no answer" in found["detail"], found
    assert "from" not in found and "latency_ms" not in found


def test_no_route(daemon, lab):
    lab["r1"].run("ip", "route", "add", "unreachable", "10.77.0.0/24")
    found = daemon.call("net.check_port", host="10.77.0.1", port=80)
    assert (found["state"], found["from"]) == ("no_route", "10.1.0.2"), found
    lab["host"].run("ip", "route", "add", "unreachable", "10.78.0.0/24")
    for protocol in ("tcp", "udp"):
        found = daemon.call("net.check_port", host="10.78.0.1", port=80, protocol=protocol)
        assert found["state"] == "no_route" and found["detail"], found


@pytest.mark.parametrize("address", [SERVER, SERVER6])
def test_udp_is_honest(daemon, server, listen, rules, address):
    listen(server, address, 5300, "udp", "answers")
    listen(server, address, 5301, "udp")
    check = {"host": address, "protocol": "udp", "timeout": 900}
    found = daemon.call("net.check_port", port=5300, **check)
    assert found["state"] == "open" and found["datagrams"] == 1, found
    found = daemon.call("net.check_port", port=5301, **check)
    assert found["state"] == "open_or_filtered" and found["datagrams"] == 3, found
    found = daemon.call("net.check_port", port=5302, **check)
    assert (found["state"], found["from"]) == ("refused", address), found
    rules("r1", "forward", "udp dport 5300 reject")
    found = daemon.call("net.check_port", port=5300, **check)
    assert found["state"] == "filtered" and found["from"] != address, found


def test_what_listens_here(daemon, lab, listen):
    listen(lab["host"], "0.0.0.0", 9001, "tcp")
    found = daemon.call("net.check_port", host="10.0.0.1", port=9001)
    assert found["state"] == "open" and found["local"], found
    [listener] = found["listeners"]
    assert (listener["address"], listener["uid"]) == ("0.0.0.0", 0) and listener["pid"] > 1
    assert "python3" in listener["process"]
    found = daemon.call("net.check_port", host="127.0.0.1", port=9002)
    assert found["state"] == "refused" and found["listeners"] == []
    listen(lab["host"], "127.0.0.1", 9003, "udp")
    found = daemon.call("net.check_port", host="127.0.0.1", port=9003, protocol="udp", timeout=30)
    assert found["state"] == "open_or_filtered" and len(found["listeners"]) == 1
    found = daemon.call("net.check_port", host="10.0.0.1", port=9003, protocol="udp", timeout=300)
    assert found["state"] == "refused" and found["listeners"] == []


def test_check_port_refuses(daemon):
    cases = [
        ({"host": SERVER}, "parameter.missing", "port"),
        ({"host": SERVER, "port": 0}, "parameter.range", "port"),
        ({"host": SERVER, "port": 1, "protocol": "sctp"}, "parameter.range", "protocol"),
        ({"host": SERVER, "port": 1, "link": "eth9"}, "link.unknown", "link"),
        ({"host": SERVER, "port": 1, "family": "ipv6"}, "parameter.conflict", "host"),
        ({"host": SERVER, "port": 1, "source": "2001:db8::1"}, "parameter.conflict", None),
    ]
    for arguments, code, parameter in cases:
        error = daemon.refusal("net.check_port", **arguments)
        assert error["code"] == code and parameter in (None, error["parameter"]), (arguments, error)


def test_the_daemon_answers_meanwhile(daemon):
    """A call that waits holds up nobody, and goes with its client."""
    arguments = {"host": "10.4.0.99", "port": 9, "protocol": "udp", "timeout": 20000}
    with daemon.client() as slow:
        params = {"name": "net.check_port", "arguments": arguments}
        slow.send({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params})
        for _ in range(5):
            daemon.call("net.interfaces")
    assert daemon.status()["version"]


# net.traceroute


def way(trace: dict[str, Any]) -> list[list[str]]:
    return [[answer["address"] for answer in hop["answers"]] for hop in trace["hops"]]


@pytest.mark.parametrize("method", ["icmp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_the_way(daemon, method, family):
    target = SERVER if family == 4 else SERVER6
    router = "10.{}.0.2" if family == 4 else "2001:db8:{}::2"
    trace = daemon.call("net.traceroute", host=target, method=method)
    routers = [[router.format(n).replace(":0:", ":")] for n in range(ROUTERS)]
    assert way(trace) == routers + [[target]], trace
    assert trace["reached"] and trace["detail"] == f"the target is hop {ROUTERS + 1}"
    assert "loop" not in trace and "path_mtu" not in trace
    for hop in trace["hops"][:ROUTERS]:
        assert len(hop["answers"][0]["latency_ms"]) == 3 and hop["silent"] == 0, hop
    bound = daemon.call("net.traceroute", host=target, link="eth0", probes=1, method=method)
    assert bound["reached"] and bound["source"] == trace["source"]


def test_a_silent_router_on_the_way(daemon, rules):
    rules("r1", "output", "icmp type time-exceeded drop")
    trace = daemon.call("net.traceroute", host=SERVER, timeout=400)
    assert trace["reached"] and trace["hops"][1] == {"hop": 2, "answers": [], "silent": 3}


def test_silence_behind_a_router_takes_one_timeout(daemon, rules):
    rules("r1", "forward", "drop")
    trace = daemon.call("net.traceroute", host=SERVER, timeout=500, max_hops=30)
    assert not trace["reached"] and way(trace) == [["10.0.0.2"], ["10.1.0.2"]], trace
    assert "behind hop 2" in trace["detail"]


def test_a_router_that_goes_no_further(daemon, rules, lab):
    rules("r2", "forward", "reject with icmpx type admin-prohibited")
    trace = daemon.call("net.traceroute", host=SERVER)
    last = trace["hops"][-1]["answers"][0]
    # The third router answers for itself, and then again for what it would have to pass on.
    assert not trace["reached"] and trace["hops"][-1]["hop"] == 4, trace
    assert (last["address"], last["icmp_type"], last["icmp_code"]) == ("10.2.0.2", 3, 13)
    assert "administratively prohibited" in trace["detail"]


def test_a_loop(daemon, lab):
    lab["r1"].run("ip", "route", "add", "10.66.0.0/24", "via", "10.2.0.2")
    lab["r2"].run("ip", "route", "add", "10.66.0.0/24", "via", "10.2.0.1")
    trace = daemon.call("net.traceroute", host="10.66.0.1", max_hops=9, timeout=500)
    assert not trace["reached"] and trace["loop"] == {"from_hop": 2, "to_hop": 4}, trace
    assert "circle" in trace["detail"]


@pytest.mark.parametrize("target", [SERVER, SERVER6])
def test_path_mtu(daemon, lab, target):
    lab["r1"].run("ip", "link", "set", "right", "mtu", "1400")
    lab["r2"].run("ip", "link", "set", "right", "mtu", "1300")
    try:
        trace = daemon.call("net.traceroute", host=target, path_mtu=True, timeout=500)
    finally:
        lab["r1"].run("ip", "link", "set", "right", "mtu", "1500")
        lab["r2"].run("ip", "link", "set", "right", "mtu", "1500")
    assert trace["reached"] and trace["path_mtu"] == 1300, trace
    assert [limit["mtu"] for limit in trace["mtu_limits"]] == [1400, 1300]
    routers = ["10.1.0.2", "10.2.0.2"] if target == SERVER else ["2001:db8:1::2", "2001:db8:2::2"]
    assert [limit["from"] for limit in trace["mtu_limits"]] == routers


# The command line


def test_completion_knows_the_links_and_values(daemon):
    def complete(*words: str) -> list[str]:
        lines = daemon.run_client("complete", *words).stdout.splitlines()
        return [line.split("\t")[0] for line in lines]

    assert "eth0" in complete("net", "traceroute", SERVER, "--link", "")
    assert complete("net", "check_port", "--link", "et") == ["eth0"]
    assert complete("call", "net.http_probe", "link=e") == ["link=eth0"]
    assert complete("net", "check_port", SERVER, "80", "--protocol", "") == ["tcp", "udp"]
    assert complete("net", "trace") == ["traceroute"]
    assert "--path-mtu" in complete("net", "traceroute", "--p")
