"""A host of the lab: a network namespace, with a mount namespace of its own.

Each host has its own /run (empty), and its own copies of /etc and /var/lib (overlays: it reads the
machine's files, what it writes stays in the host and vanishes with it). A sleeping process holds
both namespaces; everything else enters them by its pid.
"""

import ctypes
import json
import os
import shlex
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator

from .capture import Capture
from .certificates import authority
from .pinger import Pinger
from .watch import Monitor

if TYPE_CHECKING:
    from .servers import Server
    from .topology import Cable

CLONE_NEWNET = 0x40000000
LAB_FILES = "/run/lab"

# The mounts stay when /mnt is detached again: they hold the tmpfs by themselves.
PRIVATE_MOUNTS = f"""
mount -t tmpfs aiosnet-lab /mnt
cd /mnt
mkdir etc etc.work lib lib.work run
mount -t overlay -o lowerdir=/etc,upperdir=etc,workdir=etc.work aiosnet-lab /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=lib,workdir=lib.work aiosnet-lab /var/lib
mount --bind run /run
cd /
umount -l /mnt
mkdir {LAB_FILES}
rm -f /etc/resolv.conf
: > /etc/resolv.conf
"""


@dataclass
class Interface:
    """An interface of a host and the cable that leads from it to a switch."""

    cable: "Cable"
    addresses: tuple[str, ...] = ()
    mac: str | None = None
    up: bool = False

    def commands(self, name: str) -> Iterator[str]:
        """Lines for `ip -batch`."""
        if self.mac:
            yield f"link set {name} address {self.mac}"
        for address in self.addresses:
            yield f"addr add {address} dev {name}" + (" nodad" if ":" in address else "")
        if self.up or self.addresses:
            yield f"link set {name} up"


@dataclass
class Process:
    """A process inside a host, with its output in a file of the lab."""

    name: str
    popen: subprocess.Popen
    log_path: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def stop(self, timeout: float = 5.0) -> int:
        """SIGTERM, and SIGKILL if that does not help; returns the exit status."""
        if self.running:
            self.popen.terminate()
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL; returns the exit status."""
        self.popen.kill()
        return self.popen.wait()

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def log(self) -> str:
        """What it wrote so far, standard output and standard error together."""
        try:
            return self.log_path.read_text(errors="replace")
        except FileNotFoundError:
            return ""


class CommandFailed(Exception):
    """A command inside a host ended with another status than 0."""

    def __init__(self, host: str, result: subprocess.CompletedProcess) -> None:
        super().__init__(
            f"{host}: {shlex.join(map(str, result.args[6:]))} ended with {result.returncode}\n"
            f"{result.stdout}{result.stderr}"
        )
        self.result = result


@dataclass
class Host:
    """One host. Before Lab.build() a plan, after it a running namespace."""

    name: str
    namespace: str
    interfaces: dict[str, Interface] = field(default_factory=dict)
    loopback: list[str] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    ruleset: str = ""
    servers: list["Server"] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    holder: subprocess.Popen | None = None

    # The plan

    def route(self, prefix: str, **attributes: str) -> "Host":
        """A static route, for example route("default", via="192.0.2.1")."""
        self.routes.append(" ".join([prefix, *(f"{k} {v}" for k, v in attributes.items())]))
        return self

    def sysctl(self, **settings: str | int) -> "Host":
        """sysctls below net, with __ between the parts: sysctl(ipv4__ip_forward=1)."""
        self.sysctls |= {k.replace("__", "/"): str(v) for k, v in settings.items()}
        return self

    def forward(self, masquerade: str | None = None) -> "Host":
        """Route packets, with NAT on the way out of an interface if one is named."""
        self.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        if masquerade:
            self.ruleset += (
                "table ip nat { chain postrouting { type nat hook postrouting priority srcnat; "
                f'oifname "{masquerade}" masquerade; }}; }}\n'
            )
        return self

    def serve(self, *servers: "Server") -> "Host":
        """Servers that Lab.build() starts here."""
        for server in servers:
            server.host = self
            self.servers.append(server)
        return self

    def start(self, server: "Server") -> "Server":
        """Start a server in the running host and wait until it is ready."""
        self.serve(server)
        server.start()
        server.wait_until_ready()
        return server

    # Building, in steps that Lab.build() runs side by side for all hosts

    def start_holder(self) -> None:
        """Start the process that holds the namespaces."""
        sysctls = "".join(f"echo {v} > /proc/sys/net/{k}\n" for k, v in self.sysctls.items())
        script = f"{PRIVATE_MOUNTS}{sysctls}echo ready\nexec sleep infinity\n"
        self.holder = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, "sh", "-ec", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def wait_for_holder(self) -> None:
        """Wait until the private file system is there, and put the lab's authority in it."""
        assert self.holder and self.holder.stdout
        if self.holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"{self.namespace}: cannot make a private file system")
        authority().install(self)

    def setup_commands(self) -> str:
        """Lines for `ip -batch`: addresses and routes."""
        lines = ["link set lo up", *(f"addr add {address} dev lo" for address in self.loopback)]
        for name, interface in self.interfaces.items():
            lines += interface.commands(name)
        lines += [f"route add {route}" for route in self.routes]
        return "\n".join(lines) + "\n"

    def load_ruleset(self) -> None:
        """Load the nft ruleset of the plan."""
        if self.ruleset:
            self.run("nft", "-f", "-", input=self.ruleset)

    # Running things inside

    @property
    def pid(self) -> int:
        """The process that holds this host's namespaces."""
        if self.holder is None:
            raise RuntimeError(f"{self.name} is not built yet")
        return self.holder.pid

    def command(self, *arguments: object) -> list[str]:
        """A command as it has to be called from outside to run in the host."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "--", *map(str, arguments)]

    def run(
        self, *arguments: object, check: bool = True, timeout: float = 30.0, **options: Any
    ) -> subprocess.CompletedProcess:
        """Run a command in the host; raises CommandFailed unless check is false."""
        result = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            **options,
        )
        if check and result.returncode != 0:
            raise CommandFailed(self.name, result)
        return result

    def output(self, *arguments: object, **options: Any) -> str:
        """Standard output of a command that has to succeed."""
        return self.run(*arguments, **options).stdout

    def popen(self, *arguments: object, name: str | None = None, **options: Any) -> Process:
        """Start a process in the host; its output goes to a log file of that name."""
        name = name or Path(str(arguments[0])).name
        log_path = self.path(f"{LAB_FILES}/{name}.log")
        with open(log_path, "ab") as log:
            popen = subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        process = Process(name, popen, log_path)
        self.processes.append(process)
        return process

    def path(self, inner: str) -> Path:
        """Where a file of the host is, seen from outside."""
        return Path(f"/proc/{self.pid}/root") / inner.lstrip("/")

    def read(self, inner: str) -> str:
        """The content of a file of the host."""
        return self.path(inner).read_text()

    def write(self, inner: str, content: str | bytes) -> str:
        """Write a file of the host; returns its path inside."""
        path = self.path(inner)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return inner

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread inside the host's network namespace: sockets made here stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, open(f"/proc/{self.pid}/ns/net") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {self.namespace}")
            try:
                yield
            finally:
                if libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                    os.abort()  # going on in the wrong namespace could touch the wrong network

    # Cables

    def pull(self, interface: str) -> None:
        """Pull the cable: the interface loses its carrier."""
        self.interfaces[interface].cable.pull()

    def plug(self, interface: str) -> None:
        """Put the cable back."""
        self.interfaces[interface].cable.plug()

    def flap(self, interface: str, seconds: float) -> None:
        """Pull the cable for a while."""
        self.pull(interface)
        time.sleep(seconds)
        self.plug(interface)

    def cable(self, interface: str) -> "Cable":
        return self.interfaces[interface].cable

    # Looking

    def ip(self, *arguments: object) -> Any:
        """The parsed answer of `ip -j`."""
        return json.loads(self.output("ip", "-j", *arguments) or "[]")

    def addresses(self, interface: str, family: int = 4) -> list[str]:
        """Addresses of an interface as address/length."""
        links = self.ip(f"-{family}", "addr", "show", "dev", interface)
        return [f"{a['local']}/{a['prefixlen']}" for link in links for a in link["addr_info"]]

    def default_routes(self, family: int = 4) -> list[dict[str, Any]]:
        """Default routes, best metric first."""
        routes = self.ip(f"-{family}", "route", "show", "default")
        return sorted(routes, key=lambda route: route.get("metric", 0))

    def _device(self, interface: str, attribute: str) -> str:
        return self.read(f"/sys/class/net/{interface}/{attribute}").strip()

    def has_interface(self, interface: str) -> bool:
        return self.path(f"/sys/class/net/{interface}").exists()

    def mac(self, interface: str) -> str:
        return self._device(interface, "address")

    def has_carrier(self, interface: str) -> bool:
        """Whether the kernel says the interface is up and has carrier (IFF_RUNNING)."""
        return self._device(interface, "operstate") == "up"

    def counters(self, interface: str) -> dict[str, int]:
        """The interface's statistics by the kernel's names (rx_packets, tx_bytes, ...)."""
        directory = self.path(f"/sys/class/net/{interface}/statistics")
        return {file.name: int(file.read_text()) for file in directory.iterdir()}

    def listens(self, protocol: str, port: int, address: str | None = None) -> bool:
        """Whether a socket of the host is bound to (udp) or listens on (tcp) a port."""
        wanted = f":{port:04X}"
        if address:
            octets = reversed(address.split("."))
            wanted = "".join(f"{int(octet):02X}" for octet in octets) + wanted
        for table in (f"/proc/{self.pid}/net/{protocol}", f"/proc/{self.pid}/net/{protocol}6"):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(wanted) and (protocol == "udp" or fields[3] == "0A"):
                    return True
        return False

    def pings(self, address: str, timeout: float = 2.0) -> bool:
        """Whether one ping is answered."""
        wait = max(1, round(timeout))
        return self.run("ping", "-n", "-c1", f"-W{wait}", address, check=False).returncode == 0

    def capture(self, interface: str, filter: str = "") -> Capture:
        """Record packets: `with host.capture("eth0", "arp") as capture: ...`."""
        return Capture(self, interface, filter)

    def monitor(self, *objects: str) -> Monitor:
        """Record what the kernel announces of links, addresses, routes and rules, or of some."""
        return Monitor(self, *objects)

    def pinger(self, address: str, interval: float = 0.01) -> Pinger:
        """Ping all the time: `with host.pinger("1.1.1.1") as pinger: ...; pinger.lost()`."""
        return Pinger(self, address, interval)

    def report(self) -> str:
        """Addresses, routes and the end of each log, for the report of a failed test."""
        sections = [f"== {self.name} ({self.namespace})"]
        for arguments in (["ip", "-br", "addr"], ["ip", "route", "show", "table", "all"]):
            sections.append(f"$ {shlex.join(arguments)}\n{self.output(*arguments)}")
        for process in self.processes:
            tail = "\n".join(process.log().splitlines()[-60:])
            state = "runs" if process.running else f"ended with {process.popen.returncode}"
            sections.append(f"-- {process.name} (pid {process.pid}, {state})\n{tail}")
        return "\n".join(sections)


def wait_for(
    condition: Callable[[], Any], timeout: float = 10.0, interval: float = 0.005, what: str = ""
) -> Any:
    """Poll until the condition gives something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s in vain for {what or condition}")
        time.sleep(interval)
    return value
