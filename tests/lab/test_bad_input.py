"""Bad input: a stable code, the parameter and a hint; nothing changes, other clients go on."""

import json
import os
import re
import socket
import time
from pathlib import Path

import pytest
from lab.daemon import Daemon, McpClient, ProtocolError
from lab.host import wait_for

FRAME = 100 << 20  # bytes
CONNECTIONS = 600
DESCRIPTORS_ON_DEMAND = 3  # opened when first needed, and kept

REFUSED = {
    "parameter missing": ("net.configure", {"link": "eth0"}, "parameter.missing", "method"),
    "parameter mistyped": (
        "net.configure", {"link": "eth0", "method": 5}, "parameter.type", "method"),
    "parameter unknown": ("net.ping", {"host": "1.1.1.1", "hots": 1}, "parameter.unknown", "hots"),
    "value unknown": (
        "net.configure", {"link": "eth0", "method": "magic"}, "parameter.range", "method"),
    "out of range": (
        "net.configure", {"link": "eth0", "method": "dhcp", "mtu": 10}, "parameter.range", "mtu"),
    "list for text": ("net.ping", {"host": ["1.1.1.1"]}, "parameter.type", "host"),
    "no address": (
        "net.configure", {"link": "eth0", "method": "static", "addresses": ["1.2.3"]},
        "prefix.invalid", "addresses[0]"),
    "no address either": (
        "net.route_add", {"destination": "10.0.0.0/8", "gateway": "300.1.1.1"},
        "address.invalid", "gateway"),
    "host bits": (
        "net.route_add", {"destination": "10.0.0.1/8", "gateway": "192.168.1.1"},
        "prefix.host_bits", "destination"),
    "network's own address": (
        "net.configure", {"link": "eth0", "method": "static", "addresses": ["192.168.1.0/24"]},
        "address.invalid", "addresses[0]"),
    "gateway outside the prefix": (
        "net.configure",
        {"link": "eth0", "method": "static", "addresses": ["192.168.1.5/24"],
         "gateway": "192.168.2.1"},
        "gateway.outside_prefix", "gateway"),
    "gateway of a route outside": (
        "net.route_add", {"destination": "10.0.0.0/8", "gateway": "172.31.0.1", "link": "eth0"},
        "gateway.outside_prefix", "gateway"),
    "no such interface": (
        "net.configure", {"link": "eth9", "method": "dhcp"}, "link.unknown", "link"),
    "no such interface to read": ("net.interfaces", {"link": "eth9"}, "link.unknown", "link"),
    "name of an interface too long": (
        "net.configure", {"link": "a" * 40, "method": "dhcp"}, None, "link"),
    "bad hardware address": (
        "net.configure", {"link": "eth0", "method": "dhcp", "mac": "01:00:00:00:00:01"},
        "mac.invalid", "mac"),
    "parameters that do not go together": (
        "net.configure", {"link": "eth0", "method": "dhcp", "gateway": "192.168.1.1"},
        "parameter.conflict", "gateway"),
    "static without addresses": (
        "net.configure", {"link": "eth0", "method": "static"}, "parameter.missing", "addresses"),
    "loopback": ("net.configure", {"link": "lo", "method": "off"}, "link.foreign", "link"),
    "unknown tool in a plan": ("tx.plan", {"tool": "net.nothing"}, "tool.unknown", None),
    "bad arguments in a plan": (
        "tx.plan", {"tool": "net.configure", "arguments": {"link": "eth0", "method": 5}},
        "parameter.type", "method"),
    "name that cannot be": ("net.dns_lookup", {"domain": "a..b"}, "name.invalid", "domain"),
    "number too large": ("tx.undo", {"transaction": 2**60}, "parameter.range", "transaction"),
    "empty text": ("net.explain", {"subject": ""}, None, "subject"),
}  # fmt: skip


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


@pytest.fixture(autouse=True)
def nothing_changes(daemon):
    """Whatever a test sends: the kernel and the history stay, and another client goes on."""
    with daemon.client() as bystander, daemon.host.monitor() as monitor:
        before = bystander.call("tx.history")
        descriptors = open_descriptors(daemon)
        yield
        assert bystander.call("tx.history") == before
        assert bystander.call("net.status")["online"]["state"] == "yes"
        most = descriptors + DESCRIPTORS_ON_DEMAND
        wait_for(lambda: open_descriptors(daemon) <= most, 5, what="no descriptor leaked")
    assert [line for line in monitor.lines() if not re.search("fe80::|ff00::", line)] == []
    assert daemon.running


def open_descriptors(daemon: Daemon) -> int:
    assert daemon.process
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def memory(daemon: Daemon) -> int:
    """Resident bytes."""
    assert daemon.process
    pages = Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.fixture
def wire(daemon):
    """A bare connection to the daemon's socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(daemon.host.path(daemon.socket_path)))
        yield connection


def request(method: str, number: int = 1, **params: object) -> bytes:
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(message).encode() + b"\n"


def handshake(number: int = 1) -> bytes:
    client = {"name": "test", "version": "1"}
    return request("initialize", number, protocolVersion="2025-11-25", capabilities={},
                   clientInfo=client)  # fmt: skip


def answer(connection: socket.socket) -> dict:
    """The next line that comes back."""
    line = b""
    while not line.endswith(b"\n"):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError(f"closed after {line!r}")
        line += data
    return json.loads(line.splitlines()[0])


def test_refusals_name_code_parameter_and_hint(daemon):
    """All in one lab: each is one call."""
    faults = []
    with daemon.client() as client:
        for name, (tool, arguments, code, parameter) in REFUSED.items():
            result = client.call_raw(tool, **arguments)
            error = (result.get("structuredContent") or {}).get("error", {})
            if not result.get("isError") or not error:
                faults.append((name, "not refused", result))
            elif code and error["code"] != code:
                faults.append((name, "code", error))
            elif parameter and error.get("parameter") != parameter:
                faults.append((name, "parameter", error))
            elif not error["message"] or not result["content"][0]["text"]:
                faults.append((name, "words", error))
            elif not error.get("hint"):
                faults.append((name, "hint", error))
    assert faults == []


def test_unknown_tool(daemon):
    with daemon.client() as client:
        with pytest.raises(ProtocolError) as raised:
            client.call("net.interface")
        assert raised.value.code == -32602
        assert raised.value.data["code"] == "tool.unknown" and raised.value.data["hint"]
        assert client.call("net.interfaces")


@pytest.mark.parametrize(
    "line, code",
    {
        b"{": -32700,
        b"nonsense": -32700,
        b'"text"': -32600,
        b"{}": -32600,
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}': -32600,
        b'{"jsonrpc":"2.0","id":1,"method":5}': -32600,
        b'{"jsonrpc":"2.0","id":1,"method":"no/such"}': -32601,
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":9223372036854775808}}': -32700,
        b'{"jsonrpc":"2.0","id":1,"method":"ping","x":"\xff\xfe"}': -32700,
        b'{"jsonrpc":"2.0","id":1,"method":"\xc3\x28"}': -32700,
        b"[" * 5000: -32700,
    }.items(),
)  # fmt: skip
def test_malformed_requests(wire, line, code):
    wire.sendall(handshake())
    assert "result" in answer(wire)
    wire.sendall(line + b"\n")
    assert answer(wire)["error"]["code"] == code
    wire.sendall(request("ping", 7))
    assert answer(wire)["id"] == 7  # the same connection goes on


def test_request_in_pieces(wire):
    whole = handshake(41) + request("ping", 42)
    for at in range(0, len(whole), 7):
        wire.sendall(whole[at : at + 7])
        time.sleep(0.001)
    stream = wire.makefile("rb")
    assert [json.loads(stream.readline())["id"] for _ in range(2)] == [41, 42]


def test_many_requests_in_one_piece(wire):
    wire.sendall(handshake() + b"".join(request("ping", n) for n in range(100, 150)))
    stream = wire.makefile("rb")
    numbers = [json.loads(stream.readline())["id"] for _ in range(51)]
    assert sorted(numbers) == [1, *range(100, 150)]


def test_frame_of_a_hundred_megabytes(daemon, wire):
    before = memory(daemon)
    wire.sendall(handshake())
    assert "result" in answer(wire)
    piece = b"x" * (1 << 20)
    try:
        wire.sendall(b'{"jsonrpc":"2.0","id":2,"method":"')
        for _ in range(FRAME // len(piece)):
            wire.sendall(piece)
        wire.sendall(b'"}\n')
    except (BrokenPipeError, ConnectionResetError):
        pass  # it may hang up on who does not stop
    error = answer(wire)["error"]
    assert error["data"]["code"] == "request.too_large" and error["data"]["hint"]
    assert memory(daemon) - before < 4 << 20


def test_client_that_does_not_read_its_answers(daemon, wire):
    before = memory(daemon)
    wire.sendall(handshake())
    wire.settimeout(1)
    try:
        for number in range(20000):
            wire.sendall(request("tools/list", number))
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass  # it is not read from any more, or is hung up on
    assert daemon.call("net.interfaces")["total"] == 2
    assert memory(daemon) - before < 16 << 20


def test_hundreds_of_idle_connections(daemon):
    path = str(daemon.host.path(daemon.socket_path))
    idle = []
    try:
        for _ in range(CONNECTIONS):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            idle.append(connection)
        started = time.monotonic()
        assert daemon.call("net.status")["online"]["state"] == "yes"
        assert time.monotonic() - started < 1
    finally:
        for connection in idle:
            connection.close()


def test_connection_that_ends_in_the_middle_of_a_call(daemon):
    for _ in range(10):
        client = McpClient(daemon.host.path(daemon.socket_path))
        params = {"name": "net.ping", "arguments": {"host": "192.0.2.200", "count": 5}}
        client.send({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params})
        client.close()
    assert daemon.call("net.interfaces")


def test_command_line_explains_and_ends_with_1(daemon):
    result = daemon.run_client("call", "net.route_add", "destination=10.0.0.1/8",
                               "gateway=192.168.1.1", "--json")  # fmt: skip
    assert result.returncode == 1 and result.stdout == ""
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "prefix.host_bits" and error["parameter"] == "destination"
    assert "10.0.0.0/8" in error["hint"]
    result = daemon.run_client("call", "net.interface")
    assert result.returncode == 1 and "tool.unknown" in result.stderr
    assert daemon.run_client("no-such-command").returncode == 2
