"""python3 -m lab TOPOLOGY [--dhcp NAME] [--daemon] [-- COMMAND...]   a shell in its bare host
python3 -m lab list                                                what topologies there are
python3 -m lab reap                                                remove what crashed labs left"""

import argparse
import os
import subprocess
import sys

from . import reaper
from .daemon import Daemon
from .servers import Dnsmasq, Kea, Udhcpd
from .topologies import TOPOLOGIES
from .topology import Lab

DHCP_SERVERS = {"dnsmasq": Dnsmasq, "kea": Kea, "udhcpd": Udhcpd}


def list_topologies() -> None:
    for name, function in TOPOLOGIES.items():
        assert function.__doc__
        print(f"{name:12} {function.__doc__.splitlines()[0]}")


def plan(lab: Lab) -> str:
    """The lab in a few lines: hosts, interfaces, where they are plugged in, servers."""
    lines = []
    for host in lab.hosts.values():
        places = [
            f"{name} on {interface.cable.switch}"
            + (f" ({interface.addresses[0]})" if interface.addresses else "")
            for name, interface in host.interfaces.items()
        ]
        lines.append(f"{host.name:10} pid {host.pid:<7} {', '.join(places)}")
        if host.servers:
            lines.append(f"{'':10} serves {', '.join(server.name for server in host.servers)}")
    return "\n".join(lines)


def run_inside(lab: Lab, name: str, command: list[str]) -> int:
    """Run a command, by default a shell, on this terminal in a host."""
    host = lab[name]
    environment = os.environ | {"PS1": f"{name}# ", "AIOSNET_LAB": lab.name}
    if command:
        return subprocess.call(host.command(*command), env=environment)
    print(plan(lab))
    print(f"\nThis is {name}. Another host: nsenter -n -m -t PID. The lab ends with this shell.")
    return subprocess.call(host.command("bash", "--norc"), env=environment)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description="Test hosts in network namespaces.", usage=__doc__
    )
    parser.add_argument("what", choices=[*TOPOLOGIES, "list", "reap"])
    parser.add_argument("--dhcp", choices=DHCP_SERVERS, help="the DHCP server of the routers")
    parser.add_argument("--host", default="host", help="the host to be in (default: the bare one)")
    parser.add_argument("--daemon", action="store_true", help="start aiosnetd in the bare host")
    return parser


def main() -> int:
    # argparse does not find positional arguments that come after options.
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    options, command = arguments().parse_args(words[:end]), words[end + 1 :]
    if options.what == "list":
        list_topologies()
        return 0
    if os.geteuid() != 0:
        print("lab: namespaces need root", file=sys.stderr)
        return 1
    if options.what == "reap":
        for name in reaper.reap():
            print(name)
        return 0
    settings = {"dhcp": DHCP_SERVERS[options.dhcp]} if options.dhcp else {}
    with Lab(TOPOLOGIES[options.what], **settings) as lab:
        if options.daemon:
            Daemon(lab["host"]).start()
        return run_inside(lab, options.host, command)


if __name__ == "__main__":
    sys.exit(main())
