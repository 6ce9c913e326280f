"""DNS: authoritative zones (nsd), recursive resolvers (unbound), a router's forwarder (dnsmasq)."""

from dataclasses import dataclass, field

from .base import Server
from ..certificates import authority


@dataclass
class Zone:
    """A zone: its name, the address of its server, its records, and the zones below it."""

    name: str
    address: str
    records: list[str] = field(default_factory=list)
    children: list["Zone"] = field(default_factory=list)

    @property
    def server(self) -> str:
        """The name of the zone's server."""
        return f"ns.{self.name}" if self.name else "a.root-servers.net"

    def text(self) -> str:
        """The zone file."""
        lines = [
            f"$ORIGIN {self.name}.",
            "$TTL 300",
            f"@ SOA {self.server}. hostmaster.{self.server}. 1 3600 600 86400 60",
            f"@ NS {self.server}.",
            f"{self.server}. A {self.address}",
        ]
        for child in self.children:
            lines += [f"{child.name}. NS {child.server}.", f"{child.server}. A {child.address}"]
        return "\n".join(lines + self.records) + "\n"


class Nsd(Server):
    """nsd, authoritative for some zones on one address."""

    start_cost = 40

    def __init__(self, *zones: Zone) -> None:
        self.zones = zones
        self.address = zones[0].address
        self.name = f"nsd-{zones[0].name or 'root'}"

    def configure(self) -> None:
        directory = self.file("")
        text = f"""server:
    ip-address: {self.address}
    server-count: 1
    username: ""
    zonesdir: {directory}
    zonelistfile: {directory}zone.list
    xfrdfile: ""
    xfrdir: {directory}
    database: ""
    pidfile: {directory}pid
    rrl-ratelimit: 0
remote-control:
    control-enable: no
"""
        for zone in self.zones:
            file = f"{zone.name or 'root'}.zone"
            self.host.write(f"{directory}{file}", zone.text())
            text += f'zone:\n    name: "{zone.name or "."}"\n    zonefile: {file}\n'
        self.host.write(self.file("nsd.conf"), text)

    def command(self) -> list[str]:
        return ["nsd", "-d", "-c", self.file("nsd.conf")]

    def ready(self) -> bool:
        return "nsd started" in self.log()


class Unbound(Server):
    """unbound, a public recursive resolver: DNS on 53, DNS over TLS on 853."""

    start_cost = 60

    def __init__(self, address: str, *names: str, root: str) -> None:
        self.name = f"unbound-{address}"
        self.address = address
        self.names = names
        self.root = root

    def configure(self) -> None:
        certificate = authority().issue(*self.names, self.address)
        pem, key = certificate.install(self.host, self.name)
        self.host.write(
            self.file("root.hints"),
            f". NS a.root-servers.net.\na.root-servers.net. A {self.root}\n",
        )
        self.host.write(
            self.file("unbound.conf"),
            f"""server:
    verbosity: 1
    interface: {self.address}@53
    interface: {self.address}@853
    tls-service-pem: {pem}
    tls-service-key: {key}
    outgoing-interface: {self.address}
    access-control: 0.0.0.0/0 allow
    root-hints: {self.file("root.hints")}
    module-config: "iterator"
    do-ip6: no
    num-threads: 1
    so-reuseport: no
    msg-cache-size: 1m
    rrset-cache-size: 1m
    username: ""
    chroot: ""
    directory: {self.file("")}
    pidfile: {self.file("pid")}
    use-syslog: no
    logfile: ""
remote-control:
    control-enable: no
""",
        )

    def command(self) -> list[str]:
        return ["unbound", "-d", "-c", self.file("unbound.conf")]

    def ready(self) -> bool:
        return "start of service" in self.log()


class Forwarder(Server):
    """The DNS forwarder of a home router: dnsmasq, for DNS alone."""

    name = "forwarder"
    start_cost = 10

    def __init__(self, interface: str = "lan", upstreams: tuple[str, ...] = ("1.1.1.1",)) -> None:
        self.interface = interface
        self.upstreams = upstreams

    def command(self) -> list[str]:
        return [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root",
            "--no-resolv", "--no-hosts", "--log-facility=-", f"--pid-file={self.file('pid')}",
            f"--interface={self.interface}", "--bind-interfaces", "--except-interface=lo",
            *(f"--server={upstream}" for upstream in self.upstreams),
        ]  # fmt: skip

    def ready(self) -> bool:
        return self.host.listens("udp", 53)
