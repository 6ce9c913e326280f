"""The home lab with a daemon, and the MCP clients of others that npm installs."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from lab import Lab, topologies  # noqa: E402
from lab.daemon import Daemon, client_path, daemon_path  # noqa: E402

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
INSTALL_TIMEOUT = 600.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="namespaces need root"))


def errors(words: str) -> str:
    """What npm says beside its advice."""
    return "\n".join(line for line in words.splitlines() if line.lower().startswith("npm err"))[:2000]


def install() -> None:
    """What package-lock.json names, once. Its Node.js runs the clients, not the machine's."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        subprocess.run(
            command, cwd=FOLDER, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT
        )
    except FileNotFoundError:
        pytest.fail("the MCP clients come from npm, and there is no npm on this machine")
    except subprocess.TimeoutExpired:
        pytest.fail(f"the MCP clients come from npm, which did not end in {INSTALL_TIMEOUT} s")
    except subprocess.CalledProcessError as failure:
        pytest.fail(f"the MCP clients come from npm, which fails:\n{errors(failure.stderr)}")
    stamp.write_text(wanted)


@pytest.fixture(scope="session")
def modules() -> Path:
    """node_modules with all clients."""
    install()
    return MODULES


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab(topologies.home) as lab:
        yield lab


@pytest.fixture(scope="session")
def daemon(lab: Lab) -> Iterator[Daemon]:
    """An online host."""
    assert daemon_path().exists() and client_path().exists(), "the programs are not built"
    with Daemon(lab["host"]) as daemon:
        daemon.wait_until_online()
        yield daemon
