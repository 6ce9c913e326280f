"""The daemon under test in a host of the lab, and a small MCP client for its socket."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from .host import Host, Process, wait_for

REPOSITORY = Path(__file__).parent.parent
PROTOCOL = "2025-11-25"
SOCKET = "/run/aios/net.sock"
STATE = "/var/lib/aios/net"
RESOLV_CONF = "/etc/resolv.conf"  # the host's own; without this the daemon writes into its state


def build_directory() -> Path:
    """Where the programs are built: AIOSNET_BUILD, or build/ in the repository."""
    return Path(os.environ.get("AIOSNET_BUILD", REPOSITORY / "build")).absolute()


def daemon_path() -> Path:
    return build_directory() / "src/daemon/aiosnetd"


def client_path() -> Path:
    return build_directory() / "src/cli/aiosnet"


class ToolError(Exception):
    """A tool answered isError."""

    def __init__(self, tool: str, result: dict[str, Any]) -> None:
        self.error: dict[str, str] = (result.get("structuredContent") or {}).get("error", {})
        self.text = "\n".join(part.get("text", "") for part in result.get("content", []))
        super().__init__(f"{tool}: {self.text}")


class ProtocolError(Exception):
    """A JSON-RPC error."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        self.code = error.get("code")
        self.data = error.get("data")
        super().__init__(f"{method}: {error}")


class McpClient:
    """MCP with the handshake of 2025-11-25 over a Unix socket, one JSON message a line."""

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rwb")
        self.notifications: list[dict[str, Any]] = []
        self._last_id = 0
        client = {"name": "aiosnet-lab", "version": "1"}
        self.server = self.request(
            "initialize", protocolVersion=PROTOCOL, capabilities={}, clientInfo=client
        )
        self.notify("notifications/initialized")

    def __enter__(self) -> "McpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, message: dict[str, Any]) -> None:
        self.stream.write(json.dumps(message).encode() + b"\n")
        self.stream.flush()

    def receive(self) -> dict[str, Any]:
        """The next message of the server, whatever it is."""
        line = self.stream.readline()
        if not line:
            raise ConnectionError("the daemon closed the connection")
        return json.loads(line)

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a request; notifications that come before it are kept."""
        self._last_id += 1
        self.send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") != self._last_id:
                self.notifications.append(message)
            elif "error" in message:
                raise ProtocolError(method, message["error"])
            else:
                return message["result"]

    def notify(self, method: str, **params: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def tools(self) -> list[dict[str, Any]]:
        return self.request("tools/list")["tools"]

    def call_raw(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The whole result of a tool: isError, structuredContent, content."""
        return self.request("tools/call", name=tool, arguments=arguments)

    def call(self, tool: str, /, **arguments: Any) -> Any:
        """The structured content of a tool's result; raises ToolError if it failed."""
        result = self.call_raw(tool, **arguments)
        if result.get("isError"):
            raise ToolError(tool, result)
        return result["structuredContent"]

    def next_notification(self, timeout: float = 10.0) -> dict[str, Any]:
        """The next notification, one already received or one to come."""
        if self.notifications:
            return self.notifications.pop(0)
        self.socket.settimeout(timeout)
        return self.receive()


class Daemon:
    """aiosnetd in a host. The state directory stays over a restart, and ends with the host."""

    def __init__(
        self,
        host: Host,
        *options: str,
        state: str = STATE,
        socket_path: str = SOCKET,
        resolv_conf: str = RESOLV_CONF,
    ) -> None:
        self.host = host
        self.options = options
        self.state = state
        self.socket_path = socket_path
        self.resolv_conf = resolv_conf
        self.process: Process | None = None
        self.started_at = 0.0

    def start(self, wait: bool = True) -> "Daemon":
        """Start it, and wait until its socket accepts connections unless told otherwise."""
        for directory in (self.state, str(Path(self.socket_path).parent)):
            self.host.path(directory).mkdir(parents=True, exist_ok=True)
        self.started_at = time.monotonic()
        arguments = ["--state", self.state, "--socket", self.socket_path]
        arguments += ["--resolv-conf", self.resolv_conf, *self.options]
        self.process = self.host.popen(daemon_path(), *arguments, name="aiosnetd")
        if wait:
            self.wait_until_listening()
        return self

    def __enter__(self) -> "Daemon":
        return self if self.process else self.start()

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.stop()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def stop(self) -> int:
        """SIGTERM: it ends, and leaves the network as it is. Returns the exit status."""
        assert self.process
        return self.process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process
        self.process.kill()

    def restart(self) -> "Daemon":
        """Stop it and start it again on the same state."""
        self.stop()
        return self.start()

    def forget(self) -> None:
        """Remove its state, as on a machine that starts for the first time."""
        shutil.rmtree(self.host.path(self.state), ignore_errors=True)

    def log(self) -> str:
        return self.process.log() if self.process else ""

    def wait_until_listening(self, timeout: float = 10.0) -> None:
        path = self.host.path(self.socket_path)

        def listening() -> bool:
            if not self.running:
                raise RuntimeError(f"aiosnetd ended: {self.log()}")
            with socket.socket(socket.AF_UNIX) as attempt:
                try:
                    attempt.connect(str(path))
                except (FileNotFoundError, ConnectionRefusedError):
                    return False
                return True

        wait_for(listening, timeout, interval=0.002, what="the socket of aiosnetd")

    def client(self) -> McpClient:
        """A new connection."""
        return McpClient(self.host.path(self.socket_path))

    def call(self, tool: str, /, **arguments: Any) -> Any:
        """Call one tool over a connection of its own; raises ToolError if it failed."""
        with self.client() as client:
            return client.call(tool, **arguments)

    def run_client(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess:
        """Run `aiosnet` in the host, whatever its exit status."""
        command = [client_path(), "--socket", self.socket_path, *arguments]
        return self.host.run(*command, check=False, **options)

    def refusal(self, tool: str, /, **arguments: Any) -> dict[str, str]:
        """The error that a call ends with: code, message, perhaps parameter and hint."""
        try:
            result = self.call(tool, **arguments)
        except ToolError as failure:
            return failure.error
        raise AssertionError(f"{tool} was not refused: {result}")

    def cli(self, *arguments: object) -> Any:
        """Run `aiosnet ... --json` in the host; returns the parsed output."""
        result = self.run_client(*arguments, "--json")
        if result.returncode != 0:
            raise RuntimeError(f"aiosnet ended with {result.returncode}: {result.stderr}")
        return json.loads(result.stdout)

    # Looking

    def status(self) -> dict[str, Any]:
        """What net.status says."""
        return self.call("net.status")

    def interface(self, name: str) -> dict[str, Any]:
        """What net.interfaces says of one link."""
        return self.call("net.interfaces", link=name)["interfaces"][0]

    def interfaces(self) -> dict[str, dict[str, Any]]:
        """What net.interfaces says, by name."""
        return {link["name"]: link for link in self.call("net.interfaces")["interfaces"]}

    def lease(self, link: str = "eth0") -> dict[str, Any]:
        """What the DHCP client of a link says of itself."""
        return self.interface(link)["dhcp"]

    def online(self) -> bool:
        """Whether the daemon says that the host is online."""
        return self.status()["online"]["state"] == "yes"

    def events(self, kind: str = "", after: int = 0) -> list[dict[str, Any]]:
        """Events of a kind (its beginning) with a higher sequence number than `after`."""
        kinds = {"kind": kind} if kind else {}
        return self.call("events.list", after=after, limit=1000, **kinds)["events"]

    def last_event(self) -> int:
        """The sequence number of the newest event."""
        events = self.events()
        return events[-1]["sequence"] if events else 0

    def wait_for_event(
        self, kind: str, after: int = 0, timeout: float = 10.0, words: str = ""
    ) -> dict[str, Any]:
        """Wait for an event of a kind whose message has these words."""

        def found() -> dict[str, Any] | None:
            events = self.events(kind, after)
            return next((event for event in events if words in event["message"]), None)

        try:
            return wait_for(found, timeout, interval=0.02)
        except TimeoutError:
            raise TimeoutError(f"no event {kind} {words} in {timeout} s:\n{self.log()}") from None

    def wait_until_online(self, timeout: float = 15.0) -> float:
        """Wait until the daemon says that the host is online; returns seconds since its start."""
        try:
            wait_for(self.online, timeout, interval=0.01)
        except TimeoutError:
            raise TimeoutError(f"not online after {timeout} s:\n{self.log()}") from None
        return time.monotonic() - self.started_at
