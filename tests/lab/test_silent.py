"""Networks without DHCP: net.suggest hears what is spoken, and its suggestion works."""

import os
import random
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from lab import Lab
from lab.arp import ProxyArp
from lab.daemon import Daemon, ToolError
from lab.packets import BROADCAST_MAC, ZERO_MAC, Arp, Datagram
from lab.servers import Murmur
from lab.wire import Station

COUNT = int(os.environ.get("AIOSNET_SILENT_COUNT", "3"))
SEED = int(os.environ.get("AIOSNET_SILENT_SEED", "4"))
LEAST_RATE = 0.9
PRIVATE = [IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")]
LISTEN_SECONDS = 10
CHAT_SECONDS = 40.0  # longer than a suggestion takes
GROUP = "224.0.0.251"
GROUP_MAC = "01:00:5e:00:00:fb"


@dataclass
class Neighbour:
    """A host of a LAN: how often it speaks (seconds; 0 for never), and from when on."""

    address: IPv4Interface
    every: float
    first: float


@dataclass
class Subnet:
    gateway: IPv4Interface
    hosts: list[Neighbour]

    @property
    def used(self) -> set[IPv4Address]:
        return {self.gateway.ip, *(host.address.ip for host in self.hosts)}


@dataclass
class Lan:
    """A random LAN: what it has beside its subnets."""

    subnets: list[Subnet]
    proxy: bool
    liar: bool

    @property
    def used(self) -> set[IPv4Address]:
        return set().union(*(subnet.used for subnet in self.subnets))


class Chatter(Station):
    """Says at given times what hosts say."""

    def on_frame(self, frame: bytes, at: float) -> None:
        pass

    def ask(self, address: str, target: str, delay: float) -> None:
        self.send(Arp(1, self.mac, address, ZERO_MAC, target).pack(), delay)

    def tell(self, address: str, mac: str, target: str, delay: float) -> None:
        self.send(Datagram(self.mac, mac, address, target, 5353, 5353, b"").pack(), delay)


def random_network(chance: random.Random, beside: list[Subnet]) -> IPv4Network:
    """A private network of an odd size; sometimes one that has another's neighbourhood."""
    if len(beside) == 1 and beside[0].gateway.network.prefixlen > 24 and chance.random() < 0.4:
        network = beside[0].gateway.network
        parts = network.supernet(new_prefix=24).subnets(new_prefix=network.prefixlen)
        return chance.choice([part for part in parts if part != network])
    length = chance.choice([20, 21, 22, 23, 23, 24, 24, 25, 25, 26, 27, 28, 28, 29])
    private = chance.choice(PRIVATE)
    offset = chance.randrange(2 ** (length - private.prefixlen)) << (32 - length)
    return IPv4Network((int(private.network_address) + offset, length))


def random_subnet(chance: random.Random, beside: list[Subnet]) -> Subnet:
    """A subnet with its gateway first, last or anywhere; its first host never speaks."""
    network = random_network(chance, beside)
    size, length = network.num_addresses, network.prefixlen
    gateway = chance.choice([1, size - 2, chance.randint(1, size - 2)])
    others = [part for part in range(1, min(size - 1, 250)) if part != gateway]
    parts = [gateway, *chance.sample(others, min(len(others) - 2, chance.choice([3, 4, 5])))]
    at = [IPv4Interface((int(network.network_address) + n, length)) for n in parts]
    hosts = [Neighbour(address, chance.choice([1.0, 3.0, 6.0, 10.0]), 0.0) for address in at[2:]]
    for host in hosts:
        host.first = chance.uniform(0, host.every)
    return Subnet(at[0], [Neighbour(at[1], 0.0, 0.0), *hosts])


def random_lan(chance: random.Random) -> Lan:
    subnets: list[Subnet] = []
    for _ in range(chance.choice([1, 1, 2, 3])):
        subnets.append(random_subnet(chance, subnets))
    return Lan(subnets, proxy=chance.random() < 0.3, liar=chance.random() < 0.3)


def silent_lan(lab: Lab, random_lan: Lan) -> None:
    lan = lab.switch("lan")
    gateways = [str(subnet.gateway) for subnet in random_lan.subnets]
    lab.host("router", lan=lan.at(*gateways))
    for n, subnet in enumerate(random_lan.subnets):
        for k, host in enumerate(subnet.hosts):
            lab.host(f"h{n}x{k}", eth0=lan.at(str(host.address)))
    lab.host("liar", eth0=lan.at(up=True))
    lab.host("host", eth0=lan.at(up=True))


def chat(chance: random.Random, station: Chatter, host: Neighbour, subnet: Subnet) -> None:
    """What a host says: mostly it asks for its gateway."""
    address, network = str(host.address.ip), subnet.gateway.network
    peer = str(chance.choice(subnet.hosts).address.ip)
    at = host.first
    while host.every and at < CHAT_SECONDS:
        what = chance.random()
        if what < 0.6:
            station.ask(address, str(subnet.gateway.ip), at)
        elif what < 0.75 and peer != address:
            station.ask(address, peer, at)
        elif what < 0.85:
            station.tell(address, BROADCAST_MAC, str(network.broadcast_address), at)
        else:
            station.tell(address, GROUP_MAC, GROUP, at)
        at += host.every


def lie(chance: random.Random, station: Chatter, lan: Lan) -> None:
    """One host claims many addresses that are nobody's, and asks for a gateway that is none."""
    network = chance.choice(lan.subnets).gateway.network
    free = [IPv4Address(int(network.network_address) + n)
            for n in range(1, min(network.num_addresses - 1, 250))]
    free = [str(address) for address in free if address not in lan.used]
    bogus = chance.choice(free)
    for n in range(int(CHAT_SECONDS * 2)):
        station.ask(chance.choice(free), bogus, n / 2)


def play(stack: ExitStack, chance: random.Random, lab: Lab, lan: Lan) -> ProxyArp | None:
    """Lets all speak; returns the proxy where there is one."""
    for n, subnet in enumerate(lan.subnets):
        for k, host in enumerate(subnet.hosts):
            station = stack.enter_context(Chatter(lab[f"h{n}x{k}"], "eth0"))
            chat(chance, station, host, subnet)
    if lan.liar:
        lie(chance, stack.enter_context(Chatter(lab["liar"], "eth0")), lan)
    if not lan.proxy:
        return None
    delay = chance.uniform(0, 0.6)
    return stack.enter_context(ProxyArp(lab["router"], "lan", map(str, lan.used), delay))


def gateway_answers(daemon: Daemon, gateway: str) -> bool:
    try:
        return daemon.call("net.ping", host=gateway, count=3)["received"] > 0
    except ToolError:  # nobody answers ARP
        return False


def suggestion_works(raise_lab, start_daemon, seed: int) -> tuple[bool, str]:
    """Configures what is suggested; says whether the gateway answers a ping then."""
    chance = random.Random(seed)
    lan = random_lan(chance)
    lab = raise_lab(silent_lan, random_lan=lan)
    daemon = start_daemon(lab["host"])
    works = False
    with ExitStack() as stack:
        proxy = play(stack, chance, lab, lan)
        found = daemon.call("net.suggest", link="eth0", listen_seconds=LISTEN_SECONDS)
        told = f"seed {seed}: {lan}: {found}"
        assert not proxy or proxy.probes(), f"the proxy never acted: {told}"
        if "address" in found:
            assert IPv4Interface(found["address"]).ip not in lan.used, told
        if "address" in found and "gateway" in found:
            daemon.call("net.configure", link="eth0", method="static",
                        addresses=[found["address"]], gateway=found["gateway"])
            right = {subnet.gateway.ip for subnet in lan.subnets}
            works = IPv4Address(found["gateway"]) in right and gateway_answers(
                daemon, found["gateway"])
        daemon.stop()
    lab.destroy()
    return works, told


@pytest.mark.parametrize("seed", [SEED])
def test_suggestions_work(raise_lab, start_daemon, seed):
    results = [suggestion_works(raise_lab, start_daemon, seed + n) for n in range(COUNT)]
    failed = [told for works, told in results if not works]
    print(f"{COUNT - len(failed)} of {COUNT} work", *failed, sep="\n")
    assert len(failed) <= COUNT * (1 - LEAST_RATE) + 1e-9, "\n".join(failed)


def test_one_that_answers_everything(raise_lab, start_daemon):
    def proxied(lab: Lab) -> None:
        lan = lab.switch("lan")
        lab.host("router", lan=lan.at("192.0.2.1/24"))
        for n in (20, 21):
            host = lab.host(f"h{n}", eth0=lan.at(f"192.0.2.{n}/24"))
            host.serve(Murmur("eth0", "192.0.2.1", 0.5))
        lab.host("host", eth0=lan.at(up=True))

    lab = raise_lab(proxied)
    daemon = start_daemon(lab["host"])
    with ProxyArp(lab["router"], "lan", ["192.0.2.1"], delay=0.2) as proxy:
        found = daemon.call("net.suggest", link="eth0", listen_seconds=2)
        assert proxy.probes(), "the proxy never acted"
        assert found["gateway"] == "192.0.2.1" and found["gateway_answered"]
        assert found["address_probed"], found
        assert str(IPv4Interface(found["address"]).ip) not in {"192.0.2.20", "192.0.2.21"}
        assert any("answers for everybody" in line for line in found["evidence"])
        assert found["packets_sent"] <= 64
        daemon.call("net.configure", link="eth0", method="static", addresses=[found["address"]],
                    gateway=found["gateway"])
        assert gateway_answers(daemon, found["gateway"])


def test_no_evidence_is_said(raise_lab, start_daemon):
    def lonely(lab: Lab) -> None:
        lab.host("host", eth0=lab.switch("lan").at(up=True))

    daemon = start_daemon(raise_lab(lonely)["host"])
    found = daemon.call("net.suggest", link="eth0", listen_seconds=1)
    assert found["confidence"] == 0 and found["prefix"] == "169.254.0.0/16"
    assert "gateway" not in found and "nothing" in found["evidence"][0]
    assert found["packets_sent"] <= 64


def test_cable_that_is_pulled_meanwhile_is_said(raise_lab, start_daemon):
    def lonely(lab: Lab) -> None:
        lab.host("host", eth0=lab.switch("lan").at(up=True))

    host = raise_lab(lonely)["host"]
    daemon = start_daemon(host)
    cut = threading.Timer(0.5, host.pull, ["eth0"])
    cut.start()
    refused = daemon.refusal("net.suggest", link="eth0", listen_seconds=2)
    cut.join()
    assert refused["code"] == "link.busy" and "carrier" in refused["message"]
