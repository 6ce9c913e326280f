"""Guard rails as data, and what follows when somebody else changes what intent holds."""

import json
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pytest
from test_access import as_user, install_client, session

from lab import Host
from lab.daemon import Daemon
from lab.host import wait_for

AGENT = 65534
ROUTE = {"destination": "10.9.0.0/16", "gateway": "192.168.1.7"}
ROUTE_ID = "route/254/10.9.0.0/16/0"


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    host = home["host"]
    install_client(host)
    daemon = start_daemon(host, "--agent-user", "nobody")
    daemon.wait_until_online()
    return daemon


def agent(daemon: Daemon, tool: str, **arguments: object) -> dict[str, Any]:
    """A call as the agent; the answer, or the refusal with its code."""
    words = [f"{name}={json.dumps(value) if not isinstance(value, str) else value}"
             for name, value in arguments.items()]  # fmt: skip
    result = as_user(daemon, "call", tool, "--json", *words, uid=AGENT)
    return json.loads(result.stdout) if result.returncode == 0 else json.loads(result.stderr)["error"]


def guards(daemon: Daemon) -> dict[str, dict[str, Any]]:
    return {guard["name"]: guard for guard in daemon.call("guard.list")["guards"]}


def has_route(host: Host) -> bool:
    return "10.9.0.0/16" in host.output("ip", "route")


# The guards


def test_guards_of_the_daemon_are_listed_and_stay(daemon):
    fixed = guards(daemon)
    assert {"management.path", "limit.changes", "drift.policy", "guard.role"} <= set(fixed)
    assert all(guard["fixed"] and guard["summary"] for guard in fixed.values())
    assert (fixed["limit.changes"]["count"], fixed["limit.changes"]["seconds"]) == (30, 60)
    assert daemon.refusal("guard.remove", name="management.path")["code"] == "guard.refused"
    assert daemon.refusal("guard.remove", name="nothing")["code"] == "resource.unknown"
    error = daemon.refusal("guard.add", name="management.path", kind="protect", resources="*")
    assert error["code"] == "name.invalid"


def test_no_agent_sets_or_removes_a_guard(daemon):
    guard = {"name": "uplink", "kind": "protect", "resources": "route/*"}
    assert agent(daemon, "guard.add", **guard)["code"] == "role.insufficient"
    transaction = daemon.call("guard.add", **guard, reason="the uplink is mine")["transaction"]
    assert agent(daemon, "guard.remove", name="uplink")["code"] == "role.insufficient"
    assert agent(daemon, "tx.undo", transaction=transaction)["code"] == "role.insufficient"
    assert "uplink" in {guard["name"] for guard in agent(daemon, "guard.list")["guards"]}


def test_protected_resource_is_not_changed_by_an_agent(daemon):
    host = daemon.host
    daemon.call("net.route_add", **ROUTE)
    daemon.call("guard.add", name="routes", kind="protect", resources="route/254/10.9*",
                reason="the office")  # fmt: skip
    for tool, arguments in (
        ("net.route_del", {"destination": ROUTE["destination"]}),
        ("net.route_add", {**ROUTE, "mtu": 1400}),
        ("net.route_add", {"destination": "10.90.0.0/16", "gateway": "192.168.1.7"}),
    ):
        error = agent(daemon, tool, **arguments)
        assert error["code"] == "guard.refused" and "the office" in error["message"], error
        assert error["guard"] == "routes" and error["resource"].startswith("route/254/10.9")
        assert agent(daemon, tool, **arguments, dry_run=True)["code"] == "guard.refused"
    assert has_route(host)
    other = {"destination": "10.5.0.0/16", "gateway": "192.168.1.7"}
    assert agent(daemon, "net.route_add", **other)["state"] == "committed"
    daemon.call("net.route_del", destination=ROUTE["destination"])
    assert not has_route(host)


def test_protected_from_everyone(daemon):
    daemon.call("net.route_add", **ROUTE)
    daemon.call("guard.add", name="routes", kind="protect", resources="route/*", everyone=True)
    error = daemon.refusal("net.route_del", destination=ROUTE["destination"])
    assert error["code"] == "guard.refused" and "guard.remove" in error["hint"]
    daemon.call("guard.remove", name="routes")
    daemon.call("net.route_del", destination=ROUTE["destination"])


def test_all_of_a_link_is_protected(daemon):
    daemon.call("guard.add", name="uplink", kind="protect", link="eth0")
    error = agent(daemon, "net.configure", link="eth0", method="off")
    assert error["code"] == "guard.refused" and error["guard"] == "uplink"
    assert agent(daemon, "net.route_add", **ROUTE)["code"] == "guard.refused"
    # The network itself goes on: the lease is renewed, the cable comes and goes.
    assert daemon.lease()["state"] == "bound"


def test_what_an_agent_undoes_is_protected_too(daemon):
    made = agent(daemon, "net.route_add", **ROUTE)
    daemon.call("guard.add", name="routes", kind="protect", resources=ROUTE_ID)
    error = agent(daemon, "tx.undo", transaction=made["transaction"])
    assert error["code"] == "guard.refused" and error["resource"] == ROUTE_ID, error


def test_change_that_must_be_confirmed(daemon):
    daemon.call("guard.add", name="careful", kind="confirm", resources="route/*")
    error = agent(daemon, "net.route_add", **ROUTE)
    assert error["code"] == "guard.refused" and error["parameter"] == "confirm_within"
    assert error["guard"] == "careful" and error["resource"] == ROUTE_ID
    made = agent(daemon, "net.route_add", **ROUTE, confirm_within=60)
    assert made["state"] == "pending"
    assert agent(daemon, "tx.confirm", transaction=made["transaction"])["state"] == "committed"
    daemon.call("net.route_del", destination=ROUTE["destination"])


def test_limit_of_changes(daemon):
    daemon.call("guard.add", name="slow", kind="limit", count=2, seconds=3600)
    assert guards(daemon)["limit.changes"]["count"] == 2
    for number in (1, 2):
        made = agent(daemon, "net.route_add", destination=f"10.{number}.0.0/16",
                     gateway="192.168.1.7")  # fmt: skip
        assert made["state"] == "committed"
    error = agent(daemon, "net.route_add", **ROUTE)
    assert error["code"] == "guard.refused" and error["guard"] == "limit.changes"
    daemon.call("guard.remove", name="slow")


def test_stated_port_and_peer_keep_their_way(home, daemon):
    daemon.call("guard.add", name="console", kind="management", port=8443)
    with session(daemon.host, home["router"], 8443):
        error = daemon.refusal("net.configure", link="eth0", method="off")
        assert error["code"] == "guard.refused" and error["guard"] == "management.path"
    daemon.call("guard.remove", name="console")
    daemon.call("guard.add", name="office", kind="management", peer="198.51.100.1")
    error = daemon.refusal("net.configure", link="eth0", method="off")
    assert error["code"] == "guard.refused" and "198.51.100.1" in error["message"]
    daemon.call("guard.remove", name="office")
    daemon.call("net.configure", link="eth0", method="off")


def test_guards_outlive_the_daemon_and_are_undone(daemon):
    daemon.call("net.route_add", **ROUTE)
    made = daemon.call("guard.add", name="routes", kind="protect", resources="route/*",
                       everyone=True)  # fmt: skip
    daemon.kill()
    daemon.start()
    guard = guards(daemon)["routes"]
    assert guard["kind"] == "protect" and guard["owner"] == "uid:0" and not guard["fixed"]
    assert daemon.refusal("net.route_del", destination="10.9.0.0/16")["code"] == "guard.refused"
    daemon.call("tx.undo", transaction=made["transaction"])
    assert "routes" not in guards(daemon)
    daemon.call("guard.add", name="routes", kind="protect", resources="route/*", expires_in=1)
    assert guards(daemon)["routes"]["expires"]
    wait_for(lambda: "routes" not in guards(daemon), 10, what="the end of the guard")


@pytest.mark.parametrize(
    "arguments, parameter",
    [
        ({"kind": "protect"}, "resources"),
        ({"kind": "limit", "count": 5}, "seconds"),
        ({"kind": "drift"}, "policy"),
        ({"kind": "management"}, "peer"),
        ({"kind": "protect", "resources": "*", "port": 22}, "port"),
        ({"kind": "management", "peer": "nobody"}, "peer"),
    ],
)
def test_guard_that_says_nothing_is_refused(daemon, arguments, parameter):
    assert daemon.refusal("guard.add", name="x", **arguments)["parameter"] == parameter


def test_layout_leaves_the_guards_alone(daemon):
    daemon.call("guard.add", name="uplink", kind="confirm", link="eth1")
    layout = {"links": [{"name": "br7", "kind": "bridge"}], "mode": "replace"}
    assert agent(daemon, "net.apply", **layout)["state"] == "committed"
    daemon.call("net.apply", links=[], mode="replace")
    assert "uplink" in guards(daemon)


# Drift


def test_drift_is_reverted_and_told(daemon):
    daemon.call("net.route_add", **ROUTE)
    last = daemon.last_event()
    daemon.host.run("ip", "route", "del", "10.9.0.0/16")
    event = daemon.wait_for_event("intent.converged", after=last)
    assert event["data"]["resources"] == [ROUTE_ID]
    assert has_route(daemon.host)


def test_drift_is_only_reported(daemon):
    host = daemon.host
    daemon.call("net.route_add", **ROUTE)
    daemon.call("guard.add", name="look", kind="drift", resources="route/*", policy="report")
    last = daemon.last_event()
    host.run("ip", "route", "del", "10.9.0.0/16")
    event = daemon.wait_for_event("drift.reported", after=last)
    assert event["data"] == {"resource": ROUTE_ID, "guard": "look"}
    time.sleep(0.5)
    assert not has_route(host) and not daemon.events("intent.converged", after=last)
    assert len(daemon.events("drift.reported", after=last)) == 1
    # What stands again is well; and without the guard it is made so.
    host.run("ip", "route", "del", "default", check=False)
    daemon.wait_for_event("drift.reported", after=event["sequence"])
    daemon.call("guard.remove", name="look")
    wait_for(lambda: has_route(host) and host.default_routes(), 10, what="the routes")


def test_drift_is_adopted(daemon):
    host = daemon.host
    daemon.call("net.route_add", **ROUTE)
    daemon.call("guard.add", name="follow", kind="drift", resources="route/254/10.*",
                policy="adopt")  # fmt: skip
    last = daemon.last_event()
    host.run("ip", "route", "del", "10.9.0.0/16")
    daemon.wait_for_event("drift.adopted", after=last)
    history = daemon.call("tx.history", limit=1, changes=True)["transactions"][0]
    assert history["tool"] == history["owner"] == "drift" and "follow" in history["reason"]
    assert history["changes"][0]["id"] == ROUTE_ID and history["changes"][0]["after"] is None
    daemon.restart()
    daemon.wait_until_online()
    assert not has_route(host)


def test_changed_setting_of_a_link_is_adopted(daemon):
    host = daemon.host
    daemon.call("net.apply", links=[{"name": "eth0", "mtu": 1400}])
    daemon.call("guard.add", name="follow", kind="drift", link="eth0", policy="adopt")
    last = daemon.last_event()
    host.run("ip", "link", "set", "eth0", "mtu", "1300")
    daemon.wait_for_event("drift.adopted", after=last)
    daemon.restart()
    daemon.wait_until_online()
    assert "mtu 1300" in host.output("ip", "link", "show", "eth0")


def setting(host: Host, name: str, family: str = "ipv4") -> str:
    return host.output("cat", f"/proc/sys/net/{family}/conf/eth0/{name}").strip()


@pytest.mark.parametrize("family, name, of_kernel", [
    ("ipv4", "rp_filter", "rp_filter"),
    ("ipv4", "arp_ignore", "arp_ignore"),
    ("ipv6", "accept_ra", "accept_ra"),
])
def test_setting_that_somebody_writes_is_reverted(daemon, family, name, of_kernel):
    """Also those that the kernel does not announce, and also after a restart."""
    host = daemon.host
    daemon.call("net.apply", links=[{"name": "eth0", "settings": {name: 1}}])
    for _ in range(2):
        time.sleep(0.2)
        last = daemon.last_event()
        host.run("sh", "-c", f"echo 0 > /proc/sys/net/{family}/conf/eth0/{of_kernel}")
        daemon.wait_for_event("intent.converged", after=last, words=f"setting/eth0/{name}")
        wait_for(lambda: setting(host, of_kernel, family) == "1", 2)
        daemon.restart()
    daemon.call("net.apply", links=[{"name": "eth0"}])
    host.run("sh", "-c", f"echo 0 > /proc/sys/net/{family}/conf/eth0/{of_kernel}")
    time.sleep(0.3)
    assert setting(host, of_kernel, family) == "0"


@contextmanager
def remover(host: Host, *words: str) -> Iterator[Callable[[], int]]:
    """Somebody who removes it as soon as it is there; how often he did."""
    stop = threading.Event()
    count = 0

    def run() -> None:
        nonlocal count
        while not stop.is_set():
            count += host.run("ip", *words, check=False).returncode == 0
            time.sleep(0.1)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield lambda: count
    finally:
        stop.set()
        thread.join(10)


def test_two_managers_that_fight_are_stopped_after_three_rounds(daemon):
    host = daemon.host
    daemon.call("net.route_add", **ROUTE)
    time.sleep(0.1)  # what breaks at once may be our own doing, and does not count
    last = daemon.last_event()
    with remover(host, "route", "del", "10.9.0.0/16") as removed:
        event = daemon.wait_for_event("drift.fight", after=last, timeout=20)
        assert event["data"] == {"resource": ROUTE_ID, "rounds": 3}
        wait_for(lambda: removed() == 4, 2)
        time.sleep(1)
        assert removed() == 4 and not has_route(host)
    # Whoever puts it again wants it after all.
    daemon.call("net.route_add", **ROUTE)
    assert has_route(host)
    assert len(daemon.events("drift.fight", after=last)) == 1


def test_cable_that_is_pulled_again_and_again_is_no_fight(home, daemon):
    host = daemon.host
    last = daemon.last_event()
    for _ in range(5):
        home["router"].run("ip", "link", "set", "lan0", "down", check=False)
        time.sleep(0.1)
        home["router"].run("ip", "link", "set", "lan0", "up", check=False)
        time.sleep(0.1)
    assert not daemon.events("drift.fight", after=last)
    wait_for(lambda: host.default_routes(), 10)


def test_guards_on_the_command_line(daemon):
    daemon.cli("guard", "add", "name=uplink", "kind=protect", "link=eth0")
    assert "uplink" in {guard["name"] for guard in daemon.cli("guard", "list")["guards"]}
    daemon.cli("guard", "remove", "uplink")
    assert "uplink" not in guards(daemon)
