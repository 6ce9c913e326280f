"""Fixtures for tests that run in the lab."""

import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from lab import Lab, topologies  # noqa: E402
from lab.daemon import Daemon, client_path, daemon_path  # noqa: E402
from lab.servers import Dnsmasq, Kea, Udhcpd  # noqa: E402

DHCP_SERVERS = [Dnsmasq, Kea, Udhcpd]
RaiseLab = Callable[..., Lab]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="namespaces need root"))


@pytest.fixture
def raise_lab(request: pytest.FixtureRequest) -> Iterator[RaiseLab]:
    """Raises labs that end with the test: raise_lab(topologies.home, dhcp=Kea)."""
    labs: list[Lab] = []

    def raise_one(topology: Callable[..., None], **options: Any) -> Lab:
        lab = Lab(topology, **options)
        lab.__enter__()
        labs.append(lab)
        return lab

    request.node.labs = labs
    yield raise_one
    for lab in labs:
        lab.destroy()


@pytest.fixture(params=DHCP_SERVERS, ids=lambda server: server.name)
def dhcp_server(request: pytest.FixtureRequest) -> type:
    """Each of the DHCP servers in turn."""
    return request.param


@pytest.fixture
def home(raise_lab: RaiseLab) -> Lab:
    """The home lab with dnsmasq."""
    return raise_lab(topologies.home)


@pytest.fixture
def start_daemon() -> Iterator[Callable[..., Daemon]]:
    """Starts aiosnetd: start_daemon(lab["host"], "--option")."""
    for program in (daemon_path(), client_path()):
        assert program.exists(), f"{program} is not built; AIOSNET_BUILD names the directory"
    daemons: list[Daemon] = []

    def start(host: Any, *options: str, **settings: Any) -> Daemon:
        daemon = Daemon(host, *options, **settings)
        daemons.append(daemon)
        return daemon.start()

    yield start
    for daemon in daemons:
        daemon.__exit__()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put the state and the logs of the test's labs into the report of a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for lab in getattr(item, "labs", []):
            report.sections.append((lab.name, lab.report()))
