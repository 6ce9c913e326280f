"""Measure aiosnet side by side with its peers, in network namespaces."""

import argparse
import os
import sys

from lab.daemon import client_path, daemon_path

from . import report
from .field import SERVERS, busy, program
from .rows import Choice, Row
from .scale import HEAVY
from .systems import SYSTEMS
from .works import EXPERIMENTS

CALL_PEERS = ["ip", "nmcli"]


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("row", nargs="*", help=f"{', '.join(EXPERIMENTS)} (all)", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--runs", type=int, help="of each system (9)")
    parser.add_argument("--peers", help="only these, separated by commas; none: without peers")
    parser.add_argument("--quick", action="store_true",
                        help="3 runs, without what takes long")  # fmt: skip
    parser.add_argument("--server", choices=SERVERS, default="dnsmasq",
                        help="the DHCP server of the row online (dnsmasq)")  # fmt: skip
    return parser


def parse_peers(text: str | None, parser: argparse.ArgumentParser) -> frozenset[str] | None:
    if text is None:
        return None
    known = [system.name for system in SYSTEMS[2:]] + CALL_PEERS
    by_lower = {name.lower(): name for name in known}
    wanted = [name.strip().lower() for name in text.split(",") if name.strip() != "none"]
    for name in wanted:
        if name not in by_lower:
            parser.error(f"{name} is no peer; known are {', '.join(known)}")
    return frozenset(by_lower[name] for name in wanted)


def progress(text: str) -> None:
    """A line that the next one replaces, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def show(row: Row, as_json: bool) -> None:
    progress("")
    print(report.as_json(row) if as_json else report.as_table(row, sys.stdout.isatty()), flush=True)


def main() -> int:
    parser = arguments()
    options = parser.parse_args()
    for name in options.row:
        if name not in EXPERIMENTS:
            parser.error(f"{name} is no row; there are {', '.join(EXPERIMENTS)}")
    for path in (daemon_path(), client_path(), program("watch")):
        if not os.path.exists(path):
            parser.error(f"{path} is not built")
    if os.geteuid() != 0:
        parser.error("namespaces need root")
    choice = Choice(
        runs=options.runs or (3 if options.quick else 9),
        peers=parse_peers(options.peers, parser),
        quick=options.quick,
        server=options.server,
        progress=progress,
    )
    wanted = options.row or [
        name for name in EXPERIMENTS if not (options.quick and name in HEAVY)
    ]
    for experiment in dict.fromkeys(EXPERIMENTS[name] for name in wanted):
        for row in experiment(choice):
            # An experiment may give more rows than those that were asked for.
            if row.work in wanted or row.work not in EXPERIMENTS:
                show(row, options.json)
    if warning := busy():
        print(f"\nThe machine is in use ({warning}): figures are noisy.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
