"""Other managers in a host of the lab, and what must not break while aiosnetd takes over."""

import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from lab import Host
from lab.host import Process, wait_for
from lab.pinger import Pinger

PING_INTERVAL = 0.005
UDHCPC_SCRIPT = Path(__file__).with_name("udhcpc.script")
CHUNK = bytes(range(256)) * 4


class Transfer:
    """A TCP stream from a host to another that echoes it: each byte that was sent comes back."""

    def __init__(self, client: Host, server: Host, address: str, port: int = 5001) -> None:
        with server.entered():
            self._listener = socket.create_server((address, port))
        with client.entered():
            self._socket = socket.create_connection((address, port), timeout=10)
        self._peer, _ = self._listener.accept()
        self._stopping = False
        self.sent = self.received = 0
        self.failure: Exception | None = None
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._send, self._echo, self._receive)
        ]

    def __enter__(self) -> "Transfer":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        for thread in self._threads:
            thread.join(10)
        for end in (self._socket, self._peer, self._listener):
            end.close()

    def _run(self, step) -> None:  # type: ignore[no-untyped-def]
        try:
            while step():
                pass
        except OSError as failure:
            self.failure = failure

    def _send(self) -> None:
        def step() -> bool:
            if self._stopping:
                self._socket.shutdown(socket.SHUT_WR)
                return False
            self._socket.sendall(CHUNK)
            self.sent += len(CHUNK)
            time.sleep(PING_INTERVAL)
            return True

        self._run(step)

    def _echo(self) -> None:
        def step() -> bool:
            data = self._peer.recv(65536)
            if data:
                self._peer.sendall(data)
            else:
                self._peer.shutdown(socket.SHUT_WR)
            return bool(data)

        self._run(step)

    def _receive(self) -> None:
        def step() -> bool:
            data = self._socket.recv(65536)
            self.received += len(data)
            return bool(data)

        self._run(step)


@dataclass
class Traffic:
    """What runs meanwhile. After the block: `pings` sent and `lost` of them, counted one by one."""

    pinger: Pinger
    transfer: Transfer
    pings: int = 0
    lost: int = 0
    retransmitted: int = 0
    numbers: list[int] = field(default_factory=list)

    def settle(self, answers: int = 40) -> None:
        """Until so many more pings were answered."""
        self.pinger.wait_for_answers(answers, timeout=20)


@contextmanager
def traffic(host: Host, server: Host, address: str) -> Iterator[Traffic]:
    """A ping and a TCP stream from the host to the server while the block runs; nothing is lost."""
    with host.pinger(address, PING_INTERVAL) as pinger:
        with Transfer(host, server, address) as transfer:
            running = Traffic(pinger, transfer)
            running.settle()
            yield running
            running.settle()
        assert transfer.failure is None, f"the TCP stream broke: {transfer.failure}"
        assert transfer.sent == transfer.received > 0, "bytes of the TCP stream were lost"
    answered = pinger.answered()
    running.pings, running.lost = len(answered), pinger.lost()
    assert running.lost == 0, f"{running.lost} of {running.pings} pings were lost"


def has_address(host: Host, link: str = "eth0") -> bool:
    return bool(host.addresses(link)) and bool(host.default_routes())


def wait_for_address(host: Host, timeout: float = 30.0) -> str:
    """Wait until eth0 has an address and a default route; returns the address with its length."""
    wait_for(lambda: has_address(host), timeout, interval=0.05, what="an address of eth0")
    return host.addresses("eth0")[0]


def kill_all_of(host: Host, pids: list[int]) -> None:
    """SIGKILL to processes of the host."""
    for pid in pids:
        host.run("kill", "-KILL", pid, check=False)


def processes_of(host: Host, command: str) -> list[int]:
    """Pids in the host's network namespace by the name that the kernel shows."""
    ours = Path(f"/proc/{host.pid}/ns/net").readlink()
    found = []
    for process in Path("/proc").iterdir():
        try:
            if (
                process.name.isdigit()
                and (process / "comm").read_text().strip() == command
                and (process / "ns/net").readlink() == ours
            ):
                found.append(int(process.name))
        except OSError:
            continue
    return found


# Other managers, started as their packages start them


def write_networkd(
    host: Host, *lines: str, path: str = "/etc/systemd/network/10-eth0.network"
) -> None:
    content = "\n".join(["[Match]", "Name=eth0", "[Network]", *lines, ""])
    host.write(path, content)
    host.run("chmod", "-R", "a+rX", str(Path(path).parent))


def without_udev(host: Host) -> None:
    """A writable /sys makes managers wait for udev, which is not there."""
    host.run("mount", "-o", "remount,bind,ro", "/sys")


def start_networkd(host: Host) -> Process:
    """systemd-networkd; without systemd it makes its own directory in /run."""
    without_udev(host)
    host.run("mkdir", "-p", "/run/systemd/netif/links", "/run/systemd/netif/leases")
    host.run("chown", "-R", "systemd-network:", "/run/systemd/netif", check=False)
    return host.popen("/lib/systemd/systemd-networkd", name="networkd")


NETWORKMANAGER = """[main]
plugins=keyfile
no-auto-default=
dns=none
[keyfile]
unmanaged-devices=none
"""


def write_networkmanager(host: Host, *ipv4: str) -> None:
    host.write("/etc/NetworkManager/NetworkManager.conf", NETWORKMANAGER)
    host.write("/etc/NetworkManager/conf.d/10-globally-managed-devices.conf", "")
    path = "/etc/NetworkManager/system-connections/eth0.nmconnection"
    lines = ["[connection]", "id=eth0", "type=ethernet", "interface-name=eth0", "[ipv4]", *ipv4]
    host.write(path, "\n".join([*lines, "[ipv6]", "method=disabled", ""]))
    host.path(path).chmod(0o600)


def start_networkmanager(host: Host) -> Process:
    without_udev(host)
    host.write("/run/dbus/.keep", "")
    host.popen("dbus-daemon", "--system", "--nofork", "--nopidfile", name="dbus")
    wait_for(lambda: host.path("/run/dbus/system_bus_socket").exists(), what="dbus")
    return host.popen("/usr/sbin/NetworkManager", "-n", name="NetworkManager")


def start_dhclient(host: Host) -> Process:
    files = ["-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases"]
    return host.popen("/sbin/dhclient", "-4", "-d", *files, "eth0")


def start_dhcpcd(host: Host) -> Process:
    # Without --nodev it ignores links that udev does not know of: there is none in the namespace.
    return host.popen("/sbin/dhcpcd", "-4", "-B", "--nodev", "--noarp", "eth0")


def start_udhcpc(host: Host) -> Process:
    host.run("ip", "link", "set", "eth0", "up")
    return host.popen("busybox", "udhcpc", "-f", "-i", "eth0", "-s", str(UDHCPC_SCRIPT))


def run_ifupdown(host: Host, *lines: str) -> None:
    """ifup of eth0; what it leaves running (dhclient) goes on in the background."""
    host.write("/etc/network/interfaces", "\n".join(["iface eth0 inet " + lines[0], *lines[1:], ""]))
    host.run("mkdir", "-p", "/run/network")
    host.run("ifup", "--force", "eth0", timeout=60)


def start_connman(host: Host) -> Process:
    without_udev(host)
    host.write("/run/dbus/.keep", "")
    host.popen("dbus-daemon", "--system", "--nofork", "--nopidfile", name="dbus")
    wait_for(lambda: host.path("/run/dbus/system_bus_socket").exists(), what="dbus")
    host.write("/etc/connman/main.conf", "[General]\nEnableOnlineCheck=false\n")
    host.write("/var/lib/connman/settings", "[global]\nOfflineMode=false\n[Wired]\nEnable=true\n")
    host.run("mkdir", "-p", "/run/connman")
    return host.popen("/usr/sbin/connmand", "-n", "--nobacktrace", name="connman")
