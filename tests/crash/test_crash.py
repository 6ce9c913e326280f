"""A crash between any two steps leaves, after a restart, the state before or the state after.

The daemon is killed (SIGKILL) at every system call by which it changes anything outside of itself:
what it sends to the kernel, to the network and to its clients, and what it writes. It is started
again on what is left, and when it has settled both the kernel and intent must be wholly as before
the change, or wholly as after it. Whether it dies before the n-th call or after the one before it
is the same to all that outlives it, so each gap between two calls is tried once.
"""

import itertools
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

import pytest

from lab.daemon import ToolError
from lab.host import LAB_FILES, wait_for
from stage import LINK, SERVER, Stage, State, differences

Call = tuple[str, dict[str, Any]]
LAST_CALLS = 0.2  # seconds at rest in which what follows the answer is done
FIRST_CALLS = 1.0  # seconds at rest after which a daemon is done with starting
SURVIVALS = 2  # so often in succession a worker finds no such call before it believes it
SPREAD = 4  # pages of the database: how many are written depends on what was stored before
TRIES = 5  # to strike a step that a run may not have, since it writes fewer pages
CALLS_MAX = 500

STATIC: Call = (
    "net.configure",
    {
        "link": LINK,
        "method": "static",
        "addresses": ["192.168.1.77/24", "10.9.0.1/16"],
        "gateway": SERVER,
        "dns": ["192.168.1.53"],
        "search": ["lab.example"],
        "reason": "a static address",
    },
)
DHCP: Call = ("net.configure", {"link": LINK, "method": "dhcp", "reason": "back to the lease"})
DEADLINE = 0.9  # seconds that are left to confirm a change
ROUTE = {"destination": "198.51.100.0/24", "gateway": SERVER, "metric": 7}
ROUTE_ADD: Call = ("net.route_add", ROUTE)


def last_transaction(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"transaction": results[-1]["transaction"], "reason": "a second thought"}


@dataclass
class Scenario:
    """What is done first, and the change that is cut off."""

    name: str
    tool: str
    arguments: dict[str, Any] | Callable[[list[dict[str, Any]]], dict[str, Any]]
    first: list[Call] = field(default_factory=list)


SCENARIOS = [
    Scenario("to_static", *STATIC),
    Scenario("to_dhcp", *DHCP, first=[STATIC]),
    Scenario("off", "net.configure", {"link": LINK, "method": "off"}),
    Scenario("route_add", *ROUTE_ADD),
    Scenario("route_del", "net.route_del", {"destination": ROUTE["destination"]},
             first=[ROUTE_ADD]),
    Scenario("mtu", "net.configure", {"link": LINK, "method": "dhcp", "mtu": 1400}),
    Scenario("undo_static", "tx.undo", last_transaction, first=[STATIC]),
    Scenario("undo_route", "tx.undo", last_transaction, first=[ROUTE_ADD]),
    Scenario("confirm_within", "net.route_add", {**ROUTE, "confirm_within": 600}),
    Scenario("confirm", "tx.confirm", lambda results: {"transaction": results[-1]["transaction"]},
             first=[("net.route_add", {**ROUTE, "confirm_within": 600})]),
]  # fmt: skip


@dataclass
class Recorded:
    """A change that nobody cut off: where it begins and ends, and how many steps it has."""

    saved: Any
    call: Call
    before: State
    after: State
    steps: list[str]  # until the client was answered


def has_lease(stage: Stage) -> bool:
    return bool(stage.host.addresses(LINK))


def record(stage: Stage, scenario: Scenario) -> Recorded:
    stage.reset(None)
    stage.start()
    wait_for(lambda: has_lease(stage), what="the first lease")
    results = [stage.daemon.call(tool, **arguments) for tool, arguments in scenario.first]
    arguments = scenario.arguments
    call = (scenario.tool, arguments(results) if callable(arguments) else arguments)
    stage.settle_still()
    before = stage.whole()
    saved = stage.save(scenario.name)

    stage.reset(saved)
    stage.start_from(before)
    with stage.client() as client:
        stage.control.arm()
        client.call(call[0], **call[1])
        calls = steps(stage.control.calls())
    stage.control.disarm()
    stage.settle_still()
    return Recorded(saved, call, before, stage.whole(), calls)


@dataclass
class Cut:
    """How a change ended: what the client heard, and whether the kill came in time."""

    told: bool = False
    killed: bool = False


def cut_off(stage: Stage, recorded: Recorded, at: int) -> Cut:
    """Do the change with a kill at its `at`-th call."""
    cut = Cut()
    stage.reset(recorded.saved)
    stage.start_from(recorded.before)
    with stage.client() as client:
        stage.control.arm(at)
        try:
            client.call(recorded.call[0], **recorded.call[1])
            cut.told = True
        except ConnectionError:
            pass
        cut.killed = stage.wait_for_death(LAST_CALLS)
    stage.control.disarm()
    return cut


def check(stage: Stage, recorded: Recorded, at: int) -> bool:
    """Kill at the `at`-th call and judge what is left; returns whether there was such a call."""
    cut = cut_off(stage, recorded, at)
    assert cut.killed or cut.told, "neither killed nor answered"
    stage.start()
    stage.settle(recorded.before, recorded.after)
    seen = stage.whole()
    allowed = [recorded.after] if cut.told else [recorded.before, recorded.after]
    if seen not in allowed:
        raise AssertionError(differences(seen, *allowed))
    stage.check_audit()
    return cut.killed


def steps(calls: list[str]) -> list[str]:
    """The calls without packets on the wire: the clock decides when those are sent."""
    return [call for call in calls if call.split()[1] not in ("packet", "inet")]


class Campaign:
    """Kills at call after call, on all stages side by side, until there are no more calls.

    The n-th call is another one in another run, by packets that came between: a step that was
    passed over is struck afterwards, without counting packets."""

    def __init__(self, judge: Callable[[Stage, int], bool]) -> None:
        self.judge = judge
        self.numbers = itertools.count(1)
        self.struck: set[int] = set()
        self.failures: list[str] = []

    def run(self, stages: list[Stage]) -> None:
        """Strike until there is nothing left to strike; raises with all that was wrong."""
        with ThreadPoolExecutor(len(stages)) as pool:
            list(pool.map(self.work, stages))
        self.judge_failures()

    def complete(self, stage: Stage, wanted: list[str]) -> None:
        """Strike what was passed over. `wanted` are the steps of a run that nothing cut off."""
        stage.control.steps_only = True
        for number in range(1, max(self.struck)):
            for _ in range(TRIES):
                if number not in self.struck:
                    self.strike(stage, number)
        stage.control.steps_only = False
        self.judge_failures()
        # What some runs have beyond those of a whole one (pages) need not be there in another.
        missed = set(range(1, min(max(self.struck), len(wanted) + 1))) - self.struck
        assert not missed, f"never struck: {missed}, of {len(wanted)}, at most {max(self.struck)}"
        assert len(self.struck) >= len(wanted) - SPREAD, f"struck {self.struck} of {wanted}"

    def judge_failures(self) -> None:
        report = "\n\n".join(self.failures)
        assert not self.failures, f"{len(self.failures)} failures:\n{report}"

    def work(self, stage: Stage) -> None:
        survived = 0
        while survived < SURVIVALS:
            at = next(self.numbers)
            assert at < CALLS_MAX
            survived = 0 if self.strike(stage, at) else survived + 1

    def strike(self, stage: Stage, at: int) -> bool:
        """Kill at the `at`-th call; returns whether there was one."""
        try:
            killed = self.judge(stage, at)
        except (AssertionError, ToolError, TimeoutError, RuntimeError) as failure:
            killed = True
            last = stage.struck[-1] if stage.struck else "?"
            self.failures.append(f"struck at {at}, {last}:\n{failure}")
        if killed and steps(stage.struck[-1:]):
            self.struck.add(len(steps(stage.struck)))
        return killed


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_killed_at_every_step(scenario: Scenario, stages: list[Stage]) -> None:
    recorded = record(stages[0], scenario)
    assert recorded.before != recorded.after
    campaign = Campaign(lambda stage, at: check(stage, recorded, at))
    campaign.run(stages)
    campaign.complete(stages[0], recorded.steps)


def start_cut_off(stage: Stage, after: State, at: int) -> bool:
    """The first start of all, killed at its `at`-th call: the next one brings the host online."""
    stage.reset(None)
    stage.control.arm(at)
    stage.daemon.start(wait=False)
    killed = stage.wait_for_death(FIRST_CALLS)
    stage.control.disarm()
    stage.start()
    stage.settle(after)
    seen = stage.whole()
    assert seen == after, differences(seen, after)
    stage.check_audit()
    return killed


def test_first_start_killed_at_every_step(stages: list[Stage]) -> None:
    stage = stages[0]
    stage.reset(None)
    stage.control.arm()
    stage.start()
    wanted = steps(stage.control.calls())
    stage.control.disarm()
    wait_for(lambda: has_lease(stage), what="the first lease")
    stage.settle_still()
    after = stage.whole()
    campaign = Campaign(lambda stage, at: start_cut_off(stage, after, at))
    campaign.run(stages)
    campaign.complete(stage, wanted)


def withdrawal_cut_off(stage: Stage, pending: Recorded, after: State, at: int) -> bool:
    """The deadline of a change passes, and the daemon is killed at the `at`-th call after that."""
    stage.reset(stage.with_deadline(pending.saved, DEADLINE))
    stage.start_from(pending.before)
    stage.control.arm(at)
    killed = stage.wait_for_death(DEADLINE + LAST_CALLS)
    stage.control.disarm()
    stage.start()
    stage.settle(after)
    seen = stage.whole()
    assert seen == after, differences(seen, after)
    stage.check_audit()
    return killed


def test_withdrawal_killed_at_every_step(stages: list[Stage]) -> None:
    """A change that nobody confirmed is taken back, even if the daemon dies over it."""
    stage = stages[0]
    change = ("net.route_add", {**ROUTE, "confirm_within": 600})
    pending = record(stage, Scenario("withdrawal", *STATIC, first=[change]))
    stage.reset(stage.with_deadline(pending.saved, DEADLINE))
    stage.start_from(pending.before)
    stage.control.arm()
    stage.wait_quiet(DEADLINE + LAST_CALLS)
    wanted = steps(stage.control.calls())
    stage.control.disarm()
    stage.settle_still()
    after = stage.whole()
    assert after["history"] == [("net.route_add", "undone"), ("tx.undo", "committed")]
    campaign = Campaign(lambda stage, at: withdrawal_cut_off(stage, pending, after, at))
    campaign.run(stages)
    campaign.complete(stage, wanted)


def test_no_call_escapes_the_count(stage: Stage) -> None:
    """strace sees no call that changes something and was not counted."""
    stage.reset(None)
    stage.control.arm()
    stage.daemon.start(under=["strace", "-qq", "-f", "-o", f"{LAB_FILES}/trace"])
    wait_for(lambda: has_lease(stage), what="the first lease")
    for tool, arguments in (STATIC, DHCP, ROUTE_ADD):
        stage.daemon.call(tool, **arguments)
    stage.daemon.stop_traced()
    names = (call.split()[0].removesuffix("64") for call in stage.control.calls())
    counted = Counter("sendto" if name == "send" else name for name in names)
    traced = Counter(changing_calls(stage.host.read(f"{LAB_FILES}/trace")))
    assert counted == traced
    assert counted["pwrite"] > 50 and counted["sendto"] > 10


CHANGING = re.compile(
    r"(p?writev?2?|pwrite64|send(to|msg|mmsg|file)|f(data)?sync|sync_file_range|copy_file_range|"
    r"f?truncate|fallocate|rename(at2?)?|unlink(at)?|rmdir|(sym)?link(at)?|mk(dir|nod)(at)?|"
    r"f?ch(mod|own)(at)?|bind|mount|umount2?|f?(set|remove)xattr|io_uring_enter|io_submit)\("
)
OPENING = re.compile(r"open(at2?)?\(.*O_(CREAT|TRUNC)")


def changing_calls(trace: str) -> Iterator[str]:
    """The calls of a trace that change something, by the names of the C library's functions."""
    started = False
    for line in trace.splitlines():
        words = line.split(maxsplit=1)[1]
        started = started or "aiosnetd" in words and words.startswith("execve(")
        if not started or words.startswith("write(2, "):
            continue
        if found := CHANGING.match(words):
            yield found.group(1).removesuffix("64")
        elif OPENING.match(words):
            yield "open"
