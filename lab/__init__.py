"""Test hosts in network namespaces: raise a topology, run real servers in it, pull cables.

    from lab import Lab, topologies

    with Lab(topologies.home) as lab:
        lab["host"].run("ip", "link")

Nothing here touches the network of the machine it runs on: all links, addresses, routes, rulesets
and sysctls live in namespaces whose names carry the process that made them (see reaper.py).
"""

from .host import Host, Process
from .topology import Lab, Switch

__all__ = ["Host", "Lab", "Process", "Switch"]
