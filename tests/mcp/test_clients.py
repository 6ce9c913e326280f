"""MCP clients that others wrote, through `aiosnet mcp` in a host of the lab.

The SDKs are driven by check.mjs; the inspector is a program. Eras: `legacy` is the protocol with a
handshake, `modern` the one without, `auto` lets the client find out.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import SOCKET, Daemon, client_path

CHECK = Path(__file__).parent / "check.mjs"
ERAS = ["legacy", "auto", "modern"]
TOOLS_AT_LEAST = 13


class Node:
    """Node.js of the packages, inside the host."""

    def __init__(self, daemon: Daemon, modules: Path, home: Path) -> None:
        self.host = daemon.host
        self.modules = modules
        (program,) = modules.glob("node-linux-*/bin/node")
        path = f"{program.parent}:{os.environ['PATH']}"
        self.environment = ["env", f"PATH={path}", f"HOME={home}"]

    def run(self, *arguments: object, timeout: float = 60.0) -> str:
        return self.host.output(*self.environment, "node", *arguments, timeout=timeout)

    def inspect(self, *arguments: object) -> Any:
        """The inspector's answer to one method."""
        inspector = self.modules / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        words = self.run(
            inspector, "--cli", client_path(), "mcp", "--format", "json", "--quiet", *arguments
        )
        return json.loads(words)["result"]


@pytest.fixture
def node(daemon: Daemon, modules: Path, tmp_path: Path) -> Node:
    return Node(daemon, modules, tmp_path)


def test_node_is_of_the_packages(node: Node) -> None:
    assert node.run("--version").startswith("v22.")


def test_lock_names_no_address(modules: Path) -> None:
    """Packages are fetched from whatever registry npm is set to, and checked by their hashes."""
    lock = json.loads((modules.parent / "package-lock.json").read_text())
    packages = [package for path, package in lock["packages"].items() if path]
    assert len(packages) > 20
    assert all("resolved" not in package and package["integrity"] for package in packages)


@pytest.mark.parametrize("client", ["sdk1", "sdk2-legacy", "sdk2-auto"])
def test_sdk(node: Node, client: str) -> None:
    words = node.run(CHECK, client_path(), SOCKET, client)
    assert words.startswith(f"{client}: ")


@pytest.mark.parametrize("era", ERAS)
def test_inspector_lists_tools_strictly(node: Node, era: str) -> None:
    answer = node.inspect("--protocol-era", era, "--strict", "--method", "tools/list")
    assert len(answer["tools"]) >= TOOLS_AT_LEAST


@pytest.mark.parametrize("era", ERAS)
def test_inspector_calls_a_tool(node: Node, era: str) -> None:
    arguments = json.dumps({"host": "192.168.1.1", "count": 2})
    answer = node.inspect(
        "--protocol-era", era, "--method", "tools/call", "--tool-name", "net.ping",
        "--tool-args-json", arguments,
    )  # fmt: skip
    assert not answer.get("isError")
    assert answer["structuredContent"]["received"] == 2


@pytest.mark.parametrize("era", ERAS)
def test_inspector_reads_a_resource(node: Node, era: str) -> None:
    answer = node.inspect(
        "--protocol-era", era, "--method", "resources/read", "--uri", "aiosnet://events"
    )
    assert json.loads(answer["contents"][0]["text"])


@pytest.mark.parametrize("era", ERAS)
def test_inspector_loads_the_daemon(node: Node, era: str) -> None:
    """500 calls, ten at a time, and not one fails."""
    summary = node.inspect(
        "--protocol-era", era, "--method", "tools/call", "--tool-name", "net.interfaces",
        "--load", "--load-concurrency", 10, "--load-requests", 500,
    )  # fmt: skip
    assert (summary["requests"], summary["ok"]) == (500, 500), summary
