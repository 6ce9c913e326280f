"""Real servers as plugs: each knows how to configure, start and await one program in a host."""

from .base import Server, Unsupported
from .dhcp import DhcpService, Dnsmasq, Kea, Udhcpd
from .dns import Forwarder, Nsd, Unbound, Zone
from .noise import Garbage, Murmur
from .web import Https

__all__ = [
    "DhcpService",
    "Dnsmasq",
    "Forwarder",
    "Garbage",
    "Https",
    "Kea",
    "Murmur",
    "Nsd",
    "Server",
    "Udhcpd",
    "Unbound",
    "Unsupported",
    "Zone",
]
