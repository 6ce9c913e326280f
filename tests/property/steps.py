"""Random steps as plain data, so that a sequence can be printed, cut down and played again.

What cannot be known before (which transaction, which address somebody takes away) is a number that
picks one of those that there are when the step is taken.
"""

import random
from typing import Any

BASE = ("vetha", "vethb", "vethc", "vethd")  # two pairs, there before the daemon
DEVICES = ("br0", "br1", "mv0", "vx0", "ve0")
PEER = "ve1"
LEASED = "vethw"  # whose other end has a DHCP server
PORTS = ("vethb", "vethd", PEER)
Step = dict[str, Any]

WEIGHTS = {
    "merge": 30, "replace": 8, "route_add": 8, "route_del": 4, "undo": 10, "plan": 6, "refused": 6,
    "confirm": 5, "unconfirmed": 3, "interference": 8, "kill": 4, "restart": 3,
}  # fmt: skip


class Dice:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, items: Any, most: int) -> list[Any]:
        items = list(items)
        return self.random.sample(items, self.random.randint(0, min(most, len(items))))

    def one(self, items: Any) -> Any:
        return self.random.choice(list(items))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    # Parts of a document

    def device(self, name: str) -> Step:
        kind = {"b": "bridge", "m": "macvlan", "v": "veth"}[name[0]]
        if name == "vx0":
            return {"kind": "vxlan", "vxlan": {"id": self.one((7, 8)), "parent": "vetha"}}
        options: Step = {}
        if kind == "bridge":
            options = {"priority": self.one((4096, 32768)), "ageing_time": self.one((20, 300))}
            if self.chance(0.3):
                options |= {"stp": True, "forward_delay": 4}
        elif kind == "macvlan":
            options = {"parent": self.one(("vetha", "vethc", "br0")), "mode": self.one(("bridge", "vepa"))}
        elif kind == "veth":
            options = {"peer": PEER}
        return {"kind": kind, kind: options}

    def address(self) -> str:
        if self.chance(0.25):
            return f"fd00:{self.one(range(1, 5))}::{self.one(range(1, 9))}/64"
        return f"10.{self.one(range(1, 7))}.{self.one(range(3))}.{self.one(range(1, 9))}/24"

    def route(self, family: int = 4) -> Step:
        place = self.one(range(1, 6))
        route: Step = {"destination": f"198.18.{place}.0/24" if family == 4 else f"fd00:99:{place}::/48"}
        if self.chance(0.5):
            route["metric"] = self.one((5, 6))
        if self.chance(0.2):
            route["table"] = self.one((100, 200))
        return route

    def gateway(self, addresses: list[str], family: int = 4) -> Step:
        """A next hop in one of the networks of the same entry, sometimes."""
        networks = [a for a in addresses if a.startswith("10." if family == 4 else "fd00:")]
        if not networks or self.chance(0.5):
            return {}
        between = "." if family == 4 else ":"
        return {"gateway": self.one(networks).rsplit(between, 1)[0] + between + "77"}

    def multipath(self, links: list[Step]) -> Step | None:
        """A route by two links of the document."""
        up = [link["name"] for link in links if link.get("up", True)]
        if len(up) < 2 or self.chance(0.6):
            return None
        hops = [{"link": name, "weight": self.one((1, 3))} for name in self.random.sample(up, 2)]
        return self.route() | {"nexthops": hops}

    def link(self, name: str) -> Step:
        link: Step = {"name": name}
        if name in DEVICES and self.chance(0.9):
            link |= self.device(name)
        if name in PORTS and self.chance(0.5):
            link["controller"] = self.one(("br0", "br1"))
        if self.chance(0.25):
            link["up"] = self.chance(0.6)
        if self.chance(0.25):
            # Above what it lies on there is never more: that would contradict itself.
            link["mtu"] = 1280 if name == "mv0" else self.one((1280, 1400, 1500))
        if self.chance(0.1):
            link["mac"] = f"02:00:00:00:00:{self.one(range(16, 99))}"
        link["addresses"] = list({self.address() for _ in range(self.one((0, 1, 1, 2, 3)))})
        if name == LEASED:
            link = {"name": name, "addresses": link["addresses"]}
            if self.chance(0.7):
                link["dhcp"] = self.one((True, True, {"metric": 50}))
        if link.get("up", True):
            routes = {}
            for _ in range(self.one((0, 0, 1, 2))):
                family = self.one((4, 4, 6))
                route = self.route(family) | self.gateway(link["addresses"], family)
                routes[route.get("table"), route["destination"], route.get("metric")] = route
            link["routes"] = list(routes.values())
        if self.chance(0.3):
            names = ("forwarding", "rp_filter", "proxy_arp")
            link["settings"] = {key: self.one((0, 1)) for key in self.some(names, 2)}
        return link

    def document(self, most: int = 4) -> Step:
        links = [self.link(name) for name in self.some((*BASE, *DEVICES, PEER, LEASED), most)]
        taken = {(r.get("table"), r["destination"], r.get("metric"))
                 for link in links for r in link.get("routes", [])}  # fmt: skip
        # The same place by two links is refused; not what is tried here.
        seen = set()
        for link in links:
            kept = []
            for route in link.get("routes", []):
                place = (route.get("table"), route["destination"], route.get("metric"))
                if place not in seen:
                    seen.add(place)
                    kept.append(route)
            if "routes" in link:
                link["routes"] = kept
        document: Step = {"links": links}
        loose = self.multipath(links) or self.route(self.one((4, 6))) | {
            "type": self.one(("blackhole", "prohibit", "unreachable"))}  # fmt: skip
        if self.chance(0.3) and (loose.get("table"), loose["destination"], loose.get("metric")) not in taken:
            document["routes"] = [loose]
        if self.chance(0.3):
            document["rules"] = [self.rule()]
        return document

    def rule(self) -> Step:
        return {"family": "ipv4", "priority": self.one(range(1000, 1004)),
                "from": f"198.18.{self.one(range(4))}.0/24", "table": self.one((100, 200))}  # fmt: skip

    # Steps

    def step(self) -> Step:
        kind = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        step: Step = {"do": kind, "pick": self.random.randrange(1 << 30)}
        if kind in ("merge", "plan", "confirm", "unconfirmed"):
            step["document"] = self.document()
        elif kind == "replace":
            step["document"] = self.document(8) | {"mode": "replace"}
        elif kind == "refused":
            step["document"] = self.refused_document()
        elif kind == "route_add":
            step["route"] = self.route() | {"link": self.one(BASE)}
        return step

    def refused_document(self) -> Step:
        """One whose last part the kernel refuses, when all before it is done."""
        document = self.document()
        links = [link for link in document["links"] if link["name"] != "vetha"]
        route = {"destination": "203.0.113.0/24", "gateway": "192.0.2.99"}
        return document | {"links": [*links, {"name": "vetha", "up": True, "routes": [route]}]}


def steps(seed: int, count: int) -> list[Step]:
    dice = Dice(seed)
    return [dice.step() for _ in range(count)]
