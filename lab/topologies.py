"""The networks of the labs. In each, `host` is the bare machine that nobody has configured."""

from dataclasses import replace
from typing import Any, Callable

from .servers import (
    DhcpService,
    Dnsmasq,
    Forwarder,
    Garbage,
    Https,
    Murmur,
    Nsd,
    Unbound,
    Zone,
)
from .servers.dhcp import DhcpServer
from .topology import Lab, Port

DhcpKind = Callable[[DhcpService], DhcpServer]
TOPOLOGIES: dict[str, Callable[..., None]] = {}


def topology(function: Callable[..., None]) -> Callable[..., None]:
    """Make a topology known to `python3 -m lab`; the first line of its docstring describes it."""
    TOPOLOGIES[function.__name__] = function
    return function


@topology
def wire(lab: Lab) -> None:
    """Two hosts and a switch, nothing configured: for servers scripted by a test."""
    lan = lab.switch("lan")
    lab.host("server", lan=lan.at(up=True))
    lab.host("host", eth0=lan)


@topology
def internet(lab: Lab) -> None:
    """A host straight in the Internet, without any DHCP."""
    isp = lab.switch("isp")
    add_internet(lab, isp=isp.at("198.51.100.1/24"))
    lab.host("host", eth0=isp)


@topology
def home(lab: Lab, dhcp: DhcpKind | None = Dnsmasq, **service: Any) -> None:
    """A home: a router with NAT, DHCP and DNS between the LAN and the Internet."""
    isp, lan = lab.switch("isp"), lab.switch("lan")
    add_internet(lab, isp=isp.at("198.51.100.1/24"))
    add_router(lab, "router", isp.at("198.51.100.2/24"), lan.at("192.168.1.1/24"), dhcp, service)
    lab.host("host", eth0=lan)


@topology
def two_uplinks(lab: Lab, dhcp: DhcpKind | None = Dnsmasq, **service: Any) -> None:
    """Two cables in the host, each to a router with an Internet connection of its own."""
    isps, lans = [], []
    for letter in "ab":
        isps.append(lab.switch(f"isp-{letter}"))
        lans.append(lab.switch(f"lan-{letter}"))
    add_internet(lab, isp_a=isps[0].at("198.51.100.1/24"), isp_b=isps[1].at("203.0.113.1/24"))
    wan_a, lan_a = isps[0].at("198.51.100.2/24"), lans[0].at("192.168.1.1/24")
    wan_b, lan_b = isps[1].at("203.0.113.2/24"), lans[1].at("192.168.2.1/24")
    add_router(lab, "router-a", wan_a, lan_a, dhcp, service)
    add_router(lab, "router-b", wan_b, lan_b, dhcp, service)
    lab.host("host", eth0=lans[0], eth1=lans[1])


@topology
def silent(lab: Lab, murmur_every: float = 10.0) -> None:
    """A LAN without DHCP: a router, a NAS and a printer with static addresses that rarely speak."""
    isp, lan = lab.switch("isp"), lab.switch("lan")
    add_internet(lab, isp=isp.at("198.51.100.1/24"))
    wan, inside = isp.at("198.51.100.2/24"), lan.at("192.168.178.1/24")
    add_router(lab, "router", wan, inside, None, {})
    for name, address in {"nas": "192.168.178.20/24", "printer": "192.168.178.30/24"}.items():
        station = lab.host(name, eth0=lan.at(address)).route("default", via="192.168.178.1")
        station.sysctl(ipv6__conf__all__disable_ipv6=1)
    lab["printer"].serve(Murmur("eth0", "192.168.178.1", murmur_every))
    lab.host("host", eth0=lan)


@topology
def hostile(lab: Lab, dhcp: DhcpKind | None = Dnsmasq, **service: Any) -> None:
    """A home with a rogue DHCP server, a squatter on the pool, and garbage on the wire."""
    home(lab, dhcp, **service)
    lan = lab.switches["lan"]
    rogue = lab.host("rogue", lan=lan.at("192.168.1.66/24"))
    rogue.serve(
        Dnsmasq(
            DhcpService(
                first="192.168.1.200",
                last="192.168.1.220",
                router="192.168.1.66",
                dns=("192.168.1.66",),
                domain="rogue.invalid",
            )
        )
    )
    squatted = [f"192.168.1.{last}/24" for last in range(100, 200, 2)]
    lab.host("squatter", eth0=lan.at(*squatted))
    lab.host("babbler", eth0=lan.at(up=True)).serve(Garbage("eth0"))


# Parts

ROOT, COM, ANTHROPIC, EXAMPLE = "198.41.0.4", "192.5.6.30", "192.0.2.53", "192.0.2.54"
API, WWW = "192.0.2.80", "192.0.2.81"
NSD_ADDRESSES = (ROOT, COM, ANTHROPIC, EXAMPLE)
RESOLVERS = {"1.1.1.1": ("cloudflare-dns.com", "one.one.one.one"), "8.8.8.8": ("dns.google",)}


def add_internet(lab: Lab, **ports: Port) -> None:
    """The Internet: public resolvers, the DNS tree from the root down, and api.anthropic.com."""
    net = lab.host("internet", **ports).forward()
    net.loopback += [f"{a}/32" for a in (*RESOLVERS, *NSD_ADDRESSES, API, WWW)]
    anthropic = Zone("anthropic.com", ANTHROPIC, [f"api A {API}", f"www A {WWW}", f"@ A {WWW}"])
    example = Zone("example.com", EXAMPLE, [f"www A {WWW}", f"@ A {WWW}"])
    com = Zone("com", COM, children=[anthropic, example])
    net.serve(Nsd(Zone("", ROOT, children=[com])), Nsd(com), Nsd(anthropic), Nsd(example))
    net.serve(*(Unbound(address, *names, root=ROOT) for address, names in RESOLVERS.items()))
    net.serve(Https("api.anthropic.com", API))


def add_router(
    lab: Lab, name: str, wan: Port, lan: Port, dhcp: DhcpKind | None, service: dict[str, Any]
) -> None:
    """A home router: NAT to the first address of the ISP's network, DNS, and DHCP if asked for."""
    router = lab.host(name, wan=wan, lan=lan).forward(masquerade="wan")
    router.route("default", via=wan.addresses[0].rsplit(".", 1)[0] + ".1")
    router.serve(Forwarder("lan", tuple(RESOLVERS)))
    if dhcp:
        address = lan.addresses[0].split("/")[0]
        subnet = address.rsplit(".", 1)[0]
        plain = DhcpService(
            network=f"{subnet}.0/24",
            first=f"{subnet}.100",
            last=f"{subnet}.199",
            router=address,
            dns=(address,),
        )
        router.serve(dhcp(replace(plain, **service)))
