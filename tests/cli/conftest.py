"""The command line under test, and a fake daemon for it to speak with."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from fake_daemon import FakeDaemon

BUILD = Path(os.environ.get("AIOSNET_BUILD", Path(__file__).parents[2] / "build"))
PROGRAM = BUILD / "src/cli/aiosnet"


@dataclass
class Answer:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    def __init__(self, socket: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "AIOSNET_SOCKET": str(socket),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "TZ": "UTC",
        }

    def __call__(self, *words: str, stdin: bytes = b"", **environment: str) -> Answer:
        done = subprocess.run(
            [PROGRAM, *words], input=stdin, capture_output=True, timeout=20,
            env={**self.environment, **environment}, check=False)
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([PROGRAM, *words], env=self.environment, **options)


@pytest.fixture(params=["modern", "legacy", "both"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[Callable[..., FakeDaemon]]:
    made: list[FakeDaemon] = []

    def make(**options: Any) -> FakeDaemon:
        made.append(FakeDaemon(tmp_path / "net.sock", **options))
        return made[-1]

    yield make
    for daemon in made:
        daemon.close()


@pytest.fixture
def daemon(make_daemon: Callable[..., FakeDaemon]) -> FakeDaemon:
    return make_daemon()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "net.sock")
