"""The HTTPS server of an API."""

import sys

from .base import Server, program
from ..certificates import authority


class Https(Server):
    """Answers HTTPS on 443 in the name of a host."""

    start_cost = 200

    def __init__(self, host_name: str, address: str) -> None:
        self.host_name = host_name
        self.name = f"https-{host_name}"
        self.address = address

    def command(self) -> list[str]:
        certificate = authority().issue(self.host_name, self.address)
        pem, key = certificate.install(self.host, self.name)
        return [sys.executable, "-I", program("https"), self.address, "443", pem, key]

    def ready(self) -> bool:
        return self.host.listens("tcp", 443, self.address)
