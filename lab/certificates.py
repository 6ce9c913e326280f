"""The certificate authority of the labs: made once in a process, trusted by every host of its labs.

In a host it is the only authority there is: /etc/ssl/certs holds nothing else.
"""

import functools
import subprocess
import tempfile
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .host import Host

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
KEY_TYPE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def install(self, host: "Host", name: str) -> tuple[str, str]:
        """Write both into the host; returns the paths of the certificate and of the key."""
        base = f"/run/lab/{name}"
        return (
            host.write(f"{base}.pem", self.certificate),
            host.write(f"{base}.key", self.key),
        )


@dataclass(frozen=True)
class Authority:
    """A certificate authority."""

    root: Certificate
    subject_hash: str

    def install(self, host: "Host") -> None:
        """Make the host trust this authority and no other."""
        host.write(BUNDLE, self.root.certificate)
        host.write(f"/etc/ssl/certs/{self.subject_hash}.0", self.root.certificate)

    @functools.cache
    def issue(self, *names: str, days: int = 30) -> Certificate:
        """A certificate for these names and addresses. A negative number of days: expired."""
        subject_names = ",".join(f"{name_type(name)}:{name}" for name in names)
        with tempfile.TemporaryDirectory() as directory:
            base = Path(directory)
            (base / "ca.pem").write_bytes(self.root.certificate)
            (base / "ca.key").write_bytes(self.root.key)
            request = ["req", *KEY_TYPE, "-keyout", "key", "-out", "request"]
            openssl(base, *request, "-subj", f"/CN={names[0]}", "-addext",
                    f"subjectAltName={subject_names}")  # fmt: skip
            openssl(base, "x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-days", str(days), "-copy_extensions", "copy", "-out", "pem")  # fmt: skip
            return Certificate((base / "pem").read_bytes(), (base / "key").read_bytes())


def name_type(name: str) -> str:
    """The kind of a subject alternative name, in openssl's words."""
    try:
        ip_address(name)
    except ValueError:
        return "DNS"
    return "IP"


def openssl(directory: Path, *arguments: str) -> str:
    """Run openssl in a directory."""
    result = subprocess.run(
        ["openssl", *arguments], cwd=directory, capture_output=True, text=True
    )
    if result.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {result.stderr}")
    return result.stdout


def new_authority(common_name: str) -> Authority:
    """Another authority, which no host trusts until it is installed there."""
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory)
        files = ["-keyout", "key", "-out", "pem"]
        usage = "keyUsage=critical,keyCertSign,cRLSign"
        openssl(base, "req", "-x509", *KEY_TYPE, *files, "-days", "30",
                "-subj", f"/CN={common_name}", "-addext", usage)  # fmt: skip
        subject_hash = openssl(base, "x509", "-in", "pem", "-noout", "-hash").strip()
        root = Certificate((base / "pem").read_bytes(), (base / "key").read_bytes())
        return Authority(root, subject_hash)


@functools.cache
def authority() -> Authority:
    """The authority that every host of this process's labs trusts."""
    return new_authority("aiosnet lab authority")
