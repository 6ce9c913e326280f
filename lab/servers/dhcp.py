"""DHCP servers: dnsmasq, kea-dhcp4 and udhcpd, all driven by the same description of a service."""

import json
import os
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Iterator

from .base import Server, Unsupported


@dataclass(frozen=True)
class DhcpService:
    """What a DHCP server hands out. Times in seconds; what is None is not sent."""

    interface: str = "lan"
    network: str = "192.168.1.0/24"
    first: str = "192.168.1.100"
    last: str = "192.168.1.199"
    lease_time: int = 3600
    renew_time: int | None = None
    rebind_time: int | None = None
    router: str | None = "192.168.1.1"
    dns: tuple[str, ...] = ("192.168.1.1",)
    domain: str | None = "home.arpa"
    search: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    mtu: int | None = None
    ntp: tuple[str, ...] = ()
    captive_portal: str | None = None
    v6_only_wait: int | None = None
    rapid_commit: bool = False
    reply_delay: int = 0
    reservations: dict[str, str] = field(default_factory=dict)

    @property
    def netmask(self) -> str:
        return str(ip_network(self.network).netmask)


class DhcpServer(Server):
    """A DHCP server for one service."""

    def __init__(self, service: DhcpService = DhcpService()) -> None:
        self.service = service

    def start(self) -> None:
        from ..host import wait_for

        interface = self.service.interface
        wait_for(lambda: self.host.has_carrier(interface), what=f"carrier of {interface}")
        super().start()

    def ready(self) -> bool:
        return self.host.listens("udp", 67)

    def refuse(self, **wanted: object) -> None:
        """Raise Unsupported for the first of these that is asked for."""
        for option, value in wanted.items():
            if value:
                raise Unsupported(f"{self.name} has no {option}")


class Dnsmasq(DhcpServer):
    """dnsmasq, for DHCP alone. Its leases last two minutes at least."""

    name = "dnsmasq"
    start_cost = 10

    def command(self) -> list[str]:
        s = self.service
        if s.lease_time < 120:
            raise Unsupported("dnsmasq has no leases shorter than 120 s")
        return [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
            "--no-ping", "--dhcp-authoritative", "--log-dhcp", "--log-facility=-",
            f"--interface={s.interface}", "--bind-interfaces",
            f"--dhcp-leasefile={self.file('leases')}", f"--pid-file={self.file('pid')}",
            f"--dhcp-range={s.first},{s.last},{s.netmask},{s.lease_time}",
            *self.options(),
        ]  # fmt: skip

    def options(self) -> Iterator[str]:
        s = self.service
        yield f"--dhcp-option=3{',' + s.router if s.router else ''}"
        yield "--dhcp-option=" + ",".join(["6", *s.dns])
        if s.domain:
            yield f"--dhcp-option=15,{s.domain}"
        if s.mtu:
            yield f"--dhcp-option=26,{s.mtu}"
        if s.ntp:
            yield "--dhcp-option=" + ",".join(["42", *s.ntp])
        if s.renew_time:
            yield f"--dhcp-option=option:T1,{s.renew_time}"
        if s.rebind_time:
            yield f"--dhcp-option=option:T2,{s.rebind_time}"
        if s.v6_only_wait is not None:
            yield f"--dhcp-option=108,{s.v6_only_wait.to_bytes(4, 'big').hex(':')}"
        if s.captive_portal:
            yield f"--dhcp-option=114,{s.captive_portal}"
        if s.search:
            yield "--dhcp-option=" + ",".join(["119", *s.search])
        if s.routes:
            yield "--dhcp-option=" + ",".join(["121", *(part for r in s.routes for part in r)])
        if s.rapid_commit:
            yield "--dhcp-rapid-commit"
        if s.reply_delay:
            yield f"--dhcp-reply-delay={s.reply_delay}"
        for mac, address in s.reservations.items():
            yield f"--dhcp-host={mac},{address}"


class Kea(DhcpServer):
    """ISC Kea's kea-dhcp4, leases in memory."""

    name = "kea"
    start_cost = 100

    def configure(self) -> None:
        s = self.service
        self.refuse(rapid_commit=s.rapid_commit, reply_delay=s.reply_delay)
        subnet = {
            "subnet": s.network,
            "pools": [{"pool": f"{s.first}-{s.last}"}],
            "option-data": list(self.options()),
            "reservations": [
                {"hw-address": mac, "ip-address": address}
                for mac, address in s.reservations.items()
            ],
        }
        configuration = {
            "interfaces-config": {"interfaces": [s.interface]},
            "lease-database": {"type": "memfile", "persist": False},
            "authoritative": True,
            "valid-lifetime": s.lease_time,
            "subnet4": [subnet],
            "loggers": [
                {
                    "name": "kea-dhcp4",
                    "output_options": [{"output": "stdout", "flush": True}],
                    "severity": "INFO",
                }
            ],
        }
        if s.renew_time:
            configuration["renew-timer"] = s.renew_time
        if s.rebind_time:
            configuration["rebind-timer"] = s.rebind_time
        self.host.write(self.file("kea.json"), json.dumps({"Dhcp4": configuration}))

    def options(self) -> Iterator[dict[str, object]]:
        s = self.service
        named = {
            "routers": s.router,
            "domain-name-servers": ", ".join(s.dns),
            "domain-name": s.domain,
            "domain-search": ", ".join(s.search),
            "interface-mtu": s.mtu,
            "ntp-servers": ", ".join(s.ntp),
            "v4-captive-portal": s.captive_portal,
            "v6-only-preferred": s.v6_only_wait,
        }
        for name, value in named.items():
            if value not in (None, ""):
                yield {"name": name, "data": str(value)}
        if s.routes:
            data = classless_routes(s.routes).hex()
            yield {"code": 121, "space": "dhcp4", "csv-format": False, "data": data}

    def environment(self) -> dict[str, str]:
        directory = self.file("")
        return os.environ | {"KEA_PIDFILE_DIR": directory, "KEA_LOCKFILE_DIR": directory}

    def command(self) -> list[str]:
        return ["kea-dhcp4", "-c", self.file("kea.json")]


class Udhcpd(DhcpServer):
    """busybox udhcpd. It asks by ARP before each offer, here for 50 ms instead of 2 s."""

    name = "udhcpd"
    start_cost = 5

    def configure(self) -> None:
        s = self.service
        self.refuse(rapid_commit=s.rapid_commit, reply_delay=s.reply_delay)
        lines = [
            f"interface {s.interface}",
            f"start {s.first}",
            f"end {s.last}",
            "min_lease 1",
            f"lease_file {self.file('leases')}",
            f"pidfile {self.file('pid')}",
            *(f"static_lease {mac} {address}" for mac, address in s.reservations.items()),
            *(f"option {option}" for option in self.options()),
        ]
        self.host.write(self.file("leases"), "")
        self.host.write(self.file("udhcpd.conf"), "\n".join(lines) + "\n")

    def options(self) -> Iterator[str]:
        s = self.service
        yield f"lease {s.lease_time}"
        yield f"subnet {s.netmask}"
        named = {
            "router": s.router,
            "dns": " ".join(s.dns),
            "domain": s.domain,
            "search": " ".join(s.search),
            "mtu": s.mtu,
            "ntpsrv": " ".join(s.ntp),
            "staticroutes": ", ".join(f"{prefix} {via}" for prefix, via in s.routes),
        }
        yield from (f"{name} {value}" for name, value in named.items() if value)
        raw = {
            58: s.renew_time and s.renew_time.to_bytes(4, "big"),
            59: s.rebind_time and s.rebind_time.to_bytes(4, "big"),
            108: s.v6_only_wait is not None and s.v6_only_wait.to_bytes(4, "big"),
            114: s.captive_portal and s.captive_portal.encode(),
        }
        yield from (f"{code} {value.hex()}" for code, value in raw.items() if value)

    def command(self) -> list[str]:
        return ["busybox", "udhcpd", "-f", "-a", "50", self.file("udhcpd.conf")]


def classless_routes(routes: tuple[tuple[str, str], ...]) -> bytes:
    """The value of option 121 (RFC 3442): prefix length, significant octets, router."""
    encoded = b""
    for prefix, via in routes:
        network = ip_network(prefix)
        significant = (network.prefixlen + 7) // 8
        encoded += bytes([network.prefixlen]) + network.network_address.packed[:significant]
        encoded += ip_network(via).network_address.packed
    return encoded
