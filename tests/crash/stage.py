"""A host whose daemon is killed, and what can be seen of its state from outside."""

import json
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Sequence

from lab import Lab, topologies
from lab.daemon import RESOLV_CONF, SOCKET, STATE, Daemon, McpClient, client_path, daemon_path
from lab.host import LAB_FILES
from lab.scripted_dhcp import ScriptedDhcp

from control import Control

LINK = "eth0"
MAC = "02:00:00:00:00:10"
SERVER = "192.168.1.1"
SETTINGS = ("ignore_routes_with_linkdown", "promote_secondaries")
SETTLE_TIMEOUT = 8.0
WAITING = ("do_epoll_wait", "ep_poll")  # the kernel's functions in which it waits for events
CALM = 0.06  # seconds without a call after which nothing is under way
State = dict[str, Any]


def wire(lab: Lab) -> None:
    """The host and the server of DHCP, with a fixed MAC and without IPv6."""
    lan = lab.switch("lan")
    lab.host("server", lan=lan.at(up=True)).sysctl(ipv6__conf__all__disable_ipv6=1)
    host = lab.host("host", **{LINK: lan.at(mac=MAC)})
    host.sysctl(ipv6__conf__all__disable_ipv6=1)


class KilledDaemon(Daemon):
    """The daemon with the killer preloaded."""

    def __init__(self, stage: "Stage") -> None:
        # Nobody answers behind the server: the connectivity check must not fill the counts.
        super().__init__(stage.host, "--ping-target", SERVER, "--lookup-name", "host.invalid")
        self.control = stage.control

    def start(self, wait: bool = True, under: Sequence[str] = ()) -> "KilledDaemon":
        """`under` is a command that runs it, such as strace."""
        arguments = ["--state", self.state, "--socket", self.socket_path]
        arguments += ["--resolv-conf", self.resolv_conf, *self.options]
        self.process = self.host.popen(
            *under, "env", *self.control.environment, daemon_path(), *arguments, name="aiosnetd"
        )
        if wait:
            self.wait_until_listening()
        return self

    def at_rest(self) -> bool:
        """Does it wait for events, and not for a processor or the disk?"""
        assert self.process
        try:
            place = Path(f"/proc/{self.process.pid}/wchan").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
        return place in WAITING

    def stop_traced(self) -> None:
        """End the daemon that is the child of another program."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        os.kill(int(children), signal.SIGTERM)
        self.process.popen.wait(5)


class Stage:
    """The lab of one worker. Between two kills everything is put back to a saved state."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory = directory / f"stage-{number}"
        self.directory.mkdir()
        self.control = Control(self.directory / "control")
        self.lab = Lab(wire)
        self.lab.__enter__()
        self.host = self.lab["host"]
        self.server = ScriptedDhcp(self.lab["server"], "lan", SERVER)
        self.server.__enter__()
        self.daemon = KilledDaemon(self)
        self.struck: list[str] = []  # the calls up to the last kill
        for inner in (STATE, str(Path(SOCKET).parent)):
            self.host.path(inner).mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        try:
            self.server.__exit__(None, None, None)
        finally:
            self.lab.destroy()
            self.control.close()

    # The beginning

    def reset(self, saved: Path | None) -> None:
        """A kernel that nobody configured, and the state directory as it was saved."""
        self.kill()
        self.control.disarm()
        self.struck = []
        self.host.path(f"{LAB_FILES}/aiosnetd.log").write_text("")
        up = "up" if saved else "down"
        batch = f"addr flush dev {LINK}\nroute flush table main\nlink set {LINK} {up} mtu 1500\n"
        off = "".join(f"echo 0 >/proc/sys/net/ipv4/conf/{LINK}/{name}\n" for name in SETTINGS)
        self.host.run("sh", "-c", f"ip -force -batch - <<END\n{batch}END\n{off}")
        state = self.host.path(STATE)
        shutil.rmtree(state)
        if saved:
            shutil.copytree(saved, state)
        else:
            state.mkdir()
        self.host.path(RESOLV_CONF).write_text("")
        self.daemon.process = None

    def save(self, name: str) -> Path:
        """Keep the state directory of a daemon that was stopped."""
        saved = self.directory / name
        shutil.rmtree(saved, ignore_errors=True)
        shutil.copytree(self.host.path(STATE), saved)
        return saved

    def with_deadline(self, saved: Path, seconds: float) -> Path:
        """A copy of a saved state in which so much time is left to confirm what is pending."""
        copy = self.directory / "with-deadline"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(saved, copy)
        deadline = int((time.time() + seconds) * 1e6)
        with closing(sqlite3.connect(copy / "aiosnet.db")) as database:
            query = "UPDATE entry SET deadline = ? WHERE state = 'pending'"
            database.execute(query, [deadline])
            database.commit()
        return copy

    def start(self) -> None:
        self.daemon.start()

    def wait_for_death(self, quiet: float) -> bool:
        """Whether the daemon is killed, or makes no more calls for so long; then it is stopped."""
        self.wait_quiet(quiet)
        killed = not self.daemon.running
        self.struck = self.control.calls()
        if not killed:
            self.daemon.stop()
        return killed

    def start_from(self, state: State) -> None:
        """Start, and wait until everything is so and the daemon has no work left."""
        self.control.arm()
        self.start()
        self.settle(state)
        self.wait_quiet(CALM)

    def kill(self) -> None:
        if self.daemon.running:
            self.daemon.kill()

    # What is seen

    def kernel(self) -> State:
        """Addresses, routes and settings of the link, and resolv.conf; without lifetimes."""
        batch = f"addr show dev {LINK}\\nroute show table all\\n"
        files = " ".join(f"/proc/sys/net/ipv4/conf/{LINK}/{name}" for name in SETTINGS)
        script = f"printf '{batch}' | ip -4 -j -batch -; ip -j link show dev {LINK}; cat {files}"
        words = self.host.output("sh", "-c", script)
        decoder, values = json.JSONDecoder(), []
        while words.lstrip().startswith("["):
            value, end = decoder.raw_decode(words.lstrip())
            values.append(value)
            words = words.lstrip()[end:]
        addresses, routes, links = values
        return {
            "link": {
                "mtu": links[0]["mtu"],
                "up": "UP" in links[0]["flags"],
                "mac": links[0]["address"],
                **dict(zip(SETTINGS, words.split())),
            },
            "addresses": sorted(
                (address_seen(a) for link in addresses for a in link.get("addr_info", [])),
                key=str,
            ),
            "routes": sorted((route_seen(route) for route in routes), key=str),
            "resolv.conf": self.host.read(RESOLV_CONF),
        }

    def stored(self) -> State:
        """Intent and history in the database of a daemon that does not run."""
        with tempfile.TemporaryDirectory(dir=self.directory) as copy:
            for file in self.host.path(STATE).glob("aiosnet.db*"):
                shutil.copy(file, copy)
            with closing(sqlite3.connect(f"{copy}/aiosnet.db")) as database:
                intent = database.execute("SELECT resource FROM intent ORDER BY id").fetchall()
                history = database.execute("SELECT tool, state FROM entry ORDER BY number")
                history = history.fetchall()
        return {
            "intent": [resource_seen(json.loads(row[0])) for row in intent],
            "history": [
                (tool, state)
                for tool, state in history
                if state != "rolled_back" and tool not in ("dhcp", "boot")
            ],
        }

    def whole(self) -> State:
        """Everything; stops the daemon for it."""
        self.daemon.stop()
        return {**self.kernel(), **self.stored()}

    def check_audit(self) -> None:
        """The audit record verifies, and none had to be set aside."""
        command = [client_path(), "audit", "verify", "--state", STATE, "--json"]
        verified = json.loads(self.host.output(*command))
        assert verified["intact"] and not verified["set_aside"], verified

    def calm(self) -> bool:
        """The daemon answers, follows the kernel, and has nothing left to try again."""
        with self.client() as client:
            status = client.call("net.status")
            links = client.call("net.interfaces")["interfaces"]
        leases = [link["dhcp"]["state"] for link in links if link.get("dhcp")]
        calm = status["synchronised"] and not status["troubles"]
        return calm and all(state == "bound" for state in leases)

    def settle(self, *wanted: State) -> State:
        """Wait until the kernel is as in one of these states and the daemon is content."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while True:
            seen = self.kernel()
            if any(all(state[part] == seen[part] for part in seen) for state in wanted):
                if self.calm() and self.kernel() == seen:
                    return seen
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"does not settle\n{differences(seen, *wanted)}\n{self.daemon.log()[-3000:]}"
                )
            time.sleep(0.01)

    def settle_still(self) -> State:
        """Wait until the kernel stays as it is and the daemon is content."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        seen: State = {}
        still = 0
        while still < 10:
            now = self.kernel()
            still = still + 1 if now == seen and self.calm() else 0
            seen = now
            assert time.monotonic() < deadline, f"does not settle\n{self.daemon.log()}"
            time.sleep(0.01)
        return seen

    def wait_quiet(self, seconds: float) -> None:
        """Wait until the daemon ended, or waited for so long without a call that was counted.

        What a busy machine or disk holds up does not count as waiting."""
        count, since = -1, time.monotonic()
        while self.daemon.running and time.monotonic() - since < seconds:
            if count != self.control.count or not self.daemon.at_rest():
                count, since = self.control.count, time.monotonic()
            time.sleep(0.002)

    def client(self) -> McpClient:
        return self.daemon.client()


def address_seen(address: dict[str, Any]) -> dict[str, Any]:
    kept = ("local", "prefixlen", "broadcast", "metric", "protocol", "scope")
    seen = {key: address[key] for key in kept if key in address}
    return {**seen, "ends": address["valid_life_time"] < 2**32 - 1}


def route_seen(route: dict[str, Any]) -> dict[str, Any]:
    """Flags come and go with the carrier."""
    return {key: value for key, value in route.items() if key != "flags"}


def resource_seen(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource without what differs between two runs: times, numbers, and why it was derived."""
    seen = {k: v for k, v in resource.items() if k not in ("created", "transaction", "reason")}
    if "expires" in seen:
        seen["expires"] = True
    for part in ("spec", "baseline"):
        if isinstance(seen.get(part), dict) and "valid_until" in seen[part]:
            seen[part] = {**seen[part], "valid_until": True}
    return seen


def differences(seen: State, *wanted: State) -> str:
    """How a state differs from that of the allowed ones to which it is nearest."""
    apart = [
        [
            f"{part}:\n  wanted {state.get(part)}\n  seen   {value}"
            for part, value in seen.items()
            if state.get(part) != value
        ]
        for state in wanted
    ]
    return "\n".join(min(apart, key=len))
