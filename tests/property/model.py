"""The model: intent as a flat table, what a step makes of it, and what the kernel then has to be.

It is written from what the tools promise, and knows nothing of how the daemon does it.
"""

from dataclasses import dataclass, field
from typing import Any, Iterator

from kernel import Kernel

OURS = "161"  # rtm_protocol of the daemon's routes and rules
MAIN = 254

Id = tuple[Any, ...]
Document = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    spec: Any
    transaction: int


Intent = dict[Id, Resource]
Edits = dict[Id, Any]  # None: is to go


def link_of(id: Id, spec: Any) -> str | None:
    """The link that a resource is on, as far as the tools count it."""
    if id[0] == "route":
        return spec.get("link")
    return None if id[0] == "rule" else id[1]


def route_id(route: Document) -> Id:
    return ("route", route.get("table", MAIN), route["destination"], route.get("metric", 0))


def link_settings(link: Document, former: Resource | None) -> Document:
    """A link that is named is up unless said; what is not said of that stays."""
    said = {key: link[key] for key in ("up", "mtu", "mac") if key in link}
    if former and not said:
        return former.spec
    return {"up": former.spec["up"] if former else True} | said


def edits_of(document: Document, intent: Intent) -> Edits:
    """What net.apply puts."""
    edits: Edits = {}
    for link in document["links"]:
        name = link["name"]
        if "kind" in link:
            kind = link["kind"]
            edits["device", name] = {"kind": kind} | link.get(kind, {})
        elif ("device", name) in intent:
            edits["device", name] = intent["device", name].spec
        if "controller" in link:
            edits["port", name] = link["controller"]
        if link.get("dhcp"):
            edits["dhcp", name] = {} if link["dhcp"] is True else link["dhcp"]
        edits["link", name] = link_settings(link, intent.get(("link", name)))
        edits |= {("address", name, address): {} for address in link.get("addresses", [])}
        edits |= {("setting", name, key): v for key, v in link.get("settings", {}).items()}
        edits |= {route_id(route): {**route, "link": name} for route in link.get("routes", [])}
    edits |= {route_id(route): route for route in document.get("routes", [])}
    edits |= {("rule", rule["family"], rule["priority"]): rule for rule in document.get("rules", [])}
    return edits


def applied(document: Document, intent: Intent) -> Edits:
    """What net.apply changes, with what goes because it is not named."""
    edits = edits_of(document, intent)
    named = {link["name"] for link in document["links"]}
    for id, resource in intent.items():
        whole = document.get("mode") == "replace"
        if id not in edits and (whole or link_of(id, resource.spec) in named):
            edits[id] = None
    return edits


@dataclass
class Change:
    """One transaction: what it changed, before and after."""

    number: int
    before: dict[Id, Any] = field(default_factory=dict)
    after: dict[Id, Any] = field(default_factory=dict)


def carry_out(intent: Intent, edits: Edits, number: int) -> Change:
    """Change intent; what stays as it is keeps its transaction."""
    change = Change(number)
    for id, spec in edits.items():
        former = intent.get(id)
        if (former.spec if former else None) == spec:
            continue
        change.before[id] = former.spec if former else None
        change.after[id] = spec
        if spec is None:
            del intent[id]
        else:
            intent[id] = Resource(spec, number)
    return change


def undo(intent: Intent, change: Change) -> Edits | None:
    """What undoing a transaction changes; None where something later depends on it."""
    for id, after in change.after.items():
        now = intent.get(id)
        if (now.transaction if now else None) != (None if after is None else change.number):
            return None
    return dict(change.before)


class Expected:
    """What the kernel has to be: intent over what was there before anybody asked for anything."""

    def __init__(self, intent: Intent, baseline: Kernel) -> None:
        self.intent = intent
        self.baseline = baseline
        self.links = self.links_there()

    def of_kind(self, kind: str) -> Iterator[tuple[Id, Any]]:
        return ((id, resource.spec) for id, resource in self.intent.items() if id[0] == kind)

    def links_there(self) -> set[str]:
        """Devices are there if what they lie on is."""
        links = self.baseline.names()
        devices = {id[1]: spec for id, spec in self.of_kind("device")}
        while True:
            more = {name for name, spec in devices.items()
                    if name not in links and spec.get("parent", "lo") in links}  # fmt: skip
            more |= {devices[name]["peer"] for name in more if "peer" in devices[name]}
            if not more - links:
                return links
            links |= more

    def is_up(self, name: str | None) -> bool:
        link = self.intent.get(("link", name))
        return name in self.links and bool(link and link.spec["up"])

    def faults(self, kernel: Kernel) -> Iterator[str]:
        """What the kernel has otherwise."""
        for name in self.links ^ kernel.names():
            yield f"link {name} " + ("is missing" if name in self.links else "is too much")
        for name in self.links & kernel.names():
            yield from self.link_faults(name, kernel)
        yield from self.setting_faults(kernel)
        leased, others = leased_addresses(kernel)
        either = self.addresses_of_nobodys_links()
        yield from apart("addresses", self.addresses() - either, others - either)
        by_lease, routes = leased_routes(kernel)
        either = self.routes_of_some_links()
        yield from apart("routes", self.routes() - either, routes - either)
        clients = {id[1] for id, _ in self.of_kind("dhcp")}
        for what, links in (("addresses", leased), ("default routes", by_lease)):
            if sorted(links) != sorted(clients):
                yield f"{what} by DHCP are on {links} and not on {clients}"
        yield from apart("rules", {id[1:] for id, _ in self.of_kind("rule")}, set(our_rules(kernel)))

    def link_faults(self, name: str, kernel: Kernel) -> Iterator[str]:
        seen, before = kernel.links[name], self.baseline.links.get(name)
        intended = self.intent.get(("link", name))
        wanted = intended.spec if intended else {}
        if before:
            wanted = {"up": before["up"], "mtu": before["mtu"], "mac": before["address"]} | wanted
        for key, place in (("up", "up"), ("mtu", "mtu"), ("mac", "address")):
            if key in wanted and wanted[key] != seen[place]:
                yield f"{key} of {name} is {seen[place]} and not {wanted[key]}"
        port = self.intent.get(("port", name))
        controller = port.spec if port and port.spec in self.links else None
        if seen["controller"] != controller:
            yield f"{name} is a port of {seen['controller']} and not of {controller}"
        if device := self.intent.get(("device", name)):
            yield from device_faults(name, device.spec, seen)

    def setting_faults(self, kernel: Kernel) -> Iterator[str]:
        for id, value in self.of_kind("setting"):
            seen = kernel.settings.get(("ipv4", *id[1:]))
            if id[1] in self.links and seen != str(value):
                yield f"setting {id[2]} of {id[1]} is {seen} and not {value}"
        for id, before in self.baseline.settings.items():
            seen = kernel.settings.get(id)
            if ("setting", *id[1:]) not in self.intent and id[2] in SETTINGS and seen != before:
                yield f"setting {id} is {seen} and was {before}"

    def addresses(self) -> set[Id]:
        wanted = {
            id[1:]
            for id, _ in self.of_kind("address")
            if id[1] in self.links and (":" not in id[2] or self.is_up(id[1]))
        }
        return wanted | self.baseline.addresses.keys()

    def routes(self) -> set[Id]:
        return {
            (*id[1:3], metric_in_kernel(id), *hops_of(spec), spec.get("type", "unicast"))
            for id, spec in self.of_kind("route")
            if spec.get("type", "unicast") != "unicast" or all(map(self.is_up, links_of(spec)))
        }

    def addresses_of_nobodys_links(self) -> set[Id]:
        """A link that intent does not hold may be down, and loses its IPv6 addresses then; the
        kernel takes them back there all the same."""
        return {id[1:] for id, _ in self.of_kind("address")
                if ":" in id[2] and ("link", id[1]) not in self.intent}  # fmt: skip

    def routes_of_some_links(self) -> set[Id]:
        """Of several links one of which is down: the kernel keeps it where it was there before."""
        several = [(id, spec) for id, spec in self.of_kind("route") if "nexthops" in spec]
        return {
            (*id[1:3], metric_in_kernel(id), *hops_of(spec), "unicast")
            for id, spec in several
            if len({self.is_up(name) for name in links_of(spec)}) == 2
        }

    def has_route(self, id: Id) -> bool:
        return (*id[1:3], metric_in_kernel(id)) in {route[:3] for route in self.routes()}


def links_of(route: Document) -> list[str]:
    return [hop["link"] for hop in route.get("nexthops", [route])]


def hops_of(route: Document) -> tuple[Any, Any]:
    """The link and the gateway, or the hops in the place of the link."""
    hops = route.get("nexthops")
    if not hops:
        return route.get("link"), route.get("gateway")
    return tuple(sorted((hop["link"], hop["weight"]) for hop in hops)), None


def metric_in_kernel(id: Id) -> int:
    """Without a metric an IPv6 route has 1024 (IP6_RT_PRIO_USER)."""
    return id[3] or (1024 if ":" in id[2] else 0)


LEASES = "10.99.0."  # the network of the DHCP server, which no step names


def leased_addresses(kernel: Kernel) -> tuple[list[str], set[Id]]:
    leased = {id for id in kernel.addresses if id[1].startswith(LEASES)}
    return [link for link, _ in leased], kernel.addresses.keys() - leased


def leased_routes(kernel: Kernel) -> tuple[list[str], set[Id]]:
    ours = set(our_routes(kernel))
    leased = {route for route in ours if (route[4] or "").startswith(LEASES)}
    return [route[3] for route in leased], ours - leased


SETTINGS = ("forwarding", "rp_filter", "proxy_arp")
DEVICE_OPTIONS = {
    # member of the document: where `ip -d` has it
    "stp": ("stp_state", int),
    "priority": ("priority", int),
    "ageing_time": ("ageing_time", lambda seconds: seconds * 100),
    "mode": ("mode", str),
    "id": ("id", int),
}


def device_faults(name: str, spec: Document, seen: Document) -> Iterator[str]:
    information = seen.get("linkinfo", {})
    if information.get("info_kind") != spec["kind"]:
        yield f"{name} is a {information.get('info_kind')} and no {spec['kind']}"
        return
    for member, (place, convert) in DEVICE_OPTIONS.items():
        found = information.get("info_data", {}).get(place)
        if member in spec and place in information["info_data"] and convert(spec[member]) != found:
            yield f"{member} of {name} is {found} and not {spec[member]}"


# rtm_type, as `ip -N` has it
ROUTE_TYPES = {"1": "unicast", "6": "blackhole", "7": "unreachable", "8": "prohibit"}


def our_routes(kernel: Kernel) -> Iterator[Id]:
    for (table, destination, metric, device), route in kernel.routes.items():
        if route["protocol"] == OURS:
            kind = ROUTE_TYPES[route.get("type", "1")]
            device = device if kind == "unicast" else None
            if hops := route.get("nexthops"):
                device = tuple(sorted((hop["dev"], hop["weight"]) for hop in hops))
            yield (int(table), destination, metric, device, route.get("gateway"), kind)


def our_rules(kernel: Kernel) -> Iterator[Id]:
    for (family, priority, _), rule in kernel.rules.items():
        if rule.get("protocol") == OURS:
            yield family, priority


def apart(what: str, wanted: set[Id], seen: Any) -> Iterator[str]:
    for item in sorted(wanted - set(seen), key=str):
        yield f"{what}: {item} is missing"
    for item in sorted(set(seen) - wanted, key=str):
        yield f"{what}: {item} is too much"
