"""A change is proved by those who manage the host: who is not reached any more has it taken back."""

import socket
import time
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator

import pytest
from lab import Host
from lab.daemon import Daemon, McpClient
from lab.host import Process, wait_for
from test_access import session

STATIC = {"links": [], "routes": [{"destination": "203.0.113.0/24", "type": "blackhole"}]}


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def rule_against(peer: str) -> dict[str, Any]:
    """What no look at rules, routes and links foresees: the gateway to the peer is not there."""
    rule = {"family": "ipv4", "priority": 100, "to": f"{peer}/32", "table": 100}
    route = {"destination": "default", "gateway": "192.168.1.77", "link": "eth0", "table": 100}
    return {"links": [], "rules": [rule], "routes": [route]}


# A server of its own process, so that the caller does not descend from it: to each client that asks
# for so many bytes it sends them, and then one every 20 ms where it is asked to.
DOOR = """
import socket, threading, time
door = socket.create_server(("::", 22), family=socket.AF_INET6, backlog=64, dualstack_ipv6=True)
def serve(end):
    size, more = end.makefile().readline().split()
    end.sendall(bytes(int(size)))
    while more == "more":
        time.sleep(0.02)
        end.send(b".")
    end.recv(1)
while True:
    threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()
"""


ONE_ECHO = """
table ip filtered {
  chain input {
    type filter hook input priority 0
    icmp type echo-request limit rate over 1/hour burst 1 packets drop
  }
}
"""


@pytest.fixture
def door(daemon) -> Iterator[Process]:
    process = daemon.host.popen("/usr/bin/python3", "-c", DOOR)
    wait_for(lambda: daemon.host.listens("tcp", 22), 5)
    yield process
    process.stop()


@contextmanager
def visitor(client: Host, to: Any, near: str | None = None, size: int = 64, more: bool = False
            ) -> Iterator[socket.socket]:  # fmt: skip
    """Somebody who is connected to the door; who got 16 kB is at work."""
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
    with client.entered():
        end = socket.socket(family)
    with end:
        if near:
            client.run("ip", "addr", "replace", f"{near}/24", "dev", "lan")
            end.bind((near, 0))
        end.settimeout(5)
        end.connect(to)
        end.sendall(b"%d %s\n" % (size, b"more" if more else b"still"))
        while size > 0:
            size -= len(end.recv(65536))
        yield end


def settled() -> None:
    """Who is connected is read at most once a second."""
    time.sleep(1.05)


def at_door(daemon: Daemon) -> tuple[str, int]:
    return daemon.host.addresses("eth0")[0].split("/")[0], 22


def rules(daemon: Daemon) -> list[int]:
    return [rule["priority"] for rule in daemon.host.ip("-4", "rule", "show")]


def cut_off(daemon: Daemon, **options: Any) -> McpClient:
    """The client of a change that is made, and that the router's silence has not undone yet."""
    before, client = rules(daemon), daemon.client()
    call = {"name": "net.apply", "arguments": rule_against("192.168.1.1") | options}
    client.send({"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": call})
    wait_for(lambda: rules(daemon) != before, 2, what="the change")
    return client


def test_change_that_cuts_a_peer_off_is_taken_back(home, daemon):
    host, router = daemon.host, home["router"]
    before = rules(daemon)
    with session(host, router):
        refused = daemon.refusal("net.apply", **rule_against("192.168.1.1"))
        assert refused["code"] == "tx.peer_lost" and "192.168.1.1" in refused["message"]
        assert rules(daemon) == before and host.pings("192.168.1.1")
        # The daemon works on, and the next change is not held up.
        assert daemon.call("net.apply", **STATIC)["state"] == "committed"
    last = daemon.call("tx.history")["transactions"]
    assert [entry["state"] for entry in last[:3]] == ["committed", "committed", "undone"]


def test_change_that_cuts_nobody_off_is_committed_at_once(home, daemon):
    with session(daemon.host, home["router"]):
        answer = daemon.call("net.apply", **STATIC)
        assert answer["state"] == "committed" and "deadline" not in answer
        # It stays, also after the time in which it had to be proved.
        time.sleep(6)
        assert daemon.host.ip("route", "show", "203.0.113.0/24", "type", "blackhole")
        pending = daemon.call("net.route_add", destination="198.18.0.0/15", type="blackhole",
                              confirm_within=60)  # fmt: skip
        assert pending["state"] == "pending" and pending["deadline"]


def test_peer_that_never_answers_proves_nothing(home, daemon):
    router = home["router"]
    router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all")
    with session(daemon.host, router):
        assert daemon.call("net.apply", **STATIC)["state"] == "committed"


def test_stated_peer_is_asked_too(home, daemon):
    daemon.call("guard.add", name="office", kind="management", peer="192.168.1.1")
    refused = daemon.refusal("net.apply", **rule_against("192.168.1.1"))
    assert refused["code"] == "tx.peer_lost"


def test_daemon_that_dies_before_the_proof_takes_the_change_back(home, daemon):
    host = daemon.host
    before = rules(daemon)
    with session(host, home["router"]):
        client = cut_off(daemon)
        daemon.kill()
        client.close()
        assert rules(daemon) != before
        daemon.start()
        wait_for(lambda: rules(daemon) == before, 8, what="the former rules")


def test_client_that_goes_leaves_nothing_unproved(home, daemon):
    before = rules(daemon)
    with session(daemon.host, home["router"]):
        client = cut_off(daemon)
        client.close()
        wait_for(lambda: rules(daemon) == before, 8, what="the former rules")


def test_nobody_confirms_what_is_not_proved_yet(home, daemon):
    """Nor does it help to leave then: the change goes at once, not at its deadline."""
    before = rules(daemon)
    with session(daemon.host, home["router"]):
        client = cut_off(daemon, confirm_within=600)
        number = daemon.call("tx.history")["transactions"][0]["number"]
        refused = daemon.refusal("tx.confirm", transaction=number)
        assert refused["code"] == "tx.not_pending" and "proved" in refused["message"]
        client.close()
        wait_for(lambda: rules(daemon) == before, 1, what="the former rules")
        assert daemon.host.pings("192.168.1.1")


def test_change_amidst_a_proof_is_held_to_the_same_peers(home, daemon):
    """Who does not answer because of a change that is not proved yet did answer before."""
    before = rules(daemon)
    with session(daemon.host, home["router"]):
        client = cut_off(daemon)
        other = rule_against("192.168.1.1")
        other["rules"][0] |= {"to": "192.168.1.0/30", "table": 102}
        other["routes"][0]["table"] = 102
        refused = daemon.refusal("net.apply", **other)
        assert refused["code"] == "tx.peer_lost"
        assert rules(daemon) == before and daemon.host.pings("192.168.1.1")
        client.close()


def test_harmless_change_amidst_a_proof_that_fails_stays(home, daemon):
    before = rules(daemon)
    with session(daemon.host, home["router"]):
        client = cut_off(daemon)
        assert daemon.call("net.route_add", destination="198.18.0.0/15",
                           type="blackhole")["state"] == "committed"  # fmt: skip
        wait_for(lambda: rules(daemon) == before, 2, what="the former rules")
        assert daemon.host.ip("route", "show", "198.18.0.0/15", "type", "blackhole")
        client.close()


def test_change_that_is_undone_amidst_its_proof_is_not_called_pending(home, daemon):
    before = rules(daemon)
    with session(daemon.host, home["router"]):
        client = cut_off(daemon, confirm_within=600)
        number = daemon.call("tx.history")["transactions"][0]["number"]
        assert daemon.call("tx.undo", transaction=number)["state"] == "committed"
        answer = client.receive()
        assert answer["result"]["isError"], answer
        assert rules(daemon) == before
        client.close()


# Who counts


def test_stranger_who_falls_silent_takes_nothing_back(home, daemon, door):
    """Where somebody at work is reached, who is merely connected has no veto."""
    router, here = home["router"], at_door(daemon)
    with visitor(router, here, size=16384), visitor(router, here, near="192.168.1.66"):
        settled()
        answer = daemon.call("net.apply", **rule_against("192.168.1.66"))
        assert answer["state"] == "committed"


def test_somebody_at_work_who_falls_silent_takes_it_back(home, daemon, door):
    router, here = home["router"], at_door(daemon)
    with visitor(router, here), visitor(router, here, near="192.168.1.66", size=16384):
        settled()
        refused = daemon.refusal("net.apply", **rule_against("192.168.1.66"))
        assert refused["code"] == "tx.peer_lost" and "192.168.1.66" in refused["message"]


def test_where_nobody_is_at_work_each_counts(home, daemon, door):
    router, here = home["router"], at_door(daemon)
    with visitor(router, here), visitor(router, here, near="192.168.1.66"):
        settled()
        assert daemon.refusal("net.apply", **rule_against("192.168.1.66"))["code"] == "tx.peer_lost"


def test_who_asks_by_a_connection_counts(home, daemon, door):
    """However little was sent by it: the caller descends from the process that holds it."""
    router = home["router"]
    with visitor(router, at_door(daemon), near="192.168.1.66", size=16384):
        settled()
        door.stop()
        wait_for(lambda: not daemon.host.listens("tcp", 22), 5)
        with session(daemon.host, router):
            settled()
            refused = daemon.refusal("net.apply", **rule_against("192.168.1.1"))
            assert refused["code"] == "tx.peer_lost" and "192.168.1.1," in refused["message"]


def test_stated_peers_are_asked_alone(home, daemon, door):
    router, here = home["router"], at_door(daemon)
    daemon.call("guard.add", name="office", kind="management", peer="192.168.1.1")
    with visitor(router, here, near="192.168.1.66", size=16384):
        settled()
        assert daemon.call("net.apply", **rule_against("192.168.1.66"))["state"] == "committed"
        assert daemon.refusal("net.apply", **rule_against("192.168.1.1"))["code"] == "tx.peer_lost"


def test_who_is_connected_from_a_stated_prefix_is_asked(home, daemon, door):
    router, here = home["router"], at_door(daemon)
    daemon.call("guard.add", name="office", kind="management", peer="192.168.1.64/28")
    with visitor(router, here, near="192.168.1.66"), visitor(router, here, size=16384):
        settled()
        assert daemon.refusal("net.apply", **rule_against("192.168.1.66"))["code"] == "tx.peer_lost"
        assert daemon.call("net.apply", **rule_against("192.168.1.1"))["state"] == "committed"


def test_many_strangers_leave_the_administrator_his_place(home, daemon, door):
    router, here = home["router"], at_door(daemon)
    with ExitStack() as stack:
        for last in range(200, 240):
            stack.enter_context(visitor(router, here, near=f"192.168.1.{last}"))
        stack.enter_context(visitor(router, here, size=16384))
        settled()
        assert daemon.refusal("net.apply", **rule_against("192.168.1.1"))["code"] == "tx.peer_lost"


def test_peer_with_a_link_local_address_is_asked(home, daemon, door):
    host, router = daemon.host, home["router"]
    wait_for(lambda: router.addresses("lan", 6) and host.addresses("eth0", 6), 10)
    near, far = (h.addresses(link, 6)[0].split("/")[0]
                 for h, link in ((router, "lan"), (host, "eth0")))  # fmt: skip
    with router.entered():
        scope = socket.if_nametoindex("lan")
    wait_for(lambda: host.pings(f"{near}%eth0"), 10)
    router.run("nft", ONE_ECHO.replace("table ip ", "table ip6 ").replace("icmp ", "icmpv6 "))
    with visitor(router, (far, 22, 0, scope), size=16384):
        settled()
        refused = daemon.refusal("net.apply", **STATIC)
        assert refused["code"] == "tx.peer_lost" and near in refused["message"]


@pytest.mark.parametrize("goes_on", [True, False])
def test_connection_that_goes_on_is_as_good_as_an_answer(home, daemon, door, goes_on):
    """What filters echoes away, from the second one on, is no loss to who goes on working."""
    router = home["router"]
    router.run("nft", ONE_ECHO)
    with visitor(router, at_door(daemon), size=16384, more=goes_on):
        settled()
        if goes_on:
            assert daemon.call("net.apply", **STATIC)["state"] == "committed"
        else:
            assert daemon.refusal("net.apply", **STATIC)["code"] == "tx.peer_lost"


# Undoing


def mislead(host: Host) -> None:
    """Somebody's rule to a gateway that is not there."""
    host.run("ip", "route", "add", "default", "via", "192.168.1.77", "dev", "eth0", "table", "101")
    host.run("ip", "rule", "add", "priority", "60", "to", "192.168.1.1", "lookup", "101")


def test_undo_that_cuts_a_peer_off_is_taken_back(home, daemon):
    """And can be asked for again, once the way is free."""
    host, before = daemon.host, rules(daemon)
    saving = {"links": [], "rules": [{"family": "ipv4", "priority": 50, "to": "192.168.1.1/32",
                                      "table": 254}]}  # fmt: skip
    number = daemon.call("net.apply", **saving)["transaction"]
    mislead(host)
    with session(host, home["router"]):
        settled()
        assert host.pings("192.168.1.1")
        assert daemon.refusal("tx.undo", transaction=number)["code"] == "tx.peer_lost"
        assert 50 in rules(daemon) and host.pings("192.168.1.1")
        host.run("ip", "rule", "del", "priority", "60")
        assert daemon.call("tx.undo", transaction=number)["state"] == "committed"
        assert rules(daemon) == before
    states = {t["number"]: t["state"] for t in daemon.call("tx.history")["transactions"]}
    assert states[number] == "undone"


def test_daemon_that_dies_amidst_the_proof_of_an_undo(home, daemon):
    host = daemon.host
    saving = {"links": [], "rules": [{"family": "ipv4", "priority": 50, "to": "192.168.1.1/32",
                                      "table": 254}]}  # fmt: skip
    number = daemon.call("net.apply", **saving)["transaction"]
    mislead(host)
    with session(host, home["router"]):
        settled()
        client = daemon.client()
        call = {"name": "tx.undo", "arguments": {"transaction": number}}
        client.send({"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": call})
        wait_for(lambda: 50 not in rules(daemon), 2)
        daemon.kill()
        client.close()
        daemon.start()
        wait_for(lambda: 50 in rules(daemon), 8, what="the rule that was to be undone")
    states = {t["number"]: t["state"] for t in daemon.call("tx.history")["transactions"]}
    assert states[number] == "committed"
    host.run("ip", "rule", "del", "priority", "60")
    assert daemon.call("tx.undo", transaction=number)["state"] == "committed"


# Times


def test_nobody_confirms_after_a_crash_what_was_not_proved(home, daemon):
    before = rules(daemon)
    with session(daemon.host, home["router"]):
        settled()
        client = cut_off(daemon, confirm_within=600)
        number = daemon.call("tx.history")["transactions"][0]["number"]
        daemon.kill()
        client.close()
        daemon.start()
        assert daemon.refusal("tx.confirm", transaction=number)["code"] == "tx.not_pending"
        wait_for(lambda: rules(daemon) == before, 8, what="the former rules")


def test_time_to_confirm_begins_with_the_proof(home, daemon):
    """However short it is: the proof is not cut off by it."""
    before = rules(daemon)
    with session(daemon.host, home["router"]):
        settled()
        start = time.monotonic()
        refused = daemon.refusal("net.apply", **rule_against("192.168.1.1"), confirm_within=1)
        assert refused["code"] == "tx.peer_lost" and time.monotonic() - start > 1.2
        assert rules(daemon) == before
        made = daemon.call("net.apply", **STATIC, confirm_within=1)
        assert made["state"] == "pending"
        time.sleep(0.7)
        assert daemon.host.ip("route", "show", "type", "blackhole")
        wait_for(lambda: not daemon.host.ip("route", "show", "type", "blackhole"), 2)
