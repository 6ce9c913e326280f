"""net.apply and net.export: a whole layout as one document, and back."""

import json
from typing import Any

import pytest
from lab.daemon import Daemon, ToolError
from lab.host import wait_for


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    """The daemon in a host with a cable (eth0, by DHCP) and a pair of its own (pa, pb)."""
    host = home["host"]
    host.run("ip", "link", "add", "pa", "type", "veth", "peer", "name", "pb")
    daemon = start_daemon(host)
    daemon.wait_until_online()
    return daemon


def site(links: int = 20) -> dict[str, Any]:
    bridges = [{"name": f"br{i}", "kind": "bridge", "addresses": [f"198.18.{i}.1/24"],
                "settings": {"rp_filter": 2}} for i in range(links - 1)]
    port = {"name": "pa", "controller": "br0", "mtu": 1400}
    return {"links": [port, *bridges],
            "routes": [{"destination": "203.0.113.0/24", "type": "blackhole"}],
            "rules": [{"family": "ipv4", "priority": 1000, "from": "198.18.0.0/15", "table": 100}]}


def bridges(daemon: Daemon) -> list[str]:
    return sorted(link["ifname"] for link in daemon.host.ip("link", "show", "type", "bridge"))


def test_a_site_is_one_transaction(daemon):
    planned = daemon.call("net.apply", dry_run=True, **site())
    assert planned["state"] == "planned" and bridges(daemon) == []
    answer = daemon.call("net.apply", **site())
    assert answer["state"] == "committed"
    assert len(bridges(daemon)) == 19
    assert daemon.host.addresses("br7") == ["198.18.7.1/24"]
    assert daemon.host.ip("link", "show", "pa")[0]["master"] == "br0"
    assert daemon.call("net.apply", **site())["state"] == "unchanged"
    daemon.call("tx.undo", transaction=answer["transaction"])
    assert bridges(daemon) == []


def test_the_export_changes_nothing(daemon):
    daemon.call("net.apply", **site(4))
    document = daemon.call("net.export")
    assert {"br0", "eth0", "pa"} <= {link["name"] for link in document["links"]}
    assert daemon.call("net.apply", **document)["state"] == "unchanged"
    assert daemon.call("net.apply", mode="replace", **document)["state"] == "unchanged"
    assert daemon.call("net.export") == document


def test_the_export_does_not_depend_on_the_order_of_the_changes(daemon):
    """An unplugged link's intent goes and comes back, behind what was there."""
    daemon.call("net.apply", **site(4))
    document = daemon.call("net.export")
    daemon.call("net.apply", mode="replace", links=[{"name": "br2", "kind": "bridge"}])
    daemon.call("net.apply", links=list(reversed(document["links"])), routes=document["routes"],
                rules=document["rules"])
    assert daemon.call("net.export") == document


def test_merge_and_replace_take_away_what_is_not_named(daemon):
    daemon.call("net.apply", **site(4))
    daemon.call("net.apply", links=[{"name": "br1", "kind": "bridge"}])
    assert daemon.host.addresses("br1") == []
    assert bridges(daemon) == ["br0", "br1", "br2"]
    daemon.call("net.apply", mode="replace", links=[{"name": "br1", "kind": "bridge"}])
    assert bridges(daemon) == ["br1"]
    assert daemon.host.default_routes()


@pytest.mark.parametrize("links, parameter", [
    ([{"name": "x0", "kind": "vlan", "vlan": {"id": 9999, "parent": "eth0"}}], "links[0].vlan.id"),
    ([{"name": "pa"}, {"name": "pb", "colour": 1}], "links[1].colour"),
    ([{"name": "pa", "settings": {"speed": 1}}], "links[0].settings.speed"),
    ([{"name": "pa", "mtu": 1400}, {"name": "pa", "mtu": 1300}], "links[1]"),
])
def test_errors_name_the_path(daemon, links, parameter):
    with pytest.raises(ToolError) as caught:
        daemon.call("net.apply", links=links)
    assert caught.value.error["parameter"] == parameter


def test_an_mtu_leaves_the_link_up(daemon):
    daemon.call("net.apply", links=[{"name": "eth0", "mtu": 1400}])
    link = daemon.host.ip("link", "show", "eth0")[0]
    assert link["mtu"] == 1400 and "UP" in link["flags"]


def test_link_of_somebody_else_is_taken_over_only_when_that_is_said(daemon):
    host = daemon.host
    host.run("ip", "link", "add", "docker0", "type", "bridge")
    wait_for(lambda: "docker0" in daemon.interfaces(), 2)
    links = [{"name": "docker0", "addresses": ["172.30.0.1/24"]}]
    refused = daemon.refusal("net.apply", links=links)
    assert refused["code"] == "link.foreign" and refused["parameter"] == "links[0].name"
    assert host.addresses("docker0") == []
    daemon.call("net.apply", links=links, take_over=True)
    assert host.addresses("docker0") == ["172.30.0.1/24"]


def test_a_document_is_a_file_on_the_command_line(daemon, tmp_path):
    file = tmp_path / "site.json"
    file.write_text(json.dumps(site(3)))
    planned = daemon.run_client("net", "apply", f"@{file}", "--dry-run", "--json")
    assert json.loads(planned.stdout)["state"] == "planned", planned.stderr
    applied = daemon.run_client("call", "net.apply", f"@{file}", "reason=a site", "--json")
    assert json.loads(applied.stdout)["state"] == "committed", applied.stderr
    assert len(bridges(daemon)) == 2
    exported = daemon.run_client("net", "export", "--json")
    file.write_text(exported.stdout)
    again = daemon.run_client("net", "apply", f"@{file}", "--json")
    assert json.loads(again.stdout)["state"] == "unchanged", again.stderr
    file.write_text("{")
    broken = daemon.run_client("net", "apply", f"@{file}", "--json")
    assert json.loads(broken.stderr)["error"]["parameter"] == "@FILE"


def test_a_document_without_links(daemon):
    rule = {"family": "ipv4", "priority": 1000, "from": "198.18.0.0/15", "table": 100}
    assert daemon.call("net.apply", rules=[rule])["state"] == "committed"
    assert daemon.call("net.export")["rules"][0]["priority"] == 1000
    daemon.call("net.apply", mode="replace")
    assert "rules" not in daemon.call("net.export")


def test_settings_are_named_in_the_schema(daemon):
    tool = next(tool for tool in daemon.client().tools() if tool["name"] == "net.apply")
    link = tool["inputSchema"]["properties"]["links"]["items"]
    settings = link["properties"]["settings"]["properties"]
    assert settings["rp_filter"]["maximum"] == 2 and "ipv6_forwarding" in settings
    refused = daemon.refusal("net.apply", links=[{"name": "pa", "settings": {"rp_filter": 3}}])
    assert refused["parameter"] == "links[0].settings.rp_filter"


def test_what_intent_does_not_name_is_exported_and_can_be_applied(daemon):
    host = daemon.host
    host.run("ip", "addr", "add", "198.18.9.1/24", "dev", "eth0")
    host.run("ip", "link", "set", "pa", "up")
    host.run("ip", "addr", "add", "198.18.8.1/24", "dev", "pa")
    host.run("ip", "route", "add", "203.0.113.0/24", "via", "198.18.8.2", "metric", "7")
    host.run("ip", "rule", "add", "priority", "900", "from", "198.18.8.0/24", "table", "100")
    document = daemon.call("net.export", observed=True)
    links = {link["name"]: link for link in document["links"]}
    assert links["eth0"]["addresses"] == ["198.18.9.1/24"] and "dhcp" not in links["eth0"]
    assert links["pa"]["addresses"] == ["198.18.8.1/24"]
    assert links["pa"]["routes"][0]["destination"] == "203.0.113.0/24"
    assert [rule["priority"] for rule in document["rules"]] == [900]
    owners = {item["resource"]: item["owner"] for item in document["provenance"]}
    assert owners["address/pa/198.18.8.1/24"].startswith("adopted:")
    assert owners.keys() >= {"route/254/203.0.113.0/24/7", "rule/ipv4/900"}
    before = host.output("ip", "route"), host.output("ip", "rule"), host.addresses("pa")
    assert daemon.call("net.apply", **document, take_over=True)["state"] == "committed"
    assert (host.output("ip", "route"), host.output("ip", "rule"), host.addresses("pa")) == before
    assert daemon.call("net.export", observed=True)["links"] == []


def bridge_options(host: Any, name: str) -> dict[str, Any]:
    found = host.output("ip", "-j", "-d", "link", "show", "dev", name)
    return json.loads(found)[0]["linkinfo"]["info_data"]


def test_options_that_are_not_given_stay_where_the_device_was_there_before(daemon):
    host = daemon.host
    host.run("ip", "link", "add", "spare0", "type", "bridge", "priority", "4096", "ageing_time",
             "2000")  # fmt: skip
    bridge = {"name": "spare0", "kind": "bridge"}
    daemon.call("net.apply", links=[bridge], take_over=True)
    assert bridge_options(host, "spare0")["priority"] == 4096
    daemon.call("net.apply", links=[bridge | {"bridge": {"ageing_time": 40}}])
    options = bridge_options(host, "spare0")
    assert options["priority"] == 4096 and options["ageing_time"] == 4000
    daemon.call("net.apply", links=[], mode="replace")
    options = bridge_options(host, "spare0")
    assert options["priority"] == 4096 and options["ageing_time"] == 2000
    # What we made is as the document says.
    made = {"name": "spare1", "kind": "bridge"}
    daemon.call("net.apply", links=[made | {"bridge": {"priority": 4096}}])
    daemon.call("net.apply", links=[made])
    assert bridge_options(host, "spare1")["priority"] == 32768
