"""busybox udhcpc as the client that proves the lab."""

from pathlib import Path

from lab import Host

SCRIPT = Path(__file__).parent / "udhcpc.script"
OPTIONS = ["mtu", "search", "staticroutes", "ntpsrv", "domain", "lease", "0x6c", "0x72"]


def get_lease(host: Host, interface: str = "eth0") -> dict[str, str]:
    """Configure the host by DHCP; returns what the server gave, by udhcpc's names."""
    host.run("ip", "link", "set", interface, "up")
    asked = [part for option in OPTIONS for part in ("-O", option)]
    options = ["-i", interface, "-n", "-q", "-f", "-t", "5", "-T", "2", "-s", SCRIPT]
    host.run("busybox", "udhcpc", *options, *asked)
    return dict(line.split("=", 1) for line in host.read("/run/lease").splitlines())
