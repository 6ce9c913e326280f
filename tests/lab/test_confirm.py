"""Changes that wait to be confirmed, many at a time: none holds another, none takes another along."""

import pytest
from lab.daemon import Daemon
from lab.host import wait_for

PENDING = 20


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    """The daemon in the bare host of the home lab, online."""
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def add_route(daemon: Daemon, number: int, **options: int) -> int:
    """Adds a route of its own for each number; returns the transaction."""
    return daemon.call("net.route_add", destination=f"10.20.{number}.0/24",
                       gateway="192.168.1.1", **options)["transaction"]  # fmt: skip


def routes(daemon: Daemon) -> set[str]:
    listed = daemon.host.ip("-4", "route", "show")
    return {route["dst"] for route in listed if route["dst"].startswith("10.20.")}


def test_abandoned_changes_block_no_later_one(daemon):
    for number in range(PENDING):
        add_route(daemon, number, confirm_within=5)
    add_route(daemon, 100)
    wait_for(lambda: routes(daemon) == {"10.20.100.0/24"}, 15)
    history = daemon.call("tx.history", limit=100)["transactions"]
    assert not [entry for entry in history if entry["state"] == "pending"]


def test_rollback_of_one_leaves_the_others(daemon):
    kept = [add_route(daemon, number, confirm_within=600) for number in range(3)]
    add_route(daemon, 50, confirm_within=1)
    daemon.call("tx.confirm", transaction=kept[1])
    wait_for(lambda: "10.20.50.0/24" not in routes(daemon), 20)
    assert routes(daemon) == {f"10.20.{number}.0/24" for number in range(3)}


def test_metric_that_nobody_confirmed_is_not_kept(daemon):
    def metrics() -> list[int]:
        return [route["metric"] for route in daemon.host.default_routes()]

    before = metrics()
    daemon.call("net.configure", link="eth0", method="dhcp", metric=50, confirm_within=1)
    wait_for(lambda: metrics() == [50], 3)
    wait_for(lambda: metrics() == before, 5)
