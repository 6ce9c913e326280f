"""The tools that change something, and the transactions around them, on a real network."""

import re
import time

import pytest
from lab import Host
from lab.daemon import Daemon
from lab.host import wait_for

STATIC = {
    "link": "eth0",
    "method": "static",
    "addresses": ["192.168.1.5/24"],
    "gateway": "192.168.1.1",
    "dns": ["8.8.8.8"],
    "search": ["example.com"],
}


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    """The daemon in the bare host of the home lab, online."""
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def kernel(host: Host) -> tuple:
    """What the tools may change: addresses, routes, links, name servers."""
    links = [(link["ifname"], link["mtu"], link.get("address"), "UP" in link["flags"])
             for link in host.ip("link")]  # fmt: skip
    routes = [str(route) for route in host.ip("-4", "route", "show", "table", "all")]
    return links, sorted(routes), host.addresses("eth0"), host.read("/etc/resolv.conf")


def routes_to(host: Host, destination: str) -> list[dict]:
    return host.ip("route", "show", destination)


# net.configure


def test_static_configuration(daemon):
    host = daemon.host
    answer = daemon.call("net.configure", **STATIC, reason="a fixed address", goal="goal-7")
    assert answer["state"] == "committed" and answer["transaction"] > 0
    assert host.addresses("eth0") == ["192.168.1.5/24"]
    route = host.default_routes()
    assert [(r["gateway"], r["protocol"]) for r in route] == [("192.168.1.1", "161")]
    resolver = host.read("/etc/resolv.conf").splitlines()
    assert "nameserver 8.8.8.8" in resolver and "search example.com" in resolver
    assert "192.168.1.1" not in " ".join(resolver)
    wait_for(daemon.online, 5)
    link = daemon.interface("eth0")
    assert link["method"] == "static" and "dhcp" not in link
    assert daemon.status()["dns"] == ["8.8.8.8"]
    change = daemon.status()["changes"][0]
    assert (change["tool"], change["owner"]) == ("net.configure", "uid:0")
    assert (change["reason"], change["goal"]) == ("a fixed address", "goal-7")


def test_static_stays_over_a_restart_without_any_write(daemon):
    daemon.call("net.configure", **STATIC)
    before = kernel(daemon.host)
    with daemon.host.monitor() as monitor:
        daemon.restart()
        daemon.wait_until_online()
    assert monitor.lines() == [] and kernel(daemon.host) == before
    assert daemon.interface("eth0")["method"] == "static"


def test_several_addresses_and_back_to_dhcp(daemon):
    host = daemon.host
    addresses = ["192.168.1.5/24", "192.168.1.6/24", "10.7.0.1/16"]
    daemon.call("net.configure", link="eth0", method="static", addresses=addresses)
    assert sorted(host.addresses("eth0")) == sorted(addresses)
    assert host.default_routes() == []
    daemon.call("net.configure", link="eth0", method="dhcp")
    wait_for(daemon.online, 5)
    assert len(host.addresses("eth0")) == 1
    assert host.addresses("eth0")[0].startswith("192.168.1.1")
    assert daemon.interface("eth0")["method"] == "dhcp"
    assert "nameserver 192.168.1.1" in host.read("/etc/resolv.conf")


def test_off_and_on_again(daemon):
    host = daemon.host
    daemon.call("net.configure", link="eth0", method="off")
    assert host.addresses("eth0") == [] and host.default_routes() == []
    assert "UP" not in host.ip("link", "show", "eth0")[0]["flags"]
    assert "nameserver" not in host.read("/etc/resolv.conf")
    assert daemon.interface("eth0")["method"] == "off"
    daemon.restart()
    time.sleep(0.3)
    assert host.addresses("eth0") == []  # boot detection leaves it off
    daemon.call("net.configure", link="eth0", method="auto")
    wait_for(daemon.online, 5)
    assert host.default_routes()


def test_own_name_servers_with_dhcp(daemon):
    host = daemon.host
    daemon.call("net.configure", link="eth0", method="dhcp", dns=["1.1.1.1"], search=["a.test"])
    wait_for(lambda: daemon.status()["dns"] == ["1.1.1.1"], 3)
    resolver = host.read("/etc/resolv.conf").splitlines()
    assert [line for line in resolver if "nameserver" in line] == ["nameserver 1.1.1.1"]
    assert "search a.test" in resolver
    assert len(host.addresses("eth0")) == 1 and host.pings("1.1.1.1")


def test_mtu_and_mac(daemon):
    host = daemon.host
    mac = "02:00:00:00:12:34"
    daemon.call("net.configure", link="eth0", method="dhcp", mtu=1300, mac=mac)
    wait_for(lambda: host.addresses("eth0") and daemon.online(), 5)
    link = host.ip("link", "show", "eth0")[0]
    assert (link["mtu"], link["address"]) == (1300, mac)
    seen = daemon.interface("eth0")
    assert (seen["mtu"], seen["mac"]) == (1300, mac)
    lease = daemon.lease()
    assert lease["state"] == "bound"


def test_routes_of_the_server_can_be_refused(daemon):
    host = daemon.host
    daemon.call("net.configure", link="eth0", method="dhcp", use_routes=False)
    wait_for(lambda: host.default_routes() == [], 3)
    assert host.addresses("eth0") and host.pings("192.168.1.1")


def test_second_call_changes_nothing(daemon):
    assert daemon.call("net.configure", **STATIC)["state"] == "committed"
    numbers = [t["number"] for t in daemon.call("tx.history")["transactions"]]
    with daemon.host.monitor() as monitor:
        answer = daemon.call("net.configure", **STATIC)
    assert answer["state"] == "unchanged" and answer["steps"] == []
    assert monitor.lines() == []
    assert [t["number"] for t in daemon.call("tx.history")["transactions"]] == numbers


def test_dry_run_and_plan_change_nothing(daemon):
    before = kernel(daemon.host)
    history = daemon.call("tx.history")
    with daemon.host.monitor() as monitor:
        dry = daemon.call("net.configure", **STATIC, dry_run=True)
        plan = daemon.call("tx.plan", tool="net.configure", arguments=STATIC)
    assert dry["state"] == plan["state"] == "planned" and dry["transaction"] is None
    wanted = [(step["action"], step["resource"], step["after"]) for step in plan["steps"]]
    assert wanted == [(s["action"], s["resource"], s["after"]) for s in dry["steps"]]
    assert len(wanted) >= 3
    assert {step["action"] for step in plan["steps"]} <= {"create", "update", "remove"}
    assert "management.path" in {guard["name"] for guard in plan["guard_rails"]}
    assert monitor.lines() == [] and kernel(daemon.host) == before
    assert daemon.call("tx.history") == history
    after = daemon.call("net.configure", **STATIC)
    assert [s["resource"] for s in after["steps"]] == [s["resource"] for s in plan["steps"]]


def test_link_of_somebody_else_needs_take_over(daemon):
    daemon.host.run("ip", "link", "add", "br7", "type", "bridge")
    wait_for(lambda: "br7" in daemon.interfaces(), 2)
    wanted = {"link": "br7", "method": "static", "addresses": ["10.7.0.1/24"]}
    error = daemon.refusal("net.configure", **wanted)
    assert error["code"] == "link.foreign" and "take_over" in error["hint"]
    assert daemon.host.addresses("br7") == []
    daemon.call("net.configure", **wanted, take_over=True)
    assert daemon.host.addresses("br7") == ["10.7.0.1/24"]
    assert daemon.interface("br7")["ownership"] == "ours"


def test_configuration_waits_for_carrier_and_link(daemon):
    """Something that cannot be now is done as soon as it can."""
    host = daemon.host
    host.pull("eth0")
    wait_for(lambda: daemon.interface("eth0")["state"] == "no carrier", 2)
    daemon.call("net.configure", **STATIC)
    host.plug("eth0")
    wait_for(daemon.online, 5)
    assert host.addresses("eth0") == ["192.168.1.5/24"]


# Transactions


def test_change_that_is_not_confirmed_is_rolled_back(daemon):
    host = daemon.host
    before = kernel(host)
    answer = daemon.call("net.configure", **STATIC, confirm_within=1)
    assert answer["state"] == "pending" and answer["deadline"]
    assert host.addresses("eth0") == ["192.168.1.5/24"]
    wait_for(lambda: host.addresses("eth0") == before[2], 3)
    wait_for(lambda: kernel(host) == before, 2, what=f"{before}, not {kernel(host)}")
    wait_for(daemon.online, 5)
    history = daemon.call("tx.history")["transactions"]
    entry = next(t for t in history if t["number"] == answer["transaction"])
    assert entry["state"] in ("rolled_back", "undone") and "confirm" in entry["words"]
    assert daemon.refusal("tx.confirm", transaction=answer["transaction"])["code"] == (
        "tx.not_pending"
    )


@pytest.mark.parametrize("away", [0.2, 1.5], ids=["back in time", "back too late"])
def test_deadline_holds_though_the_daemon_is_killed(daemon, away):
    host = daemon.host
    before = host.addresses("eth0")
    daemon.call("net.configure", **STATIC, confirm_within=1)
    daemon.kill()
    time.sleep(away)
    assert host.addresses("eth0") == ["192.168.1.5/24"]
    daemon.start()
    wait_for(lambda: host.addresses("eth0") == before, 3)
    wait_for(daemon.online, 5)
    assert daemon.interface("eth0")["method"] == "dhcp"


def test_confirmed_change_stays(daemon):
    answer = daemon.call("net.configure", **STATIC, confirm_within=1)
    confirmed = daemon.call("tx.confirm", transaction=answer["transaction"])
    assert confirmed == {"state": "committed", "transaction": answer["transaction"]}
    time.sleep(1.3)
    assert daemon.host.addresses("eth0") == ["192.168.1.5/24"]
    assert daemon.refusal("tx.confirm", transaction=4711)["code"] == "tx.unknown"


def test_undo_puts_everything_back(daemon):
    host = daemon.host
    before = kernel(host)
    number = daemon.call("net.configure", **STATIC, mtu=1400)["transaction"]
    dry = daemon.call("tx.undo", transaction=number, dry_run=True)
    assert dry["state"] == "planned" and host.addresses("eth0") == ["192.168.1.5/24"]
    assert daemon.call("tx.undo", transaction=number)["state"] == "committed"
    wait_for(lambda: kernel(host) == before, 3, what=f"{before}, not {kernel(host)}")
    states = {t["number"]: t["state"] for t in daemon.call("tx.history")["transactions"]}
    assert states[number] == "undone"
    assert daemon.lease()["state"] == "bound"


def test_undo_of_what_was_changed_again_is_refused(daemon):
    first = daemon.call("net.configure", **STATIC)["transaction"]
    later = daemon.call("net.configure", **{**STATIC, "gateway": "192.168.1.77"})["transaction"]
    error = daemon.refusal("tx.undo", transaction=first)
    assert error["code"] == "tx.not_undoable"
    entry = daemon.call("tx.history", before=first + 1, limit=1, changes=True)["transactions"][0]
    (dependant,) = entry["dependants"]
    assert dependant["transaction"] == later and dependant["resource"].startswith("route/")
    assert dependant["resource"] in error["message"]
    newest = daemon.call("tx.history", limit=1, changes=True)["transactions"][0]
    assert newest["dependants"] == []
    (route,) = newest["changes"]
    assert route["difference"] == {"gateway": ["192.168.1.1", "192.168.1.77"]}
    assert daemon.host.default_routes()[0]["gateway"] == "192.168.1.77"
    assert daemon.refusal("tx.undo", transaction=4711)["code"] == "tx.unknown"


def test_history_says_who_what_and_why(daemon):
    daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7", reason="a lab")
    newest = daemon.call("tx.history", limit=1, changes=True)["transactions"][0]
    assert (newest["tool"], newest["owner"], newest["reason"]) == (
        "net.route_add", "uid:0", "a lab",
    )  # fmt: skip
    assert newest["state"] == "committed"
    assert [change["id"] for change in newest["changes"]] == ["route/254/10.9.0.0/16/0"]
    assert newest["changes"][0]["before"] is None
    older = daemon.call("tx.history", before=newest["number"])["transactions"]
    assert older and all(t["number"] < newest["number"] for t in older)


def test_rules_are_explained(daemon):
    host = daemon.host
    host.run("ip", "rule", "add", "priority", "900", "from", "10.8.0.0/16", "table", "77")
    rule = {"family": "ipv4", "priority": 900, "to": "10.9.0.0/16", "table": 100}
    daemon.call("net.apply", links=[], rules=[rule], reason="by the tunnel")
    wait_for(lambda: len(daemon.call("net.explain", subject="rule 900")["explanations"]) == 2, 2)
    explained = daemon.call("net.explain", subject="rule 900")
    assert explained["understood_as"] == "rule"
    makers = {one["object"]: one for one in explained["explanations"]}
    ours = makers["ipv4 rule 900 to 10.9.0.0/16: table 100"]
    assert ours["made_by"] == "aiosnet" and ours["causes"][0]["reason"] == "by the tunnel"
    theirs = makers["ipv4 rule 900 from 10.8.0.0/16: table 77"]
    assert theirs["made_by"] != "aiosnet" and theirs["causes"] == []
    kernels = daemon.call("net.explain", subject="rules")["explanations"]
    assert "the kernel" in next(one["made_by"] for one in kernels if "rule 32766" in one["object"])
    assert daemon.refusal("net.explain", subject="rule 901")["code"] == "resource.unknown"


def test_what_expires_is_taken_away(daemon):
    host = daemon.host
    daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7", expires_in=1)
    assert routes_to(host, "10.9.0.0/16")
    cause = daemon.call("net.explain", subject="10.9.0.0/16")["explanations"][0]["causes"][0]
    assert cause["expires"]
    wait_for(lambda: not routes_to(host, "10.9.0.0/16"), 3)


def test_what_expires_while_the_daemon_is_away_is_taken_away(daemon):
    host = daemon.host
    daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7", expires_in=1)
    daemon.kill()
    time.sleep(1.2)
    assert routes_to(host, "10.9.0.0/16")
    daemon.start()
    wait_for(lambda: not routes_to(host, "10.9.0.0/16"), 2)


# Routes


def test_routes_come_and_go(daemon):
    host = daemon.host
    daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7", metric=7)
    daemon.call("net.route_add", destination="10.10.0.0/16", type="unreachable")
    route = routes_to(host, "10.9.0.0/16")[0]
    assert (route["gateway"], route["metric"], route["protocol"]) == ("192.168.1.7", 7, "161")
    assert "unreachable" in host.output("ip", "route", "show", "10.10.0.0/16")
    listed = {r["destination"]: r for r in daemon.call("net.route_list")["routes"]}
    assert listed["10.9.0.0/16"]["owner"] == "uid:0" and listed["10.9.0.0/16"]["usable"]
    again = daemon.call("net.route_add", destination="10.9.0.0/16", gateway="192.168.1.7", metric=7)
    assert again["state"] == "unchanged"
    daemon.restart()
    assert routes_to(host, "10.9.0.0/16") == [route]
    daemon.call("net.route_del", destination="10.9.0.0/16")
    daemon.call("net.route_del", destination="10.10.0.0/16")
    assert not routes_to(host, "10.9.0.0/16") and not routes_to(host, "10.10.0.0/16")


def test_routes_of_others_are_not_touched(daemon):
    host = daemon.host
    host.run("ip", "route", "add", "10.8.0.0/16", "via", "192.168.1.9", "proto", "static")
    wait_for(lambda: "10.8.0.0/16" in str(daemon.call("net.route_list")), 2)
    error = daemon.refusal("net.route_del", destination="10.8.0.0/16")
    assert error["code"] == "route.unknown" and "not ours" in error["hint"]
    error = daemon.refusal("net.route_add", destination="10.8.0.0/16", gateway="192.168.1.7")
    assert error["code"] == "route.exists"
    assert routes_to(host, "10.8.0.0/16")[0]["gateway"] == "192.168.1.9"
    daemon.restart()
    assert routes_to(host, "10.8.0.0/16")[0]["gateway"] == "192.168.1.9"


def test_route_of_a_lease_cannot_be_removed_alone(daemon):
    error = daemon.refusal("net.route_del", destination="default")
    assert error["parameter"] == "destination" and "use_routes" in error["hint"]
    assert daemon.host.default_routes()


# net.explain


def test_explanations_of_what_is_ours(daemon):
    address = daemon.host.addresses("eth0")[0]
    for subject in (address.split("/")[0], "default"):
        explanation = daemon.call("net.explain", subject=subject)["explanations"][0]
        assert explanation["made_by"] == "aiosnet" and explanation["present"]
        owners = [cause["owner"] for cause in explanation["causes"]]
        assert owners == ["dhcp", "boot"]
        assert "lease of" in explanation["causes"][0]["reason"]
        assert explanation["causes"][1]["reason"] == "boot detection"
    link = daemon.call("net.explain", subject="eth0")
    assert link["understood_as"] == "interface"
    objects = " ".join(e["object"] for e in link["explanations"])
    assert address in objects and "0.0.0.0/0 via 192.168.1.1" in objects


def test_explanations_of_what_is_not_ours(daemon):
    host = daemon.host
    host.run("ip", "addr", "add", "10.3.3.3/24", "dev", "eth0")
    host.run("ip", "route", "add", "10.8.0.0/16", "via", "192.168.1.9", "proto", "bird")
    wait_for(lambda: "10.8.0.0/16" in str(daemon.call("net.route_list")), 2)
    address = daemon.call("net.explain", subject="10.3.3.3")["explanations"][0]
    assert address["causes"] == [] and "administrator" in address["made_by"]
    route = daemon.call("net.explain", subject="10.8.0.0/16")["explanations"][0]
    assert route["causes"] == [] and re.search("bird", route["made_by"], re.IGNORECASE)
    prefix = daemon.call("net.explain", subject="192.168.1.0/24")["explanations"]
    assert any("kernel" in e["made_by"] for e in prefix)
    assert daemon.refusal("net.explain", subject="10.99.0.0/16")["code"] == "resource.unknown"


# Drift


DRIFTS = {
    "address removed": "addr del ADDRESS dev eth0",
    "route removed": "route del default",
    "link set down": "link set eth0 down",
    "route replaced": "route replace default via 192.168.1.66 metric 100 proto 161",
}


@pytest.mark.parametrize("command", DRIFTS.values(), ids=DRIFTS.keys())
def test_drift_is_mended_at_once(daemon, command):
    host = daemon.host
    before = host.addresses("eth0"), host.default_routes()
    after = daemon.last_event()
    host.run("ip", *command.replace("ADDRESS", before[0][0]).split())
    wait_for(lambda: (host.addresses("eth0"), host.default_routes()) == before, 3)
    wait_for(lambda: host.pings("1.1.1.1"), 3)
    assert daemon.events("intent.converged", after)


def test_static_configuration_is_mended_too(daemon):
    host = daemon.host
    daemon.call("net.configure", **STATIC)
    before = kernel(host)
    host.run("ip", "addr", "del", "192.168.1.5/24", "dev", "eth0")
    wait_for(lambda: kernel(host) == before, 1)


def test_address_that_somebody_added_stays(daemon):
    host = daemon.host
    host.run("ip", "addr", "add", "10.3.3.3/24", "dev", "eth0")
    daemon.restart()
    daemon.wait_until_online()
    assert "10.3.3.3/24" in host.addresses("eth0")
