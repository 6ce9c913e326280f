"""net.import and `aiosnet import`: other managers' files, the published examples among them."""

import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lab.daemon import Daemon, ToolError, client_path

DOCUMENTATION = Path("/usr/share/doc")
# Where packages put examples, and the format; AIOSNET_EXAMPLES adds "FORMAT=FOLDER:FORMAT=FOLDER".
PUBLISHED = [
    ("netplan", DOCUMENTATION / "netplan/examples"),
    ("netplan", DOCUMENTATION / "netplan.io/examples"),
    ("ifupdown", DOCUMENTATION / "ifupdown/examples"),
    ("networkd", Path("/usr/lib/systemd/network")),
    *[(pair.split("=")[0], Path(pair.split("=")[1]))
      for pair in os.environ.get("AIOSNET_EXAMPLES", "").split(":") if pair],
]
MANUALS = [
    ("networkd", Path("/usr/share/man/man5/systemd.network.5.gz"), ".network"),
    ("networkd", Path("/usr/share/man/man5/systemd.netdev.5.gz"), ".netdev"),
    ("networkmanager", Path("/usr/share/man/man5/nm-settings-keyfile.5.gz"), ".nmconnection"),
    ("ifupdown", Path("/usr/share/man/man5/interfaces.5.gz"), ""),
]
PUBLISHED_ENDINGS = {
    "netplan": (".yaml",), "networkd": (".network", ".netdev", ".link", ".example"),
    "networkmanager": (".nmconnection",), "ifupdown": ("",),
}


@pytest.fixture
def daemon(home, start_daemon) -> Daemon:
    daemon = start_daemon(home["host"])
    daemon.wait_until_online()
    return daemon


def run(daemon: Daemon, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command line beside the host, so that it reads the files of the test."""
    return subprocess.run(
        [client_path(), "--socket", daemon.host.path(daemon.socket_path), "import", *words],
        capture_output=True, text=True, timeout=60, check=False)


def translate(daemon: Daemon, form: str, **files: str) -> dict[str, Any]:
    return daemon.call("net.import", format=form, files=[
        {"name": name.replace("__", "."), "content": content} for name, content in files.items()])


def test_links_are_found_on_the_host(daemon):
    mac = daemon.host.ip("link", "show", "eth0")[0]["address"]
    before = daemon.host.addresses("eth0")
    answer = translate(daemon, "netplan", a__yaml=f"""
network:
  ethernets:
    mine: {{match: {{macaddress: "{mac}"}}, addresses: [192.168.1.77/24]}}
    theirs: {{match: {{macaddress: "02:ff:ff:ff:ff:ff"}}, dhcp4: true}}
""")
    assert answer["document"]["links"] == [
        {"name": "eth0", "addresses": ["192.168.1.77/24"], "up": True}]
    assert [(entry["line"], entry["setting"]) for entry in answer["untranslated"]] == [
        (5, "ethernets.theirs.match")]
    assert daemon.host.addresses("eth0") == before


def test_no_secret_comes_back_or_is_recorded(daemon):
    secret = "correct-horse-battery"
    answer = translate(daemon, "networkmanager", home__nmconnection=f"""
[connection]
id=home
type=wifi
interface-name=wlan0
[wifi-security]
psk={secret}
""")
    assert answer["untranslated"][0]["setting"] == "wifi-security.psk"
    assert secret not in json.dumps(answer)
    recorded = [path for path in daemon.host.path(daemon.state).rglob("*") if path.is_file()]
    assert recorded and not any(secret.encode() in path.read_bytes() for path in recorded)


def test_refusals(daemon):
    with pytest.raises(ToolError) as refused:
        translate(daemon, "wicked", a="")
    assert refused.value.error["parameter"] == "format"


def test_command_line(daemon, tmp_path):
    (tmp_path / "10-eth9.network").write_text(
        "[Match]\nName=eth9\n[Network]\nAddress=192.0.2.1/24\n")
    additions = tmp_path / "10-eth9.network.d"
    additions.mkdir()
    (additions / "more.conf").write_text("[Link]\nMTUBytes=1400\nAllMulticast=yes\n")
    (tmp_path / "unrelated.txt").write_text("nothing")
    done = run(daemon, "networkd", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["links"] == [
        {"name": "eth9", "addresses": ["192.0.2.1/24"], "mtu": 1400, "up": True}]
    assert "more.conf:3: Link.AllMulticast: " in done.stderr

    (tmp_path / "large.network").write_text("#" * 800_000)
    assert run(daemon, "networkd", str(tmp_path)).returncode != 0
    assert run(daemon, "networkd", str(tmp_path / "absent")).returncode == 2
    assert run(daemon, "wicked").returncode == 2


def published() -> list[tuple[str, str, str]]:
    """Format, name and content of each."""
    found = [(form, path.name.removesuffix(".example"), path.read_text(errors="replace"))
             for form, folder in PUBLISHED if folder.is_dir()
             for path in sorted(folder.iterdir())
             if path.is_file() and path.name.endswith(PUBLISHED_ENDINGS[form])
             and path.suffix not in (".sh", ".pl", ".gz", ".py")]
    for form, page, ending in MANUALS:
        for number, sample in enumerate(samples(page)):
            found.append((form, f"{number}{ending}", sample))
    return found


def samples(page: Path) -> list[str]:
    """The blocks of a manual page that are files: they begin with a section or a keyword."""
    if not page.exists():
        return []
    text = gzip.decompress(page.read_bytes()).decode()
    blocks = re.findall(r"^\.(?:nf|EX)\n(.*?)^\.(?:fi|EE)$", text, re.MULTILINE | re.DOTALL)
    plain = [re.sub(r"\\(?:f[BIRP]|&)", "", block).replace("\\-", "-").replace("\\e", "\\")
             for block in blocks]
    return [block for block in plain if re.search(r"^ *(\[\w+\]|iface |auto )", block, re.MULTILINE)]


@pytest.mark.skipif(not published(), reason="no package with examples is installed")
def test_published_examples(daemon):
    """Each gives something: a part of the layout, or an entry that names what was left out."""
    for form, name, content in published():
        answer = daemon.call("net.import", format=form,
                             files=[{"name": name, "content": content}])
        lines = [line for line in content.splitlines()
                 if line.strip() and line.strip()[0] not in "#;"]
        assert answer["document"]["links"] or answer["untranslated"] or not lines, content
        for entry in answer["untranslated"]:
            assert entry["why"] and 1 <= entry["line"] <= content.count("\n") + 1, (name, entry)


FILE = """
[Match]
Name=spare0
[Network]
Address=198.18.7.1/24
[Route]
Destination=203.0.113.0/24
Gateway=198.18.7.9
"""


def test_what_was_imported_is_applied_as_one_transaction(daemon):
    host = daemon.host
    host.run("ip", "link", "add", "spare0", "type", "veth", "peer", "name", "spare1")
    host.run("ip", "link", "set", "spare1", "up")
    files = [{"name": "/etc/systemd/network/10-spare.network", "content": FILE}]
    request = {"format": "networkd", "files": files, "take_over": True, "reason": "moved here"}
    assert daemon.call("net.import_apply", **request, dry_run=True)["state"] == "planned"
    assert host.addresses("spare0") == []
    made = daemon.call("net.import_apply", **request)
    assert made["state"] == "committed" and host.addresses("spare0") == ["198.18.7.1/24"]
    assert host.ip("route", "show", "203.0.113.0/24")
    assert daemon.call("net.import_apply", **request)["state"] == "unchanged"
    assert daemon.call("tx.history", limit=1)["transactions"][0]["reason"] == "moved here"
    daemon.call("tx.undo", transaction=made["transaction"])
    assert host.addresses("spare0") == [] and not host.ip("route", "show", "203.0.113.0/24")
