"""The network that systems are measured in: a client and a server, joined by bare veth pairs.

No switch between them, unlike in the labs: a bridge has a carrier of its own to notice. The hosts
are those of the lab, so each has private copies of /etc, /run and /var/lib, and vanishes with all
that runs in it.
"""

import json
import os
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Callable, Iterator, Sequence

from lab import Host, Lab
from lab.daemon import build_directory
from lab.servers.base import Server
from lab.servers.dhcp import DhcpService, Kea

LENGTH = 20  # of the networks
NETMASK = "255.255.240.0"
SETTLE = 0.2  # seconds after building, for the kernel to finish with namespaces before and now


def program(name: str) -> str:
    """The path of one of the bench's own programs."""
    return str(build_directory() / "bench" / name)


@dataclass(frozen=True)
class Uplink:
    """A link of the client, and the network that its far end gives addresses of."""

    number: int

    @property
    def name(self) -> str:
        return f"eth{self.number}"

    @property
    def far_end(self) -> str:
        return f"lan{self.number}"

    def _address(self, last: int) -> IPv4Address:
        return IPv4Address("10.9.0.0") + (self.number << 32 - LENGTH) + last

    @property
    def gateway(self) -> str:
        return str(self._address(1))

    @property
    def network(self) -> str:
        return f"{self._address(0)}/{LENGTH}"

    def address(self, last: int) -> str:
        """An address of its network, outside of what the server gives out."""
        return f"{self._address(last)}/{LENGTH}"

    @property
    def pool(self) -> tuple[str, str]:
        return str(self._address(0x101)), str(self._address(0xEFE))


class Dnsmasq(Server):
    """dnsmasq for all uplinks, whether they have carrier or not."""

    name = "dnsmasq"

    def __init__(self, uplinks: Sequence[Uplink]) -> None:
        self.uplinks = uplinks

    def command(self) -> list[str]:
        arguments = [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
            "--no-ping", "--dhcp-authoritative", "--bind-dynamic", "--log-facility=-",
            f"--dhcp-leasefile={self.file('leases')}", f"--pid-file={self.file('pid')}",
        ]  # fmt: skip
        for uplink in self.uplinks:
            arguments.append(f"--interface={uplink.far_end}")
            arguments.append("--dhcp-range=" + ",".join([*uplink.pool, NETMASK, "1h"]))
        return arguments

    def ready(self) -> bool:
        return self.host.listens("udp", 67)


def kea(uplinks: Sequence[Uplink]) -> Server:
    """kea-dhcp4. It opens no interface without carrier, so it serves on a bridge that has one."""
    (uplink,) = uplinks
    first, last = uplink.pool
    return Kea(
        DhcpService(
            interface="bridge",
            network=uplink.network,
            first=first,
            last=last,
            router=uplink.gateway,
            dns=(uplink.gateway,),
        )
    )


SERVERS: dict[str, Callable[[Sequence[Uplink]], Server]] = {"dnsmasq": Dnsmasq, "kea": kea}


def links(uplinks: Sequence[Uplink], client: str, bridged: bool) -> str:
    """Lines for `ip -batch` in the server's namespace."""
    lines = []
    for uplink in uplinks:
        lines.append(f"link add {uplink.far_end} type veth peer name {uplink.name} netns {client}")
        served = "bridge" if bridged else uplink.far_end
        if bridged:
            lines += [
                "link add bridge type bridge forward_delay 0",
                "link add always type veth peer name on",
                "link set on up",
                "link set always master bridge up",
                f"link set {uplink.far_end} master bridge",
                "link set bridge up",
            ]
        lines.append(f"addr add {uplink.address(1)} dev {served}")
        lines.append(f"link set {uplink.far_end} up")
    return "\n".join(lines) + "\n"


@dataclass
class Field:
    """A client whom nobody has configured, and a server that waits for him."""

    client: Host
    server: Host
    uplinks: tuple[Uplink, ...]

    def set_far_end(self, uplink: Uplink, state: str) -> None:
        self.server.run("ip", "link", "set", uplink.far_end, state)

    def watch(self, command: Sequence[object], *options: object) -> dict[str, Any]:
        """Start a system by the watcher, and return what that saw."""
        log = self.client.write("/run/lab/system.log", "")
        with open(f"/proc/{self.server.pid}/ns/net") as namespace:
            given = [namespace.fileno() if option is Field.FAR else option for option in options]
            result = subprocess.run(
                self.client.command(program("watch"), "--log", log, *given, "--", *command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[namespace.fileno()],
            )
        if not result.stdout:
            raise RuntimeError(f"the watcher failed: {self.client.read(log)[-500:]}")
        return json.loads(result.stdout)

    def measure(self, *arguments: object) -> Any:
        """What one of the bench's programs prints, run in the client."""
        name, *rest = arguments
        return json.loads(self.client.output(program(str(name)), *rest, timeout=120))

    FAR = object()  # stands for the server's namespace in the options of watch()


@contextmanager
def field(uplinks: int = 1, server: str = "dnsmasq") -> Iterator[Field]:
    """A field that lasts as long as the context."""
    lab = Lab(plain)
    with lab:
        links_of = tuple(Uplink(number) for number in range(uplinks))
        here = Field(lab["client"], lab["server"], links_of)
        batch = links(links_of, here.client.namespace, bridged=server == "kea")
        command = ["ip", "-n", here.server.namespace, "-batch", "-"]
        subprocess.run(command, input=batch, text=True, check=True)
        # Without udev in the namespace, a writable /sys makes daemons wait for it.
        here.client.run("mount", "-o", "remount,bind,ro", "/sys")
        here.server.start(SERVERS[server](links_of))
        time.sleep(SETTLE)
        yield here


def plain(lab: Lab) -> None:
    """Two hosts without any cable."""
    lab.host("server")
    lab.host("client")


def busy() -> str | None:
    """A warning if others use the machine, so that figures are worth less."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f"load {load:.1f} on {cores} cores" if load > cores / 2 else None
