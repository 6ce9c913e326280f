"""Networks without DHCP: net.suggest hears what is spoken, and its suggestion works."""

import os
import random
import threading
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from lab import Lab
from lab.arp import ProxyArp
from lab.daemon import Daemon, ToolError
from lab.servers import Murmur

COUNT = int(os.environ.get("AIOSNET_SILENT_COUNT", "4"))
SEED = int(os.environ.get("AIOSNET_SILENT_SEED", "1"))
LEAST_RATE = 0.9
PRIVATE = [IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")]


@dataclass
class Subnet:
    gateway: IPv4Interface
    hosts: list[IPv4Interface]


def random_subnet(chance: random.Random, most: int) -> Subnet:
    """A private network of an odd size, with its gateway first, last or anywhere."""
    length = chance.randint(20, 29)
    private = chance.choice(PRIVATE)
    offset = chance.randrange(2 ** (length - private.prefixlen)) << (32 - length)
    network = IPv4Network((int(private.network_address) + offset, length))
    size = network.num_addresses
    gateway = chance.choice([1, size - 2, chance.randint(1, size - 2)])
    others = [part for part in range(1, min(size - 1, 250)) if part != gateway]
    at = [gateway, *chance.sample(others, most)]
    gateway_at, *hosts = [IPv4Interface((int(network.network_address) + n, length)) for n in at]
    return Subnet(gateway_at, hosts)


def silent_lan(lab: Lab, subnets: list[Subnet], proxy: bool, every: float) -> None:
    lan = lab.switch("lan")
    gateways = [str(subnet.gateway) for subnet in subnets]
    router = lab.host("router", lan=lan.at(*gateways))
    if proxy:
        router.sysctl(ipv4__conf__all__proxy_arp=1)
    for n, subnet in enumerate(subnets):
        for k, address in enumerate(subnet.hosts):
            host = lab.host(f"h{n}x{k}", eth0=lan.at(str(address)))
            host.serve(Murmur("eth0", str(subnet.gateway.ip), every))
    lab.host("host", eth0=lan.at(up=True))


def gateway_answers(daemon: Daemon, gateway: str) -> bool:
    try:
        return daemon.call("net.ping", host=gateway, count=3)["received"] > 0
    except ToolError:  # nobody answers ARP
        return False


def suggestion_works(raise_lab, start_daemon, seed: int) -> tuple[bool, str]:
    """Configures what is suggested; says whether the gateway answers a ping then."""
    chance = random.Random(seed)
    subnets = [random_subnet(chance, 3) for _ in range(chance.choice([1, 1, 2]))]
    lab = raise_lab(silent_lan, subnets=subnets, proxy=chance.random() < 0.3,
                    every=chance.choice([0.5, 1.0, 2.0]))
    daemon = start_daemon(lab["host"])
    found = daemon.call("net.suggest", link="eth0", listen_seconds=4)
    told = f"seed {seed}: {subnets}: {found}"
    used = {address.ip for subnet in subnets for address in [subnet.gateway, *subnet.hosts]}
    if "address" not in found or "gateway" not in found:
        works = False
    else:
        assert IPv4Interface(found["address"]).ip not in used, told
        daemon.call("net.configure", link="eth0", method="static", addresses=[found["address"]],
                    gateway=found["gateway"])
        right = IPv4Address(found["gateway"]) in {subnet.gateway.ip for subnet in subnets}
        works = right and gateway_answers(daemon, found["gateway"])
    daemon.stop()
    lab.destroy()
    return works, told


@pytest.mark.parametrize("seed", [SEED])
def test_suggestions_work(raise_lab, start_daemon, seed):
    results = [suggestion_works(raise_lab, start_daemon, seed + n) for n in range(COUNT)]
    failed = [told for works, told in results if not works]
    print(f"{COUNT - len(failed)} of {COUNT} work")
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
        assert IPv4Interface(found["address"]).ip not in map(IPv4Address, ["192.0.2.20", "192.0.2.21"])
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
