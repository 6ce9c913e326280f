"""The experiments with many of each."""

from typing import Callable

from .crowd import links_100, links_1000
from .foreign import arp_storm, foreign_routes, million_routes, neighbours, veths
from .own_routes import own_routes
from .proof import firewall_proof
from .rows import Choice, Row
from .troubles import overrun, restart

SCALE_EXPERIMENTS: dict[str, Callable[[Choice], list[Row]]] = {
    "links-100": links_100,
    "links-1000": links_1000,
    "routes-12500": own_routes,
    "route-change": own_routes,
    "foreign-routes-20000": foreign_routes,
    "routes-1000000": million_routes,
    "arp-storm": arp_storm,
    "neighbours-65000": neighbours,
    "veths-1000": veths,
    "restart-100": restart,
    "overrun-100": overrun,
    "firewall-proof": firewall_proof,
}

# Left out of a quick run, unless they are named.
HEAVY = frozenset({"links-1000", "routes-1000000"})
