"""The manual pages name all that there is."""

import re
from pathlib import Path

from conftest import BUILD, Cli

ROOT = Path(__file__).parents[2]


def plain(page: Path) -> str:
    return page.read_text().replace("\\-", "-")


def test_commands_and_options(cli: Cli) -> None:
    page, text = plain(BUILD / "man/aiosnet.1"), cli("help").out
    commands = re.findall(r"^ {1,4}([a-z]+)\b", text.split("Options")[0], re.MULTILINE)
    options = re.findall(r"--[a-z-]+", text.split("Options")[1].split("Exit status")[0])
    assert len(commands) > 10 and len(options) >= 6, text
    for command in commands:
        assert f".It Cm {command}" in page, command
    for option in options:
        assert f"Fl {option[1:]}" in page, option


def test_options_of_the_daemon() -> None:
    page = plain(ROOT / "man/aiosnetd.8")
    source = (ROOT / "src/daemon/options.c").read_text()
    options = re.findall(r'\{\{"([a-z-]+)", (?:required|no)_argument', source)
    assert len(options) > 8
    for option in options:
        assert f".It Fl -{option}" in page, option


def test_every_tool_is_described() -> None:
    page = plain(BUILD / "man/aiosnet-tools.7")
    names = set()
    for file in (ROOT / "src/tools").glob("tools_*.c"):
        names |= set(re.findall(r'^\t+\.name = "([a-z0-9_.]+)"', file.read_text(), re.MULTILINE))
    assert len(names) > 15
    for name in names:
        assert f".Ss {name}\n" in page, name
