"""Sequences of steps that failed when a long run came upon them, cut down to what it takes."""

from steps import Step


def merge(*links: Step, do: str = "merge") -> Step:
    return {"do": do, "pick": 0, "document": {"links": list(links)}}


def macvlan(parent: str, *addresses: str) -> Step:
    options = {"parent": parent, "mode": "bridge"}
    return {"name": "mv0", "kind": "macvlan", "macvlan": options, "addresses": list(addresses)}


FOUND: dict[str, list[Step]] = {
    "a device goes back to a parent that is not there, and what is on it waits again": [
        merge({"name": "vetha"}, macvlan("br0", "10.3.1.2/24")),
        merge(macvlan("vetha", "10.4.0.1/24") | {"mtu": 1280}, do="unconfirmed"),
    ],
    "a device that cannot move to a link that is made with it stays where it is": [
        merge({"name": "vetha", "mtu": 1400}, macvlan("vetha", "10.3.1.2/24")),
        merge({"name": "vetha", "mtu": 1500}),
        merge({"name": "br0", "kind": "bridge"}, macvlan("br0", "10.3.1.2/24")),
    ],
}
