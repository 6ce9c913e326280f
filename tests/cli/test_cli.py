"""The commands of aiosnet against a fake daemon."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from conftest import PROGRAM, Cli
from fake_daemon import TOOLS, FakeDaemon

STATUS = {
    "online": {"state": "yes", "since": "2026-01-02T03:04:05.678Z", "ping": 1.5},
    "online_after": 12.5,
    "uplinks": [
        {"link": "eth0", "family": "ipv4", "gateway": "192.0.2.1", "metric": 100, "in_use": True},
        {"link": "wlan0", "family": "ipv4", "gateway": "198.51.100.1", "metric": 600, "in_use": False},
    ],
    "dns": ["192.0.2.1", "8.8.8.8"],
    "links": [
        {"name": "eth0", "kind": "ethernet", "state": "up", "method": "dhcp", "ownership": "ours",
         "addresses": ["192.0.2.7/24", "2001:db8::7/64"]},
        {"name": "eth1", "kind": "ethernet", "state": "no carrier", "method": "dhcp", "ownership": "ours",
         "addresses": [], "trouble": "no lease yet"},
        {"name": "wlan0", "kind": "wifi", "state": "up", "method": "dhcp", "ownership": "ours",
         "addresses": ["198.51.100.7/24"]},
        {"name": "docker0", "kind": "bridge", "state": "up", "method": "none", "ownership": "foreign",
         "addresses": []},
    ],
    "changes": [
        {"number": 4, "time": "2026-01-02T03:05:05.678Z", "tool": "net.configure", "state": "rolled_back",
         "reason": "try it", "words": "not confirmed in time"},
        {"number": 3, "time": "2026-01-02T03:04:05.678Z", "tool": "dhcp", "state": "committed",
         "reason": "a lease from 192.0.2.1"},
    ],
    "troubles": [{"resource": "route/254/10.0.0.0/8/0", "trouble": "no such gateway", "attempts": 3}],
    "synchronised": True,
    "version": "0.1.0",
}


def read_until(fd: int, wanted: bytes, seconds: float = 10) -> bytes:
    """What comes from `fd` until `wanted` is in it, or the end."""
    deadline, got = time.monotonic() + seconds, b""
    while wanted not in got and time.monotonic() < deadline:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                piece = os.read(fd, 65536)
            except OSError:
                break
            if not piece:
                break
            got += piece
    return got


# ---- both eras ----


def test_call_types_the_arguments(make_daemon: Callable[..., FakeDaemon], cli: Cli, era: str) -> None:
    daemon = make_daemon(era=era)
    answer = cli("--json", "call", "net.configure", "link=eth0", "method=static",
                 "addresses=192.0.2.7/24,192.0.2.8/24", "dry_run=true")
    wanted = {"link": "eth0", "method": "static", "addresses": ["192.0.2.7/24", "192.0.2.8/24"],
              "dry_run": True}
    assert answer.status == 0, answer.err
    assert daemon.calls == [("net.configure", wanted)]
    assert answer.json == {"echo": wanted}


def test_modern_requests_carry_their_meta(daemon: FakeDaemon, cli: Cli) -> None:
    assert cli("net", "interfaces").status == 0
    for request in daemon.requests:
        meta = request["params"]["_meta"]
        assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
        assert request["id"] is not None
    assert "initialize" not in {request["method"] for request in daemon.requests}


def test_legacy_daemon_is_initialized(make_daemon: Callable[..., FakeDaemon], cli: Cli) -> None:
    daemon = make_daemon(era="legacy")
    assert cli("net", "interfaces").status == 0
    methods = [request["method"] for request in daemon.requests]
    assert methods[1:3] == ["initialize", "notifications/initialized"]
    assert all("_meta" not in r.get("params", {}) for r in daemon.requests[1:])


def test_tools_of_all_pages(daemon: FakeDaemon, cli: Cli) -> None:
    assert [tool["name"] for tool in cli("tools", "--json").json] == [tool["name"] for tool in TOOLS]
    assert "Title of tx.undo" in cli("tools").out
    assert cli("tools", "tx").out.count("\n") == 4


# ---- words, options, help ----


@pytest.mark.parametrize("words, called", [
    (["net", "ping", "1.1.1.1", "--count", "3"], ("net.ping", {"host": "1.1.1.1", "count": 3})),
    (["net.ping", "--count=3", "1.1.1.1"], ("net.ping", {"host": "1.1.1.1", "count": 3})),
    (["net", "route", "list"], ("net.route_list", {})),
    (["net", "route-list"], ("net.route_list", {})),
    (["net", "configure", "eth0", "dhcp", "--dry-run"],
     ("net.configure", {"link": "eth0", "method": "dhcp", "dry_run": True})),
    (["undo", "7"], ("tx.undo", {"number": 7})),
    (["confirm", "7"], ("tx.confirm", {"number": 7})),
    (["history", "--limit", "2"], ("tx.history", {"limit": 2})),
    (["explain", "eth0"], ("net.explain", {"thing": "eth0"})),
    (["plan", "net", "configure", "eth0", "dhcp"],
     ("tx.plan", {"tool": "net.configure", "arguments": {"link": "eth0", "method": "dhcp"}})),
])
def test_words_become_a_call(daemon: FakeDaemon, cli: Cli, words: list[str], called: Any) -> None:
    answer = cli(*words)
    assert answer.status == 0, answer.err
    assert daemon.calls == [called]


@pytest.mark.parametrize("words, code, hint", [
    (["net", "pnig", "1.1.1.1"], "tool.unknown", "did you mean net.ping?"),
    (["sttaus"], "tool.unknown", ""),
    (["net", "ping"], "parameter.missing", "--help"),
    (["net", "ping", "a", "--cuont", "3"], "parameter.unknown", "did you mean count?"),
    (["net", "ping", "a", "--count", "x"], "parameter.type", "a whole number"),
    (["net", "ping", "a", "b"], "parameter.unknown", ""),
    (["undo"], "parameter.missing", ""),
    (["call"], "parameter.missing", ""),
    (["call", "net.ping", "word"], "parameter.unknown", "KEY=VALUE"),
    (["mcp", "x"], "parameter.unknown", ""),
    (["status", "x"], "parameter.unknown", ""),
    (["completion", "ksh"], "parameter.range", ""),
    (["--timeout", "soon", "status"], "parameter.type", ""),
])
def test_bad_words_change_nothing(daemon: FakeDaemon, cli: Cli, words: list[str], code: str,
                                  hint: str) -> None:
    answer = cli(*words)
    assert (answer.status, answer.out) == (2, "")
    assert code in answer.err and hint in answer.err
    assert daemon.calls == []


def test_no_command_prints_the_help(cli: Cli) -> None:
    answer = cli()
    assert answer.status == 2 and "Exit status" in answer.out
    assert cli("--help").status == 0 and cli("help").status == 0
    assert cli("--nothing").status == 2


def test_help_of_a_tool(daemon: FakeDaemon, cli: Cli) -> None:
    for words in (["net", "ping", "--help"], ["help", "net", "ping"], ["--help", "net.ping"]):
        answer = cli(*words)
        assert answer.status == 0, answer.err
        assert "aiosnet net ping <host> [OPTION]..." in answer.out
        assert "Requests (packets) [integer 1..1000; 4 unless given]" in answer.out
        assert "icmp | tcp" in answer.out and "It only reads." in answer.out
    assert "aiosnet tx undo <number>" in cli("undo", "--help").out
    assert "KEY:=JSON" in cli("call", "--help").out
    assert daemon.calls == []


def test_a_group_lists_its_tools(daemon: FakeDaemon, cli: Cli) -> None:
    answer = cli("tx")
    assert answer.status == 2
    assert [line.split()[0] for line in answer.out.splitlines()] == [
        "tx.plan", "tx.confirm", "tx.undo", "tx.history"]


def test_versions(daemon: FakeDaemon, cli: Cli) -> None:
    assert re.search(r"aiosnet \d+\.\d+\.\d+\ndaemon  9\.8\.7\n", cli("version").out)
    daemon.close()
    assert "not reached" in cli("--timeout", "1", "--socket", "/nowhere", "version").out


# ---- what people see ----


def test_a_table(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.interfaces"] = {"interfaces": [
        {"name": "eth0", "mtu": 1500, "addresses": ["192.0.2.7/24"]},
        {"name": "wlan0", "mtu": 900, "addresses": []}]}
    assert cli("net", "interfaces").out == (
        "NAME    MTU  ADDRESSES\n"
        "eth0   1500  192.0.2.7/24\n"
        "wlan0   900  -\n")


def test_units_of_the_schema(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.ping"] = {"average": 1.25, "lost": 0}
    assert cli("net", "ping", "x").out == "average  1.25 ms\nlost     0\n"


def test_status(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.status"] = STATUS
    lines = cli("status").out.splitlines()
    assert re.fullmatch(r"● online  since Jan 02 03:04 \(.*\), first 12 ms after the start|"
                        r"● online  since 2026-01-02 \(.*\), first 12 ms after the start", lines[0])
    when = ["Jan 02 03:04", "2026-01-02  "][lines[0].startswith("● online  since 2")]
    assert lines[1:] == [
        "  uplink  eth0 via 192.0.2.1",
        "  dns     192.0.2.1, 8.8.8.8",
        "",
        "LINKS",
        "● eth0     ethernet  up          dhcp     uplink   192.0.2.7/24, 2001:db8::7/64",
        "○ eth1     ethernet  no carrier  dhcp",
        "    no lease yet",
        "● wlan0    wifi      up          dhcp     standby  198.51.100.7/24",
        "● docker0  bridge    up          foreign",
        "",
        "TROUBLES",
        "  route/254/10.0.0.0/8/0: no such gateway (3 times)",
        "",
        "LAST CHANGES",
        f"  {when.replace('04', '05') if ':' in when else when}  #4 net.configure      "
        "rolled_back: not confirmed in time",
        f"  {when}  #3 dhcp               a lease from 192.0.2.1",
    ]
    assert cli("status", "--json").json == STATUS


def test_status_fits_a_narrow_terminal(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.status"] = STATUS
    for width in (40, 60, 80):
        out = cli("status", COLUMNS=str(width)).out
        assert max(map(len, out.splitlines())) <= width, out


def test_status_of_an_empty_answer(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.status"] = {}
    answer = cli("status")
    assert answer.status == 0 and "unknown" in answer.out


def test_no_escapes_reach_the_terminal(daemon: FakeDaemon, cli: Cli) -> None:
    evil = "\x1b[2J\x9b1m\x07\x7f\u202e"
    daemon.results["net.interfaces"] = {"interfaces": [{"name": evil}, {"name": "b"}]}
    daemon.results["net.status"] = {"links": [{"name": evil, "trouble": evil}], "dns": [evil],
                                    "troubles": [{"resource": evil}], "changes": [{"tool": evil}]}
    daemon.results["net.ping"] = {"error": {"code": evil, "message": evil, "hint": evil}}
    for words in (["net", "interfaces"], ["status"], ["net", "ping", "x"], ["call", "net.ping"]):
        answer = cli(*words)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", answer.out + answer.err)


def run_on_terminal(cli: Cli, *words: str, **environment: str) -> bytes:
    parent, child = pty.openpty()
    process = subprocess.Popen([PROGRAM, *words], stdin=child, stdout=child, stderr=child,
                               env={**cli.environment, **environment})
    os.close(child)
    out = read_until(parent, b"(never)")
    assert process.wait(10) == 0
    os.close(parent)
    return out


def test_colour_on_a_terminal_only(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.status"] = STATUS
    assert "\x1b" not in cli("status").out
    assert b"\x1b[32m" in run_on_terminal(cli, "status")
    assert b"\x1b" not in run_on_terminal(cli, "status", NO_COLOR="1")
    assert b"\x1b" not in run_on_terminal(cli, "status", TERM="dumb")
    assert b"\x1b" not in run_on_terminal(cli, "--no-color", "status")
    assert b"\xe2\x97\x8f" not in run_on_terminal(cli, "status", LC_ALL="C")


def test_events(daemon: FakeDaemon, cli: Cli) -> None:
    for number in range(3):
        daemon.publish("link.up", f"link {number} came up")
    assert [json.loads(line)["sequence"] for line in cli("events", "--json").out.splitlines()] == [1, 2, 3]
    answer = cli("events", "1")
    assert answer.out.count("\n") == 1 and "link 2 came up" in answer.out
    assert "link 1 came up" in cli("events", "list", "--after", "1").out
    assert daemon.calls == [("events.list", {"after": 1})]
    assert cli("events", "many").status == 2


# ---- errors ----


def test_tool_error(daemon: FakeDaemon, cli: Cli, ) -> None:
    error = {"code": "prefix.host_bits", "parameter": "addresses", "message": "has host bits",
             "hint": "the prefix is 192.0.2.0/24"}
    daemon.results["net.configure"] = {"error": error}
    answer = cli("net", "configure", "eth0", "static")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == ("aiosnet: prefix.host_bits: has host bits\n"
                          "  parameter addresses\n"
                          "  hint      the prefix is 192.0.2.0/24\n")
    answer = cli("--json", "net", "configure", "eth0", "static")
    assert (answer.status, answer.out, json.loads(answer.err)) == (1, "", {"error": error})


def test_protocol_error(daemon: FakeDaemon, cli: Cli) -> None:
    answer = cli("call", "net.nothing")
    assert answer.status == 1 and "unknown tool net.nothing" in answer.err


def test_no_daemon(cli: Cli) -> None:
    for words in (["status"], ["watch"], ["call", "net.ping"], ["net", "ping"], ["tools"], ["mcp"],
                  ["events"], ["undo", "1"]):
        answer = cli(*words)
        assert (answer.status, answer.out) == (3, ""), words
        assert "daemon.unreachable" in answer.err and "is aiosnetd running?" in answer.err
        assert "net.sock" in answer.err
    assert cli("--socket", "/" + "x" * 200, "status").status == 3


def test_no_permission(cli: Cli, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs a second user")
    daemon = FakeDaemon(tmp_path / "net.sock")
    os.chmod(tmp_path / "net.sock", 0o600)
    for folder in [tmp_path, *tmp_path.parents][:3]:
        os.chmod(folder, 0o755)
    answer = subprocess.run([PROGRAM, "status"], env=cli.environment, user=65534, capture_output=True,
                            timeout=20, check=False)
    daemon.close()
    if b"cannot execute" in answer.stderr or answer.returncode in (126, 127):
        pytest.skip("the build is not readable to others")
    assert answer.returncode == 3
    assert b"uid 65534 may not use this socket" in answer.stderr


def test_silent_daemon(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.raw = lambda connection: time.sleep(10)
    started = time.monotonic()
    answer = cli("--timeout", "0.3", "status")
    assert answer.status == 3 and "timeout" in answer.err
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("said", [b"", b"hello\n", b"[1]\n", b"\xff\xfe\n", b'{"jsonrpc": "2.0"'])
def test_daemon_out_of_order(daemon: FakeDaemon, cli: Cli, said: bytes) -> None:
    def answer_once(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)
        connection.shutdown(socket.SHUT_RDWR)

    daemon.raw = answer_once
    answer = cli("status")
    assert answer.status in (1, 3) and answer.out == "" and answer.err.startswith("aiosnet: ")


def test_answer_in_pieces(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.piece = 1
    assert cli("net", "ping", "x", "--json").json == {"echo": {"host": "x"}}


def test_large_answer(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.interfaces"] = {"text": "ä" * 5_000_000}
    assert len(cli("net", "interfaces", "--json").json["text"]) == 5_000_000


# ---- audit ----


def test_audit_needs_a_command_and_a_record(cli: Cli, tmp_path: Path) -> None:
    for words in (["audit"], ["audit", "burn"], ["audit", "verify", "x"]):
        answer = cli(*words)
        assert answer.status == 2 and "audit verify [--state DIR]" in answer.err
    answer = cli("audit", "verify", "--state", str(tmp_path))
    assert (answer.status, answer.out) == (1, "") and answer.err.startswith("aiosnet: ")


# ---- watch ----


def test_watch_prints_a_line_an_event(make_daemon: Callable[..., FakeDaemon], cli: Cli, era: str) -> None:
    daemon = make_daemon(era=era)
    daemon.publish("old", "before")
    process = cli.start("watch", "--json", stdout=subprocess.PIPE)
    assert process.stdout and daemon.read_events.wait(10) and daemon.subscribed.wait(10)
    for number in range(3):
        time.sleep(0.05)
        daemon.publish("link.up", f"link {number}")
    lines = read_until(process.stdout.fileno(), b"link 2").decode().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["link 0", "link 1", "link 2"]
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_watch_ends_with_its_reader(daemon: FakeDaemon, cli: Cli) -> None:
    process = cli.start("watch", stdout=subprocess.PIPE)
    assert process.stdout and daemon.read_events.wait(10)
    process.stdout.close()
    assert process.wait(10) == 0


def test_watch_says_that_the_daemon_went(daemon: FakeDaemon, cli: Cli) -> None:
    process = cli.start("watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert daemon.read_events.wait(10)
    daemon.hang_up()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 3 and b"daemon.unreachable" in err


def test_watch_redraws_on_a_terminal(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.results["net.status"] = STATUS
    parent, child = pty.openpty()
    process = subprocess.Popen([PROGRAM, "watch"], stdin=child, stdout=child, stderr=child,
                               env=cli.environment)
    os.close(child)
    assert b"eth0" in read_until(parent, b"no lease yet")
    daemon.results["net.status"] = {**STATUS, "online": {"state": "no", "detail": "cable out"}}
    daemon.publish("link.carrier_lost", "eth0 lost its carrier")
    assert b"cable out" in read_until(parent, b"cable out")
    process.send_signal(signal.SIGTERM)
    assert b"\x1b[?1049l" in read_until(parent, b"\x1b[?1049l")
    assert process.wait(10) == 0
    os.close(parent)


# ---- mcp ----


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.close()


def test_mcp_speaks_with_the_daemon(daemon: FakeDaemon, cli: Cli) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    daemon.delay = 1.5  # what was asked before the end of stdin is answered behind it
    answer = cli("mcp", stdin=json.dumps(request).encode() + b"\n")
    assert answer.status == 0 and answer.err == ""
    assert [json.loads(line)["id"] for line in answer.out.splitlines()] == [1]


def test_mcp_passes_large_frames_both_ways(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.raw = echo
    data = os.urandom(20_000_000)
    done = subprocess.run([PROGRAM, "mcp"], input=data, stdout=subprocess.PIPE, env=cli.environment,
                          timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == data


def test_mcp_over_socket_pairs(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.raw = echo
    ours, theirs = socket.socketpair()
    process = cli.start("mcp", stdin=theirs, stdout=theirs)
    theirs.close()
    ours.sendall(b"line\n")
    assert ours.recv(100) == b"line\n"
    ours.shutdown(socket.SHUT_WR)
    assert ours.recv(100) == b""
    assert process.wait(10) == 0


def test_mcp_slow_reader_slows_the_daemon(daemon: FakeDaemon, cli: Cli) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        while True:
            try:
                sent += connection.send(b"x" * 65536)
            except OSError:
                return

    daemon.raw = flood
    process = cli.start("mcp", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(0.5)
    assert sent < 2_000_000
    assert process.stdout and process.stdin
    process.stdout.close()
    assert process.wait(10) == 0
    process.stdin.close()


def test_mcp_ends_with_either_side(daemon: FakeDaemon, cli: Cli) -> None:
    process = cli.start("mcp", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "x"}\n')
    process.stdin.flush()
    read_until(process.stdout.fileno(), b"\n")
    daemon.hang_up()
    assert process.wait(10) == 0
    process = cli.start("mcp", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    started = time.monotonic()
    process.stdin.close()
    assert process.wait(10) == 0 and time.monotonic() - started < 3


# ---- completion ----


@pytest.mark.parametrize("words, wanted", [
    ([""], {"status", "net", "tx", "mcp"}),
    (["st"], {"status"}),
    (["net", ""], {"ping", "interfaces", "route_list"}),
    (["net", "p"], {"ping"}),
    (["net", "ping", "--co"], {"--count"}),
    (["net", "ping", "--protocol", ""], {"icmp", "tcp"}),
    (["net", "configure", "eth0", ""], {"dhcp", "static"}),
    (["net", "configure", "--dry"], {"--dry-run"}),
    (["call", "net.p"], {"net.ping"}),
    (["call", "net.ping", ""], {"host=", "count=", "protocol="}),
    (["call", "net.ping", "protocol="], {"protocol=icmp", "protocol=tcp"}),
    (["plan", "net.configure", "eth0", "d"], {"dhcp"}),
    (["history", "--l"], {"--limit"}),
    (["completion", ""], {"bash", "zsh", "fish"}),
    (["--json", "net", "p"], {"ping"}),
    (["--so"], {"--socket"}),
    (["--socket", ""], set()),
])
def test_completion_words(daemon: FakeDaemon, cli: Cli, words: list[str], wanted: set[str]) -> None:
    answer = cli("complete", *words)
    got = {line.split("\t")[0] for line in answer.out.splitlines()}
    assert answer.status == 0 and answer.err == ""
    assert wanted <= got
    assert all(word.startswith(words[-1]) for word in got)


def test_completion_without_a_daemon(cli: Cli) -> None:
    answer = cli("complete", "st")
    assert answer.status == 0 and answer.err == "" and answer.out.startswith("status\t")


def test_completion_in_bash(daemon: FakeDaemon, cli: Cli) -> None:
    def complete(line: str) -> list[str]:
        script = (f"source <({PROGRAM} completion bash); COMP_LINE={line!r} COMP_POINT={len(line)}; "
                  f'_aiosnet {PROGRAM}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        done = subprocess.run(["bash", "-c", script], env=cli.environment, capture_output=True,
                              timeout=20, check=True)
        return done.stdout.decode().split()

    assert complete("aiosnet net pi") == ["ping"]
    assert complete("aiosnet net ping --protocol ") == ["icmp", "tcp"]
    assert complete("aiosnet call net.ping protocol=i") == ["icmp"]
    assert complete("aiosnet net ping --nothing") == []
