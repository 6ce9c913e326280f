"""A lab: switches, hosts, the cables between them, and their beginning and end.

All switches are bridges in one namespace, `cables`. Each interface of a host is one end of a cable
(a veth pair) whose far end is a port of a switch there; pulling a cable sets the far end down, so
the host sees its carrier go. Loss and filters sit on the far end too, unseen by the host.
"""

import itertools
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Callable, Sequence

from . import reaper
from .host import Host, Interface

CABLES = "cables"
IFNAMSIZ = 16
# A switch looks into no packet: without this, br_netfilter drops broken IP before it is delivered.
HANDS_OFF = "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 > $f; done"
_numbers = itertools.count(1)


class Batches:
    """Commands for `ip -batch`, a list for each namespace, run side by side."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = defaultdict(list)

    def add(self, namespace: str, *lines: str) -> None:
        self._lines[namespace] += lines

    def run(self) -> None:
        runs = []
        for namespace, lines in self._lines.items():
            popen = subprocess.Popen(
                ["ip", "-n", namespace, "-batch", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert popen.stdin
            popen.stdin.write("\n".join(lines) + "\n")
            popen.stdin.close()
            runs.append((namespace, lines, popen))
        for namespace, lines, popen in runs:
            assert popen.stderr
            message = popen.stderr.read()
            if popen.wait() != 0:
                raise RuntimeError(f"{namespace}: {message}" + "\n".join(lines))


@dataclass
class Cable:
    """The cable from a host's interface to its switch; `port` is its end at the switch."""

    namespace: str
    port: str
    switch: str
    mtu: int | None = None

    def commands(self, name: str, namespace: str) -> list[str]:
        """Lines for `ip -batch` that lay it to an interface of a host."""
        mtu = f"mtu {self.mtu} " if self.mtu else ""
        peer = f"peer name {name} {mtu}netns {namespace}"
        return [
            f"link add {self.port} {mtu}type veth {peer}",
            f"link set {self.port} addrgenmode none master {self.switch} up",
        ]

    def pull(self) -> None:
        """No carrier any more."""
        self._ip("link", "set", self.port, "down")

    def plug(self) -> None:
        """Carrier again."""
        self._ip("link", "set", self.port, "up")

    def move(self, switch: "Switch") -> None:
        """Plug the cable into another switch."""
        self._ip("link", "set", self.port, "master", switch.name)
        self.switch = switch.name

    def lose(self, percent: float) -> None:
        """Lose packets at random, in both directions."""
        rule = "drop" if percent >= 100 else f"numgen random mod 10000 < {percent * 100:.0f} drop"
        self.filter(from_host=rule, to_host=rule)

    def filter(self, from_host: str = "", to_host: str = "") -> None:
        """nft statements for packets of one direction, such as `udp dport 67 drop`.

        They replace those of an earlier call."""
        self.clear()
        hook = f'device "{self.port}" priority 0'
        chains = [("ingress", from_host), ("egress", to_host)]
        self._nft(
            f"table netdev {self._table} {{"
            + "".join(
                f"chain {name} {{ type filter hook {name} {hook}; {statements}; }}; "
                for name, statements in chains
                if statements
            )
            + "}"
        )

    def clear(self) -> None:
        """Deliver everything again."""
        self._nft(f"table netdev {self._table} {{}}; delete table netdev {self._table}")

    @property
    def _table(self) -> str:
        return f"cable-{self.port}"

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", "-n", self.namespace, *arguments], check=True)

    def _nft(self, ruleset: str) -> None:
        command = ["ip", "netns", "exec", self.namespace, "nft", "-f", "-"]
        result = subprocess.run(command, input=ruleset, text=True, capture_output=True)
        if result.returncode != 0:
            raise RuntimeError(f"{result.stderr}{ruleset}")


@dataclass(frozen=True)
class Port:
    """Where an interface is plugged in, and the addresses it is given."""

    switch: "Switch"
    addresses: tuple[str, ...] = ()
    mac: str | None = None
    up: bool = False
    mtu: int | None = None


@dataclass(frozen=True)
class Switch:
    """An Ethernet segment."""

    name: str

    def at(self, *addresses: str, **attributes: Any) -> Port:
        """A port for an interface with these addresses (address/length)."""
        return Port(self, addresses, **attributes)


class Lab:
    """A raised topology. `with Lab(topologies.home) as lab:` builds it and takes it down again."""

    def __init__(self, topology: Callable[..., None] | None = None, **options: Any) -> None:
        self.topology = topology
        self.options = options
        self.name = reaper.lab_name(next(_numbers))
        self.hosts: dict[str, Host] = {}
        self.switches: dict[str, Switch] = {}
        self._pending_hosts: list[Host] = []
        self._pending_switches: list[Switch] = []

    # The plan

    def switch(self, name: str) -> Switch:
        """A new switch."""
        if name in self.switches:
            raise ValueError(f"there is a switch {name} already")
        switch = self.switches[name] = Switch(name)
        self._pending_switches.append(switch)
        return switch

    def host(self, name: str, **ports: Switch | Port) -> Host:
        """A new host; each keyword is an interface: eth0=lan, or lan=lan.at("192.168.1.1/24")."""
        if name in self.hosts or name == CABLES:
            raise ValueError(f"there is a host {name} already")
        host = self.hosts[name] = Host(name, f"{self.name}.{name}")
        for interface, place in ports.items():
            port = place if isinstance(place, Port) else Port(place)
            cable = Cable(self._cables, far_end(name, interface), port.switch.name, port.mtu)
            host.interfaces[interface] = Interface(cable, port.addresses, port.mac, port.up)
        self._pending_hosts.append(host)
        return host

    def plug_in(self, host: Host, name: str, place: Switch | Port) -> None:
        """A new interface in a running host, with its cable."""
        port = place if isinstance(place, Port) else Port(place)
        cable = Cable(self._cables, far_end(host.name, name), port.switch.name, port.mtu)
        interface = Interface(cable, port.addresses, port.mac, port.up)
        host.interfaces[name] = interface
        batches = Batches()
        batches.add(self._cables, *cable.commands(name, host.namespace))
        batches.run()
        batches = Batches()
        batches.add(host.namespace, "link set lo up", *interface.commands(name))
        batches.run()

    def unplug(self, host: Host, name: str) -> None:
        """Take an interface out of a running host, as a USB adapter is."""
        del host.interfaces[name]
        batches = Batches()
        batches.add(host.namespace, f"link del {name}")
        batches.run()

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    # Beginning and end

    def __enter__(self) -> "Lab":
        reaper.reap()
        try:
            if self.topology:
                self.topology(self, **self.options)
            self.build()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    def build(self) -> None:
        """Make what was planned since the last call: namespaces, cables, addresses, servers."""
        hosts, switches = self._pending_hosts, self._pending_switches
        self._pending_hosts, self._pending_switches = [], []
        self._add_namespaces(hosts)
        for host in hosts:
            host.start_holder()
        self._lay_cables(hosts, switches)
        batches = Batches()
        for host in hosts:
            batches.add(host.namespace, host.setup_commands())
        batches.run()
        for host in hosts:
            host.wait_for_holder()
        for host in hosts:
            host.load_ruleset()
        self._start_servers(hosts)

    def destroy(self) -> None:
        """Take everything down, whatever state it is in."""
        names = reaper.namespaces(self.name)
        if names:
            reaper.destroy(names)
        for host in self.hosts.values():
            for process in host.processes:
                process.popen.wait()
            if host.holder:
                assert host.holder.stdout
                host.holder.stdout.close()
                host.holder.wait()

    def report(self) -> str:
        """The state and the logs of all hosts."""
        return "\n".join(host.report() for host in self.hosts.values() if host.holder)

    # Steps of build()

    def _add_namespaces(self, hosts: Sequence[Host]) -> None:
        names = [host.namespace for host in hosts]
        new = not reaper.namespaces(self.name)
        if new:
            names.append(self._cables)
        batch = "".join(f"netns add {name}\n" for name in names)
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
        if new:
            command = ["ip", "netns", "exec", self._cables, "sh", "-c", HANDS_OFF]
            subprocess.run(command, check=True)

    @property
    def _cables(self) -> str:
        return f"{self.name}.{CABLES}"

    def _lay_cables(self, hosts: Sequence[Host], switches: Sequence[Switch]) -> None:
        lines = []
        for switch in switches:
            lines.append(f"link add {switch.name} type bridge forward_delay 0 mcast_snooping 0")
            lines.append(f"link set {switch.name} addrgenmode none up")
        for host in hosts:
            for name, interface in host.interfaces.items():
                lines += interface.cable.commands(name, host.namespace)
        batches = Batches()
        batches.add(self._cables, *lines)
        batches.run()

    def _start_servers(self, hosts: Sequence[Host]) -> None:
        servers = [server for host in hosts for server in host.servers]
        servers.sort(key=lambda server: -server.start_cost)
        for server in servers:
            server.start()
        for server in servers:
            server.wait_until_ready()


def far_end(host: str, interface: str) -> str:
    """The name of a cable's end at the switch."""
    name = f"{host}.{interface}"
    if len(name) >= IFNAMSIZ:
        raise ValueError(f"{name} is too long for the name of an interface")
    return name
