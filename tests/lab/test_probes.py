"""The tools that look, and the command line, in the home lab."""

import json
import re
import signal
import socket
import time

import pytest
from lab import topologies
from lab.daemon import Daemon, client_path
from lab.host import wait_for


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


# net.ping


def test_ping(daemon):
    address = daemon.host.addresses("eth0")[0].split("/")[0]
    with daemon.host.capture("eth0", "icmp") as capture:
        result = daemon.call("net.ping", host="1.1.1.1", count=5, interval=10, size=100)
    assert (result["sent"], result["received"], result["loss_percent"]) == (5, 5, 0)
    assert result["address"] == "1.1.1.1" and result["source"] == address
    assert 0 < result["min_ms"] <= result["avg_ms"] <= result["max_ms"] < 1000
    assert [probe["ttl"] for probe in result["probes"]] == [63] * 5
    assert len(capture.matching(f"{address} > 1.1.1.1: ICMP echo request")) == 5


def test_ping_tells_how_far_it_is_where_that_is_asked_for(daemon):
    with daemon.client() as client:
        result = client.request(
            "tools/call",
            name="net.ping",
            arguments={"host": "1.1.1.1", "count": 4, "interval": 20},
            _meta={"progressToken": "how-far"},
        )
    assert result["structuredContent"]["received"] == 4
    told = [n["params"] for n in client.notifications if n["method"] == "notifications/progress"]
    assert [p["progress"] for p in told] == [1, 2, 3]
    assert all(p["progressToken"] == "how-far" and p["total"] == 4 for p in told)


def test_ping_counts_what_is_lost(daemon):
    daemon.host.cable("eth0").filter(to_host="icmp type echo-reply numgen inc mod 2 == 0 drop")
    result = daemon.call("net.ping", host="8.8.8.8", count=10, interval=10, timeout=100)
    assert (result["sent"], result["received"], result["loss_percent"]) == (10, 5, 50)
    outcomes = [probe["outcome"] for probe in result["probes"]]
    assert outcomes.count("timed_out") == 5


def test_ping_of_a_name_and_by_tcp(daemon):
    result = daemon.call("net.ping", host="api.anthropic.com", method="tcp", port=443, count=2)
    assert result["address"] == topologies.API and result["received"] == 2
    assert (result["method"], result["port"]) == ("tcp", 443)


def test_ping_by_ipv6(daemon):
    wait_for(lambda: daemon.host.addresses("eth0", family=6), 3)
    own = daemon.host.addresses("eth0", family=6)[0].split("/")[0]
    wait_for(lambda: "tentative" not in daemon.host.output("ip", "addr", "show", "eth0"), 5)
    result = daemon.call("net.ping", host=own, link="eth0", count=1)
    assert result["received"] == 1


def test_ping_errors_say_why(daemon):
    cases = [
        ({"host": "192.0.2.200", "count": 1}, "host.unreachable", "host"),
        ({"host": "192.168.1.250", "count": 1, "timeout": 300}, None, "host"),
        ({"host": "1.1.1.1", "method": "tcp", "port": 1}, "connection.refused", "port"),
        ({"host": "no-such-name.com"}, "name.not_found", "host"),
        ({"host": "1.1.1.1", "method": "tcp"}, "parameter.missing", "port"),
        ({"host": "1.1.1.1", "link": "eth9"}, "link.unknown", "link"),
        ({"host": "1.1.1.1", "ttl": 1, "count": 1, "timeout": 300}, "host.unreachable", "host"),
    ]
    for arguments, code, parameter in cases:
        error = daemon.refusal("net.ping", **arguments)
        assert code in (None, error["code"]), (arguments, error)
        assert error["parameter"] == parameter and error["message"], (arguments, error)
    message = daemon.refusal("net.ping", host="192.0.2.200", count=1)["message"]
    assert "198.51.100.1 says" in message


def test_ping_that_takes_long_does_not_hold_up_others(daemon):
    with daemon.client() as slow:
        params = {"name": "net.ping", "arguments": {"host": "1.1.1.1", "count": 5}}
        slow.send({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": params})
        started = time.monotonic()
        for _ in range(20):
            daemon.call("net.interfaces")
        assert time.monotonic() - started < 0.5
        assert slow.receive()["id"] == 77


# net.dns_lookup


def test_lookup(daemon):
    result = daemon.call("net.dns_lookup", domain="api.anthropic.com")
    assert result["server"] == "192.168.1.1" and result["rcode"] == "NOERROR"
    assert result["latency_ms"] > 0 and result["transport"] == "udp"
    answer = result["answers"][0]
    assert answer["data"] == {"address": topologies.API} and 0 < answer["ttl"] <= 300
    other = daemon.call("net.dns_lookup", domain="www.example.com", server="8.8.8.8", tcp=True)
    assert other["server"] == "8.8.8.8" and other["transport"] == "tcp"
    assert other["answers"][0]["data"] == {"address": topologies.WWW}


def test_lookup_of_other_types(daemon):
    name_servers = daemon.call("net.dns_lookup", domain="anthropic.com", type="NS")
    assert "ns.anthropic.com" in json.dumps(name_servers["answers"])
    soa = daemon.call("net.dns_lookup", domain="anthropic.com", type="SOA")
    assert soa["answers"][0]["type"] == "SOA"
    nothing = daemon.call("net.dns_lookup", domain="anthropic.com", type="MX")
    assert nothing["answers"] == [] and nothing["rcode"] == "NOERROR"
    authority = daemon.call("net.dns_lookup", domain="anthropic.com", server=topologies.ANTHROPIC)
    assert "aa" in authority["flags"]
    referral = daemon.call("net.dns_lookup", domain="api.anthropic.com", server=topologies.ROOT,
                           recursion=False)  # fmt: skip
    assert referral["answers"] == [] and referral["authority"][0]["name"] == "com."


def test_lookup_errors_say_why(daemon):
    cases = [
        ({"domain": "no-such-name.com"}, "name.not_found", "domain"),
        ({"domain": "a.test", "server": "192.0.2.200", "timeout": 200}, None, "domain"),
        ({"domain": "a.test", "server": "1.1.1.1", "port": 5, "timeout": 300}, None, "domain"),
        ({"domain": "a.test", "type": "NONE"}, "parameter.range", "type"),
        ({"domain": "a.test", "server": "dns"}, "address.invalid", "server"),
    ]
    for arguments, code, parameter in cases:
        error = daemon.refusal("net.dns_lookup", **arguments)
        assert code in (None, error["code"]), (arguments, error)
        assert error["parameter"] == parameter, (arguments, error)


def test_lookup_without_any_server(raise_lab, start_daemon):
    lab = raise_lab(topologies.wire)
    daemon = start_daemon(lab["host"])
    error = daemon.refusal("net.dns_lookup", domain="api.anthropic.com")
    assert error["code"] == "dns.failed" and error["hint"]


# net.connections, net.neighbors, net.bandwidth


def test_connections_with_their_owner(daemon):
    client = "import socket, time; s = socket.create_connection(('192.0.2.80', 443)); time.sleep(9)"
    process = daemon.host.popen("/usr/bin/python3", "-I", "-c", client, name="client")
    wait_for(lambda: daemon.call("net.connections", state=["established"])["connections"], 3)
    found = daemon.call("net.connections", state=["established"], owners=True)["connections"]
    assert len(found) == 1
    connection = found[0]
    assert (connection["remote_address"], connection["remote_port"]) == (topologies.API, 443)
    assert connection["protocol"] == "tcp" and connection["uid"] == 0
    assert connection["pid"] == process.pid and "python3" in connection["process"]
    assert daemon.call("net.connections", port=connection["local_port"])["total"] == 1
    assert daemon.call("net.connections", pid=process.pid)["total"] == 1
    assert daemon.call("net.connections", pid=1)["total"] == 0
    process.kill()


def test_listening_sockets(daemon):
    with daemon.host.entered():
        listener = socket.create_server(("0.0.0.0", 8080))
    with listener:
        found = daemon.call("net.connections", state=["listening"])["connections"]
        assert [connection["local_port"] for connection in found] == [8080]


def test_neighbors(daemon):
    assert daemon.host.pings("192.168.1.1")
    wait_for(lambda: daemon.call("net.neighbors", address="192.168.1.1")["total"] == 1, 2)
    neighbor = daemon.call("net.neighbors")["neighbors"][0]
    router = daemon.host.output("ip", "neigh", "show", "192.168.1.1")
    assert neighbor["mac"] in router and neighbor["link"] == "eth0"


def test_bandwidth_measures_what_goes_through(daemon):
    with daemon.host.pinger("192.168.1.1", interval=0.01) as pinger:
        pinger.wait_for_answers(5)
        result = daemon.call("net.bandwidth", link="eth0", window=500)
    link = result["links"][0]
    assert 400 < result["window_ms"] < 1000 and link["link"] == "eth0"
    for direction in ("receive", "transmit"):
        assert 20 <= link[direction]["packets_in_window"] <= 100
        rate = link[direction]["bytes_in_window"] * 8 / (result["window_ms"] / 1000)
        assert link[direction]["bits_per_second"] == pytest.approx(rate, rel=0.01)
    assert daemon.refusal("net.bandwidth", link="eth9")["code"] == "link.unknown"


# Every tool


def test_tools_are_described(daemon):
    with daemon.client() as client:
        tools = {tool["name"]: tool for tool in client.tools()}
    assert {
        "net.interfaces", "net.configure", "net.route_list", "net.route_add", "net.route_del",
        "net.ping", "net.dns_lookup", "net.connections", "net.neighbors", "net.bandwidth",
        "net.explain", "tx.plan", "tx.confirm", "tx.undo", "tx.history",
    } <= set(tools)  # fmt: skip
    for name, tool in tools.items():
        assert tool["description"] and tool["inputSchema"]["type"] == "object", name
        assert tool["outputSchema"]["type"] == "object" and "readOnlyHint" in tool["annotations"]
        for parameter in tool["inputSchema"].get("properties", {}).values():
            assert parameter["description"], (name, parameter)
    assert tools["net.status"]["annotations"]["readOnlyHint"]
    assert tools["net.configure"]["annotations"]["destructiveHint"]


# The command line


def test_status_for_people(daemon):
    result = daemon.run_client("status")
    assert result.returncode == 0
    address = daemon.host.addresses("eth0")[0]
    for words in ("online", "eth0 via 192.168.1.1", "192.168.1.1", address, "lease of", "dhcp"):
        assert words in result.stdout, words
    assert "\x1b" not in result.stdout
    colourful = daemon.host.run("script", "-qec", f"{client_path()} --socket {daemon.socket_path} "
                                "status", "/dev/null", check=False)  # fmt: skip
    assert "\x1b[" in colourful.stdout
    daemon.host.pull("eth0")
    wait_for(lambda: not daemon.online(), 5)
    offline = daemon.run_client("status").stdout
    assert "no carrier" in offline and "offline" in offline.lower()


def test_status_as_json(daemon):
    status = daemon.cli("status")
    assert status["online"]["state"] == "yes"
    assert status["links"][0]["addresses"] == daemon.host.addresses("eth0")


def test_status_without_a_daemon(daemon):
    daemon.stop()
    result = daemon.run_client("status", "--json")
    assert result.returncode == 3
    assert json.loads(result.stderr)["error"]["code"] == "daemon.unreachable"


def test_watch_tells_events_as_they_come(daemon):
    command = [client_path(), "--socket", daemon.socket_path, "watch", "--json"]
    watch = daemon.host.popen(*command, name="watch")
    time.sleep(0.2)
    daemon.host.pull("eth0")
    wait_for(lambda: "link.carrier_lost" in watch.log(), 3)
    events = [json.loads(line) for line in watch.log().splitlines()]
    assert all(event["kind"] and event["message"] for event in events)
    watch.signal(signal.SIGINT)
    assert watch.popen.wait(3) in (0, 130, -signal.SIGINT)


def test_call_plan_undo_and_words(daemon):
    route = ["destination=10.9.0.0/16", "gateway=192.168.1.7"]
    planned = daemon.cli("plan", "net.route_add", *route)
    assert planned["state"] == "planned" and not daemon.host.ip("route", "show", "10.9.0.0/16")
    made = daemon.cli("call", "net.route_add", *route, "metric:=7", "reason=by hand")
    assert daemon.host.ip("route", "show", "10.9.0.0/16")[0]["metric"] == 7
    explained = daemon.run_client("explain", "10.9.0.0/16")
    assert "by hand" in explained.stdout
    assert "net.route_add" in daemon.run_client("history").stdout
    daemon.cli("undo", str(made["transaction"]))
    assert not daemon.host.ip("route", "show", "10.9.0.0/16")
    ping = daemon.run_client("net", "ping", "1.1.1.1", "--count", "2")
    assert ping.returncode == 0 and re.search(r"received +2\n", ping.stdout)


def test_confirm_by_the_command_line(daemon):
    made = daemon.cli("call", "net.route_add", "destination=10.9.0.0/16", "gateway=192.168.1.7",
                      "confirm_within:=60")  # fmt: skip
    assert made["state"] == "pending"
    assert daemon.cli("confirm", str(made["transaction"]))["state"] == "committed"


def test_mcp_on_standard_streams(daemon):
    """Both eras, as an agent starts it."""
    client = {"name": "test", "version": "1"}
    old = [
        {"id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "net.status", "arguments": {}}},
    ]  # fmt: skip
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": client,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    new = [
        {"id": 1, "method": "server/discover", "params": {"_meta": meta}},
        {"id": 2, "method": "tools/call",
         "params": {"name": "net.status", "arguments": {}, "_meta": meta}},
    ]  # fmt: skip
    for messages in (old, new):
        text = "".join(json.dumps({"jsonrpc": "2.0", **m}) + "\n" for m in messages)
        result = daemon.run_client("mcp", input=text)
        answers = {a["id"]: a for a in map(json.loads, result.stdout.splitlines())}
        assert set(answers) == {1, 2}, result
        status = answers[2]["result"]["structuredContent"]
        assert status["online"]["state"] == "yes"
