"""The systems under test: how each is configured before the clock starts, and how it is started.

All configuration is written in `prepare`. What is timed is the program in `command`, started by
the watcher in the foreground. Each gets the same task: DHCP on the links that it is given, the
first one preferred.
"""

import shutil
from dataclasses import dataclass
from typing import Callable, Sequence

from lab import Host
from lab.daemon import daemon_path

from .field import Field, Uplink, program

SOCKET = "/run/aiosnet.sock"
STATE = "/run/aiosnet"
OURS, FLOOR = "aiosnet", "bare client"


@dataclass(frozen=True)
class System:
    """A plug. `works` are its experiments, `slow` those of them where it takes seconds."""

    name: str
    command: Callable[[Sequence[Uplink], str], list[str]]
    works: frozenset[str]
    slow: frozenset[str] = frozenset()
    prepare: Callable[[Host, Sequence[Uplink]], None] = lambda host, uplinks: None
    programs: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """A program that it needs and that is not installed."""
        return next((name for name in self.programs if not shutil.which(name)), None)

    def arguments(self, field: Field, work: str) -> list[str]:
        """Configure it in the client of the field; returns what to start."""
        self.prepare(field.client, field.uplinks)
        return self.command(field.uplinks, work)


def names(uplinks: Sequence[Uplink]) -> list[str]:
    return [uplink.name for uplink in uplinks]


# aiosnet and the floor


def aiosnetd(state: str = STATE) -> list[str]:
    """The daemon as it starts on a host for the first time."""
    paths = ["--state", state, "--socket", SOCKET, "--resolv-conf", "/etc/resolv.conf"]
    return [str(daemon_path()), *paths]


def bare_client(uplinks: Sequence[Uplink], work: str) -> list[str]:
    wait = ["--wait"] if work == "hotplug" else []
    return [program("bareclient"), *wait, *names(uplinks)]


# systemd-networkd

NETWORKD = "/lib/systemd/systemd-networkd"


def prepare_networkd(host: Host, uplinks: Sequence[Uplink]) -> None:
    for uplink in uplinks:
        host.write(
            f"/etc/systemd/network/1{uplink.number:03}.network",
            f"[Match]\nName={uplink.name}\n[Network]\nDHCP=ipv4\n"
            f"[DHCPv4]\nRouteMetric={100 * (uplink.number + 1)}\n",
        )
    # It reads them as a user of its own, and keeps its state where its unit makes a place for it.
    host.run("chmod", "-R", "a+rX", "/etc/systemd/network")
    for directory in ("", "/links", "/leases", "/lldp"):
        path = f"/run/systemd/netif{directory}"
        host.run("install", "-d", "-o", "systemd-network", "-g", "systemd-network", path)


# NetworkManager

NM_CONFIGURATION = """[main]
plugins=keyfile
no-auto-default=
rc-manager=unmanaged
dns=none
[keyfile]
unmanaged-devices=none
"""


def prepare_networkmanager(host: Host, uplinks: Sequence[Uplink]) -> None:
    host.write("/run/dbus/.keep", "")
    host.run("dbus-daemon", "--system", "--fork", "--nopidfile")
    host.write("/etc/NetworkManager/NetworkManager.conf", NM_CONFIGURATION)
    # Overrides the file of Debian's package that leaves all but wireless links alone.
    host.write("/etc/NetworkManager/conf.d/10-globally-managed-devices.conf", "")
    for uplink in uplinks:
        path = f"/etc/NetworkManager/system-connections/{uplink.name}.nmconnection"
        host.write(
            path,
            f"[connection]\nid={uplink.name}\ntype=ethernet\ninterface-name={uplink.name}\n"
            f"[ipv4]\nmethod=auto\nroute-metric={100 * (uplink.number + 1)}\n"
            "[ipv6]\nmethod=disabled\n",
        )
        host.path(path).chmod(0o600)


# The others


def udhcpc(uplinks: Sequence[Uplink], work: str) -> list[str]:
    script = "/etc/udhcpc/default.script"
    return ["busybox", "udhcpc", "-f", "-i", uplinks[0].name, "-s", script]


def dhclient(uplinks: Sequence[Uplink], work: str) -> list[str]:
    files = ["-lf", "/run/dhclient.leases", "-pf", "/run/dhclient.pid"]
    return ["/sbin/dhclient", "-4", "-d", *files, uplinks[0].name]


# Without --nodev it ignores links that udev does not know of: there is none in the namespace.
DHCPCD = ["/sbin/dhcpcd", "-4", "-B", "--nodev"]


def dhcpcd(uplinks: Sequence[Uplink], work: str) -> list[str]:
    return [*DHCPCD, *names(uplinks)]


def dhcpcd_without_arp(uplinks: Sequence[Uplink], work: str) -> list[str]:
    return [*DHCPCD, "--noarp", *names(uplinks)]


ONLINE, HOTPLUG, FAILOVER = "online", "hotplug", "failover"
SCALE, MANY_LINKS = "scale", "many links"
ALL = frozenset({ONLINE, HOTPLUG, FAILOVER})
MANY = ALL | {SCALE, MANY_LINKS}

SYSTEMS = [
    System(OURS, lambda uplinks, work: aiosnetd(), works=MANY),
    System(FLOOR, bare_client, works=ALL | {MANY_LINKS}),
    System(
        "networkd",
        lambda uplinks, work: [NETWORKD],
        works=MANY,
        prepare=prepare_networkd,
        programs=(NETWORKD,),
    ),
    System(
        "NetworkManager",
        lambda uplinks, work: ["/usr/sbin/NetworkManager", "-n"],
        works=MANY,
        slow=frozenset({FAILOVER}),
        prepare=prepare_networkmanager,
        programs=("/usr/sbin/NetworkManager", "dbus-daemon"),
    ),
    System("udhcpc", udhcpc, works=frozenset({ONLINE}), programs=("busybox",)),
    System(
        "dhclient",
        dhclient,
        works=frozenset({ONLINE, HOTPLUG}),
        slow=frozenset({HOTPLUG}),
        programs=("/sbin/dhclient",),
    ),
    System(
        "dhcpcd",
        dhcpcd,
        works=frozenset({ONLINE, HOTPLUG}),
        slow=frozenset({ONLINE, HOTPLUG}),
        programs=("/sbin/dhcpcd",),
    ),
    System(
        "dhcpcd-noarp",
        dhcpcd_without_arp,
        works=ALL,
        slow=frozenset({ONLINE}),
        programs=("/sbin/dhcpcd",),
    ),
]
