"""A change is proved by those who manage the host: who is not reached any more has it taken back."""

import time
from typing import Any

import pytest
from test_access import session

from lab.daemon import Daemon, McpClient
from lab.host import wait_for

STATIC = {"links": [], "routes": [{"destination": "203.0.113.0/24", "type": "blackhole"}]}


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def rule_against(peer: str) -> dict[str, Any]:
    """What no look at addresses, links and routes foresees: a rule that drops what is for the peer."""
    rule = {"family": "ipv4", "priority": 100, "to": f"{peer}/32", "action": "blackhole"}
    return {"links": [], "rules": [rule]}


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
        other["rules"][0]["to"] = "192.168.1.0/30"
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
