"""Who may do what, what nobody may do, and the record of what was done."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import Iterator

import pytest
from lab import Host
from lab.daemon import Daemon, client_path
from lab.host import wait_for

OBSERVER = 65534
CLIENT = "/run/lab/aiosnet"
STATE = "/var/lib/aios/net"


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


# The management guard


@contextmanager
def session(server: Host, client: Host, port: int = 22) -> Iterator[None]:
    """An established TCP connection from one host to a port of another."""
    address = server.addresses("eth0")[0].split("/")[0]
    with server.entered():
        listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen()
    with client.entered():
        near = socket.socket()
    near.settimeout(5)
    near.connect((address, port))
    far, _ = listener.accept()
    try:
        yield
    finally:
        for end in (near, far, listener):
            end.close()


WITHOUT_ADDRESS = {
    "off": {"method": "off"},
    "another address": {"method": "static", "addresses": ["192.168.1.5/24"]},
    "another network": {"method": "static", "addresses": ["10.0.0.5/24"]},
}


@pytest.mark.parametrize("change", WITHOUT_ADDRESS.values(), ids=WITHOUT_ADDRESS.keys())
def test_session_on_a_management_port_is_not_cut(home, daemon, change):
    host = daemon.host
    before = host.addresses("eth0"), host.default_routes()
    with session(host, home["router"]):
        for dry_run in (True, False):
            error = daemon.refusal("net.configure", link="eth0", **change, dry_run=dry_run)
            assert error["code"] == "guard.refused"
            assert "management.path" in error["message"] and "port 22" in error["message"]
            assert error["hint"]
        error = daemon.refusal("tx.plan", tool="net.configure",
                               arguments={"link": "eth0", **change})  # fmt: skip
        assert error["code"] == "guard.refused"
        assert (host.addresses("eth0"), host.default_routes()) == before
    time.sleep(1.1)  # who is connected is asked once a second at most
    daemon.call("net.configure", link="eth0", **change)


def test_change_that_keeps_the_session_is_let_pass(home, daemon):
    host = daemon.host
    address = host.addresses("eth0")[0]
    with session(host, home["router"], 9090):
        addresses = [address, "192.168.1.5/24"]
        daemon.call("net.configure", link="eth0", method="static", addresses=addresses)
        assert sorted(host.addresses("eth0")) == sorted(addresses)


def test_session_from_far_away_needs_the_route(home, daemon):
    host = daemon.host
    address = host.addresses("eth0")[0]
    home["internet"].run("ip", "route", "add", "192.168.1.0/24", "via", "198.51.100.2")
    home["router"].run("nft", "flush ruleset")
    with session(host, home["internet"]):
        error = daemon.refusal("net.configure", link="eth0", method="static", addresses=[address])
        assert error["code"] == "guard.refused" and "route" in error["message"]
        daemon.call("net.configure", link="eth0", method="static", addresses=[address],
                    gateway="192.168.1.1")  # fmt: skip


def test_other_ports_do_not_count(home, daemon):
    with session(daemon.host, home["router"], 8080):
        daemon.call("net.configure", link="eth0", method="off")


def test_unconfirmed_change_may_not_roll_back_over_a_session(home, daemon):
    """The deadline passes while somebody is connected by the new address: what is rolled back
    is what was promised to be."""
    host = daemon.host
    before = host.addresses("eth0")
    daemon.call("net.configure", link="eth0", method="static", addresses=["192.168.1.5/24"],
                gateway="192.168.1.1", confirm_within=1)  # fmt: skip
    with session(host, home["router"]):
        wait_for(lambda: host.addresses("eth0") == before, 4)


# Roles


def as_user(daemon: Daemon, *arguments: str, uid: int = OBSERVER):
    """Run aiosnet as another user."""
    command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", CLIENT]
    return daemon.host.run(*command, "--socket", daemon.socket_path, *arguments, check=False)


def install_client(host: Host) -> None:
    host.write(CLIENT, client_path().read_bytes())
    host.path(CLIENT).chmod(0o755)


@pytest.fixture
def observer(daemon) -> Daemon:
    """The daemon, with the client where every user of the host finds it."""
    install_client(daemon.host)
    return daemon


def test_observer_may_read(observer):
    result = as_user(observer, "status", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["online"]["state"] == "yes"
    for tool in (["net.interfaces"], ["net.route_list"], ["tx.history"], ["events.list"],
                 ["net.explain", "subject=eth0"], ["net.ping", "host=192.168.1.1", "count=1"]):
        result = as_user(observer, "call", *tool, "--json")
        assert result.returncode == 0, (tool, result.stderr)
    plan = as_user(observer, "plan", "net.configure", "link=eth0", "method=off", "--json")
    assert plan.returncode == 0 and json.loads(plan.stdout)["state"] == "planned"


def test_observer_may_not_change(observer):
    before = observer.host.addresses("eth0")
    number = observer.call("tx.history", limit=1)["transactions"][0]["number"]
    for tool in (["net.configure", "link=eth0", "method=off"],
                 ["net.configure", "link=eth0", "method=off", "dry_run=true"],
                 ["net.route_add", "destination=10.0.0.0/8", "gateway=192.168.1.1"],
                 ["net.route_del", "destination=default"],
                 ["tx.undo", f"transaction={number}"], ["tx.confirm", f"transaction={number}"]):
        result = as_user(observer, "call", *tool, "--json")
        assert result.returncode == 1, tool
        error = json.loads(result.stderr)["error"]
        assert error["code"] == "role.insufficient" and f"uid {OBSERVER}" in error["message"]
    assert observer.host.addresses("eth0") == before
    assert "10.0.0.0/8" not in str(observer.host.ip("route"))


def test_agent_may_change_within_the_guard_rails(home, start_daemon):
    host = home["host"]
    install_client(host)
    daemon = start_daemon(host, "--agent-user", "nobody")
    daemon.wait_until_online()
    route = ["call", "net.route_add", "destination=10.9.0.0/16", "gateway=192.168.1.7", "--json"]
    assert as_user(daemon, *route).returncode == 0
    assert daemon.call("tx.history", limit=1)["transactions"][0]["owner"] == f"uid:{OBSERVER}"
    with session(host, home["router"]):
        time.sleep(1.1)  # who is connected is asked once a second at most
        refused = as_user(daemon, "call", "net.configure", "link=eth0", "method=off", "--json")
        assert json.loads(refused.stderr)["error"]["code"] == "guard.refused"
    assert as_user(daemon, *route, uid=4711).returncode == 1


def test_agent_may_not_decide_on_an_administrators_change(home, start_daemon):
    host = home["host"]
    install_client(host)
    daemon = start_daemon(host, "--agent-user", "nobody")
    daemon.wait_until_online()
    route = {"destination": "10.9.0.0/16", "gateway": "192.168.1.7"}
    changed = daemon.call("net.route_add", **route, confirm_within=600)["transaction"]
    for tool in ("tx.confirm", "tx.undo"):
        refused = as_user(daemon, "call", tool, f"transaction={changed}", "--json")
        assert json.loads(refused.stderr)["error"]["code"] == "role.insufficient", tool
    assert "10.9.0.0/16" in str(host.ip("route"))
    own = ["call", "net.route_add", "destination=10.8.0.0/16", "gateway=192.168.1.7", "--json"]
    result = json.loads(as_user(daemon, *own).stdout)
    undo = as_user(daemon, "call", "tx.undo", f"transaction={result['transaction']}", "--json")
    assert undo.returncode == 0 and "10.8.0.0/16" not in str(host.ip("route"))
    assert daemon.call("tx.confirm", transaction=changed)["state"] == "committed"


def test_agent_makes_so_many_changes_in_a_time(home, start_daemon):
    host = home["host"]
    install_client(host)
    daemon = start_daemon(host, "--agent-user", "nobody")
    daemon.wait_until_online()
    add = ["call", "net.route_add", "gateway=192.168.1.7", "--json"]
    for number in range(40):
        result = as_user(daemon, *add, f"destination=10.9.{number}.0/24")
        if result.returncode:
            break
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "guard.refused" and "limit.changes" in error["message"]
    assert 30 <= number < 40
    planned = as_user(daemon, *add, "destination=10.8.0.0/16", "dry_run=true")
    assert planned.returncode == 0
    daemon.call("net.route_add", destination="10.8.0.0/16", gateway="192.168.1.7")


def test_observer_cannot_read_the_state(observer):
    for path in ("aiosnet.db", "audit.key", "audit/00000001.jsonl"):
        command = ["setpriv", f"--reuid={OBSERVER}", f"--regid={OBSERVER}", "--clear-groups"]
        result = observer.host.run(*command, "cat", f"{STATE}/{path}", check=False)
        assert result.returncode != 0


# The audit record


def records(daemon: Daemon) -> list[dict]:
    text = daemon.host.read(f"{STATE}/audit/00000001.jsonl")
    return [json.loads(line) for line in text.splitlines()]


def verify(daemon: Daemon) -> tuple[int, dict]:
    result = daemon.run_client("audit", "verify", "--json")
    return result.returncode, json.loads(result.stdout or result.stderr)


def test_record_of_each_call(daemon):
    daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7", reason="a lab")
    daemon.refusal("net.configure", link="eth9", method="off")
    whole: dict[int, dict] = {}
    for record in records(daemon):
        whole.setdefault(record.get("call", 0), {}).update(record)
    good, bad = list(whole.values())[-2:]
    assert good["tool"] == "net.route_add" and good["uid"] == 0 and good["duration_us"] > 0
    assert "10.9.0.0/16" in json.dumps(good) and "a lab" in json.dumps(good)
    assert bad["tool"] == "net.configure" and "link.unknown" in json.dumps(bad)
    status, report = verify(daemon)
    assert status == 0 and report["intact"]


def test_record_goes_on_over_restart_and_kill(daemon):
    count = verify(daemon)[1]["records"]
    daemon.kill()
    daemon.start()
    daemon.call("net.interfaces")
    daemon.restart()
    daemon.call("net.interfaces")
    status, report = verify(daemon)
    assert status == 0 and report["intact"] and report["records"] > count
    assert not daemon.events("audit.broken")


def change_line(text: str) -> str:
    return text.replace('"tool":"net.route_add"', '"tool":"net.route_del"', 1)


def remove_line(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(lines[:1] + lines[2:])


def cut_tail(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[:-2])


def swap_lines(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([lines[1], lines[0], *lines[2:]])


@pytest.mark.parametrize("tamper", [change_line, remove_line, cut_tail, swap_lines])
def test_tampering_shows(daemon, tamper):
    daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7")
    daemon.call("net.interfaces")
    daemon.stop()
    assert verify(daemon)[0] == 0
    path = f"{STATE}/audit/00000001.jsonl"
    before = daemon.host.read(path)
    after = tamper(before)
    assert after != before
    daemon.host.write(path, after)
    status, report = verify(daemon)
    assert status == 1 and report["error"]["code"] == "audit.broken"
    daemon.start()
    if tamper is cut_tail:  # the end is compared at each start, the whole record when asked for
        daemon.wait_for_event("audit.broken")
    daemon.wait_until_online()


# Events


def test_subscription_delivers(daemon):
    with daemon.client() as client:
        client.request("resources/subscribe", uri="aiosnet://events")
        seen = daemon.last_event()
        daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7")
        note = client.next_notification(3)
        assert note["method"] == "notifications/resources/updated"
        assert note["params"]["uri"] == "aiosnet://events"
        new = client.call("events.list", after=seen)["events"]
        assert [event["kind"] for event in new] == ["tx.committed"]
        read = client.request("resources/read", uri="aiosnet://events")
        assert "tx.committed" in read["contents"][0]["text"]
        client.request("resources/unsubscribe", uri="aiosnet://events")
        client.notifications.clear()
        daemon.call("net.route_del", destination="10.9.0.0/16")
        with pytest.raises(TimeoutError):
            client.next_notification(0.3)


def test_subscription_sees_the_cable(daemon):
    with daemon.client() as client:
        client.request("resources/subscribe", uri="aiosnet://status")
        threading.Timer(0.1, daemon.host.pull, ["eth0"]).start()
        note = client.next_notification(3)
        assert note["params"]["uri"] == "aiosnet://status"
    wait_for(lambda: daemon.events("link.carrier_lost"), 2)
