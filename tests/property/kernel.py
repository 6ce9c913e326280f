"""What the kernel has, asked without the daemon: a snapshot that two moments can be compared by."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from lab import Host

Values = dict[Any, Any]
LOCAL = "255"  # the table that follows from the addresses, once they are found to be unique

BATCH = "link show\naddr show\nroute show table all\nrule show\n"

# What runs, or follows from what is compared already, or from the order in which links were made.
PASSING = {
    "ifindex", "link_index", "ifi_flags", "flags", "operstate", "group", "txqlen", "qdisc",
    "num_tx_queues", "num_rx_queues", "gso_max_size", "gso_max_segs", "tso_max_size",
    "tso_max_segs", "gro_max_size", "gso_ipv4_max_size", "gro_ipv4_max_size", "allmulti",
    "promiscuity", "hello_timer", "tcn_timer", "topology_change_timer", "gc_timer", "root_id",
    "bridge_id", "root_port", "root_path_cost", "topology_change", "topology_change_detected",
    "designated_port", "designated_cost", "designated_bridge", "designated_root", "hold_timer",
    "message_age_timer", "forward_delay_timer", "topology_change_ack", "config_pending", "id",
    "no", "state", "multicast_router", "mcast_querier_timer", "valid_life_time",
    "preferred_life_time", "tentative", "dadfailed", "master", "link",
}  # fmt: skip


@dataclass
class Kernel:
    """Links by name, and all else by what names it; each value is what it is compared by."""

    links: Values
    addresses: Values
    routes: Values
    rules: Values
    settings: Values

    def parts(self) -> Iterator[tuple[str, Values]]:
        yield from vars(self).items()

    def names(self) -> set[str]:
        return set(self.links)


def without_passing(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_passing(v) for k, v in value.items() if k not in PASSING}
    if isinstance(value, list):
        return [without_passing(item) for item in value]
    return value


def is_of_link_layer(address: str) -> bool:
    """fe80::/64 and what follows from it comes and goes with the carrier."""
    return address.startswith(("fe80:", "ff"))


def take_links(found: list[Values]) -> Values:
    links = {}
    for link in found:
        seen = without_passing(link)
        seen["up"] = "UP" in link["flags"]
        seen["controller"] = link.get("master")
        seen["parent"] = link.get("link")
        links[link["ifname"]] = seen
    return links


def take_addresses(found: list[Values]) -> Values:
    return {
        (link["ifname"], f"{address['local']}/{address['prefixlen']}"): without_passing(address)
        for link in found
        for address in link.get("addr_info", [])
        if not is_of_link_layer(address["local"])
    }


def take_routes(found: list[Values]) -> Values:
    routes = {}
    for route in found:
        if is_of_link_layer(route["dst"]) or route.get("table") == LOCAL:
            continue
        place = (route.get("table", "main"), route["dst"], route.get("metric", 0), route.get("dev"))
        routes[place] = without_passing(route)
    return routes


def take_rules(family: str, found: list[Values]) -> Values:
    return {(family, rule["priority"], json.dumps(rule, sort_keys=True)): rule for rule in found}


def read_settings(names: set[str]) -> Values:
    """Every switch of every link. A link that goes meanwhile has none."""
    settings = {}
    for family in ("ipv4", "ipv6"):
        for name in names:
            directory = f"/proc/sys/net/{family}/conf/{name}"
            try:
                files = os.listdir(directory)
            except FileNotFoundError:
                continue
            for file in files:
                if file in ("stable_secret", "mtu", "base_reachable_time"):
                    continue
                try:
                    settings[family, name, file] = Path(directory, file).read_text().strip()
                except OSError:
                    continue
    return settings


def ask(family: int) -> list[list[Values]]:
    """Links, addresses, routes and rules, in the words of iproute2."""
    command = ["ip", "-j", "-d", "-N", f"-{family}", "-batch", "-"]
    result = subprocess.run(command, input=BATCH, stdout=subprocess.PIPE, text=True, check=True)
    decoder, answers, rest = json.JSONDecoder(), [], result.stdout.lstrip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].lstrip()
    return answers


def look(host: Host) -> Kernel:
    """The kernel's state in a host."""
    with host.entered():
        links, addresses, routes, rules = ask(4)
        _, addresses6, routes6, rules6 = ask(6)
        return Kernel(
            links=take_links(links),
            addresses=take_addresses(addresses + addresses6),
            routes=take_routes(routes + routes6),
            rules=take_rules("ipv4", rules) | take_rules("ipv6", rules6),
            settings=read_settings({link["ifname"] for link in links} | {"all", "default"}),
        )


def apart(path: str, old: Any, new: Any) -> Iterator[str]:
    """The members in which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys(), key=str):
            yield from apart(f"{path} {key}", old.get(key), new.get(key))
    elif old != new:
        yield f"{path}: {old} -> {new}"


def difference(before: Kernel, after: Kernel) -> list[str]:
    """What of the two differs, a line each."""
    return [line for part, old in before.parts() for line in apart(part, old, getattr(after, part))]
