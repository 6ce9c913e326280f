"""net.http_probe against web servers of a home's Internet: phases, certificates, redirects, portals."""

import hashlib
import socket
import subprocess

import pytest
from lab import Lab, topologies
from lab.certificates import Certificate, authority
from lab.daemon import Daemon
from lab.host import Host, wait_for
from lab.servers.base import program

PAGES = """
import http.server, sys

class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, headers, body = {
            "/204": (204, {}, b""),
            "/big": (200, {}, b"x" * 200000),
            "/secret": (200, {"Set-Cookie": "session=hush", "X-Plain": "seen"}, b"\\xff\\x1bhello"),
            "/away": (302, {"Location": "/204"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/portal": (302, {"Location": "http://login.portal.test/"}, b""),
            "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        }.get(self.path, (404, {}, b"no such page"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer((sys.argv[1], 80), Pages).serve_forever()
"""
NAME = "www.example.com"


@pytest.fixture(scope="module")
def lab():
    with Lab(topologies.home) as lab:
        net = lab["internet"]
        net.popen("/usr/bin/python3", "-I", "-c", PAGES, topologies.WWW, name="pages")
        wait_for(lambda: net.listens("tcp", 80, topologies.WWW), 10)
        yield lab


@pytest.fixture(scope="module")
def daemon(lab):
    with Daemon(lab["host"]) as daemon:
        daemon.wait_until_online()
        yield daemon


def serve_tls(net: Host, port: int, certificate: Certificate) -> None:
    pem, key = certificate.install(net, f"tls-{port}")
    command = "/usr/bin/python3", "-I", program("https"), topologies.WWW, port, pem, key
    net.popen(*command, name=f"tls-{port}")
    wait_for(lambda: net.listens("tcp", port, topologies.WWW), 10)


def test_https_by_name(daemon):
    probe = daemon.call("net.http_probe", url="https://api.anthropic.com/")
    assert probe["status"] == 200 and probe["address"] == topologies.API, probe
    assert probe["addresses"] == [topologies.API] and probe["redirects"] == []
    timing = probe["timing"]
    assert 0 < timing["connect_us"] <= timing["tls_us"] <= timing["first_byte_us"]
    assert timing["first_byte_us"] <= timing["total_us"] and timing["lookup_us"] > 0
    certificate = probe["certificate"]
    assert certificate["verified"] and "reason" not in certificate, certificate
    assert certificate["subject"] == "CN=api.anthropic.com"
    assert certificate["names"] == ["api.anthropic.com", topologies.API]
    assert 28 <= certificate["days_left"] <= 30


def test_plain_http(daemon):
    probe = daemon.call("net.http_probe", url=f"http://{NAME}/secret", body=True, link="eth0")
    headers = {header["name"]: header["value"] for header in probe["headers"]}
    assert headers["X-Plain"] == "seen" and headers["Set-Cookie"] == "(hidden)", headers
    assert "hush" not in str(probe) and probe["version"] == "1.1"
    assert probe["body"].endswith("hello") and "\x1b" not in probe["body"]
    assert probe["body_sha256"] == hashlib.sha256(b"\xff\x1bhello").hexdigest()
    assert "certificate" not in probe and "tls_us" not in probe["timing"]
    assert "verdict" not in probe
    probe = daemon.call("net.http_probe", url=f"http://{NAME}/secret", method="HEAD")
    assert probe["status"] == 200 and probe["body_bytes"] == 0


def test_a_large_page_is_cut(daemon):
    probe = daemon.call("net.http_probe", url=f"http://{topologies.WWW}/big")
    assert probe["status"] == 200 and probe["body_cut"] and probe["body_bytes"] == 65536
    assert "lookup_us" not in probe["timing"] and "body" not in probe


def test_redirects(daemon):
    probe = daemon.call("net.http_probe", url=f"http://{NAME}/away")
    assert probe["status"] == 302
    [redirect] = probe["redirects"]
    assert redirect["location"] == f"http://{NAME}/204" and redirect["status"] == 302
    probe = daemon.call("net.http_probe", url=f"http://{NAME}/away", follow=1)
    assert probe["status"] == 204 and probe["url"].endswith("/204") and len(probe["redirects"]) == 1
    probe = daemon.call("net.http_probe", url=f"http://{NAME}/round", follow=3)
    assert probe["status"] == 302 and len(probe["redirects"]) == 4
    error = daemon.refusal("net.http_probe", url=f"http://{NAME}/file", follow=1)
    assert error["code"] == "parameter.range", error


def test_captive_portal(daemon):
    url = f"http://{NAME}"
    cases = [
        ({"url": f"{url}/204", "expect_status": 204}, "as_expected"),
        ({"url": f"{url}/secret", "expect_body": "hello"}, "as_expected"),
        ({"url": f"{url}/portal", "expect_status": 204}, "captive_portal"),
        ({"url": f"{url}/secret", "expect_status": 204}, "captive_portal"),
        ({"url": f"{url}/secret", "expect_body": "success"}, "captive_portal"),
        ({"url": f"{url}/nothing", "expect_status": 204}, "unexpected"),
    ]
    for arguments, verdict in cases:
        assert daemon.call("net.http_probe", **arguments)["verdict"] == verdict, arguments


def self_signed(tmp_path) -> Certificate:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key",
               "-out", "pem", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=30)
    return Certificate((tmp_path / "pem").read_bytes(), (tmp_path / "key").read_bytes())


def test_certificates_that_do_not_hold(daemon, lab, tmp_path):
    cases = [
        (8441, authority().issue(NAME, days=-1), "expired"),
        (8442, authority().issue("other.example.net"), "other names"),
        (8443, self_signed(tmp_path), "nobody whom this host trusts"),
    ]
    for port, certificate, reason in cases:
        serve_tls(lab["internet"], port, certificate)
        probe = daemon.call("net.http_probe", url=f"https://{NAME}:{port}/")
        assert probe["status"] == 200 and not probe["certificate"]["verified"], probe
        assert reason in probe["certificate"]["reason"], probe["certificate"]


def test_http_probe_refuses(daemon, lab):
    cases = [
        ({"url": "ftp://www.example.com/"}, "parameter.range", "url"),
        ({"url": "file:///etc/passwd"}, "parameter.range", "url"),
        ({"url": "http://me:secret@www.example.com/"}, "parameter.range", "url"),
        ({"url": "http://no-such-name.com/"}, "name.not_found", "url"),
        ({"url": f"http://{NAME}:81/"}, "connection.refused", "url"),
        ({"url": f"https://{NAME}:80/"}, "protocol.failed", "url"),
        ({"url": "http://192.168.1.250/", "timeout": 300}, None, "url"),
        ({"url": f"http://{NAME}/", "link": "eth9"}, "link.unknown", "link"),
    ]
    for arguments, code, parameter in cases:
        error = daemon.refusal("net.http_probe", **arguments)
        assert code in (None, error["code"]) and error["parameter"] == parameter, (arguments, error)


def test_the_daemon_answers_meanwhile(daemon, lab):
    """A server that accepts and says nothing holds up nobody; the call goes with its client."""
    net = lab["internet"]
    with net.entered():
        listener = socket.create_server((topologies.WWW, 8088))
    with listener, daemon.client() as slow:
        arguments = {"url": f"http://{topologies.WWW}:8088/", "timeout": 30000}
        params = {"name": "net.http_probe", "arguments": arguments}
        slow.send({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params})
        for _ in range(5):
            daemon.call("net.interfaces")
        error = daemon.refusal("net.http_probe", url=arguments["url"], timeout=200)
    assert error["code"] == "timeout", error
    assert daemon.status()["version"]
